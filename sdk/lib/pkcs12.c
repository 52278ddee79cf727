/* PKCS#12 (RFC 7292) for servers that read nothing else: PBES2 with AES-256, HMAC-SHA-256 over the whole. */
#include "key_private.h"

#include <gnutls/pkcs12.h>

CERTCTL_DEFINE_AUTO(struct gnutls_pkcs12_int, gnutls_pkcs12_deinit);
CERTCTL_DEFINE_AUTO(struct gnutls_pkcs12_bag_int, gnutls_pkcs12_bag_deinit);

/* Key id and name tie the key to its leaf; readers list entries by that name. */
static int label(gnutls_pkcs12_bag_t bag, int index, const struct certctl_certificate *leaf, const char *alias)
{
	gnutls_datum_t id = { (unsigned char *)leaf->fingerprint_sha256, 40 };
	int rc = gnutls_pkcs12_bag_set_key_id(bag, (unsigned)index, &id);

	if (rc >= 0 && alias)
		rc = gnutls_pkcs12_bag_set_friendly_name(bag, (unsigned)index, alias);
	return rc;
}

static int add_certificate(gnutls_pkcs12_bag_t bag, const struct certctl_certificate *certificate)
{
	gnutls_datum_t der = { certificate->der.data, (unsigned)certificate->der.len };

	return gnutls_pkcs12_bag_set_data(bag, GNUTLS_BAG_CERTIFICATE, &der);
}

static int add_certificates(gnutls_pkcs12_t pkcs12, const struct certctl_certificate *leaf,
	struct certctl_certificate *const *chain, size_t chain_count, const char *alias, const char *password)
{
	CERTCTL_AUTO(gnutls_pkcs12_bag_deinit) gnutls_pkcs12_bag_t bag = NULL;
	int rc = gnutls_pkcs12_bag_init(&bag);

	if (rc >= 0 && (rc = add_certificate(bag, leaf)) >= 0)
		rc = label(bag, rc, leaf, alias);
	for (size_t i = 0; rc >= 0 && i < chain_count; i++)
		rc = add_certificate(bag, chain[i]);
	if (rc >= 0)
		rc = gnutls_pkcs12_bag_encrypt(bag, password, GNUTLS_PKCS_PBES2_AES_256);
	return rc >= 0 ? gnutls_pkcs12_set_bag(pkcs12, bag) : rc;
}

static int add_key(gnutls_pkcs12_t pkcs12, const struct certctl_key *key, const struct certctl_certificate *leaf,
	const char *alias, const char *password)
{
	CERTCTL_AUTO(gnutls_pkcs12_bag_deinit) gnutls_pkcs12_bag_t bag = NULL;
	gnutls_datum_t der = { 0 };
	int rc = gnutls_x509_privkey_export2_pkcs8(key->x509, GNUTLS_X509_FMT_DER, password, GNUTLS_PKCS_PBES2_AES_256,
		&der);

	if (rc >= 0)
		rc = gnutls_pkcs12_bag_init(&bag);
	if (rc >= 0 && (rc = gnutls_pkcs12_bag_set_data(bag, GNUTLS_BAG_PKCS8_ENCRYPTED_KEY, &der)) >= 0)
		rc = label(bag, rc, leaf, alias);
	gnutls_free(der.data);
	return rc >= 0 ? gnutls_pkcs12_set_bag(pkcs12, bag) : rc;
}

int certctl_pkcs12_write(TALLOC_CTX *mem, const struct certctl_key *key, const struct certctl_certificate *leaf,
	struct certctl_certificate *const *chain, size_t chain_count, const char *alias,
	const struct certctl_secret *password, struct certctl_secret *ret, struct certctl_error *err)
{
	CERTCTL_AUTO(gnutls_pkcs12_deinit) gnutls_pkcs12_t pkcs12 = NULL;
	gnutls_datum_t der = { 0 };

	if (!password->data || !password->len || memchr(password->data, 0, password->len))
		return certctl_fail(err, CERTCTL_E_INVALID, "PKCS#12: a password without NUL is needed");
	if (key && !certctl_key_matches(key, &leaf->public_key))
		return certctl_fail(err, CERTCTL_E_INVALID, "private key: does not belong to the certificate");
	const char *text = (const char *)password->data;
	int rc = gnutls_pkcs12_init(&pkcs12);

	if (rc >= 0)
		rc = add_certificates(pkcs12, leaf, chain, chain_count, alias, text);
	if (rc >= 0 && key)
		rc = add_key(pkcs12, key, leaf, alias, text);
	if (rc >= 0)
		rc = gnutls_pkcs12_generate_mac2(pkcs12, GNUTLS_MAC_SHA256, text);
	if (rc >= 0)
		rc = gnutls_pkcs12_export2(pkcs12, GNUTLS_X509_FMT_DER, &der);
	if (rc < 0)
		return certctl_fail_gnutls(err, CERTCTL_E_INVALID, rc, "PKCS#12");
	return certctl_secret_take(mem, &der, ret, err);
}
