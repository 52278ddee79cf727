/* Private keys: making, holding, writing, comparing them.  Reading foreign formats is in key_read.c. */
#include "key_private.h"

#include <gnutls/crypto.h>

CERTCTL_DEFINE_AUTO(struct gnutls_pubkey_st, gnutls_pubkey_deinit);

int certctl_fail_gnutls(struct certctl_error *err, enum certctl_code code, int gnutls_code, const char *what)
{
	return certctl_fail(err, gnutls_code == GNUTLS_E_MEMORY_ERROR ? CERTCTL_E_NO_MEMORY : code, "%s: %s", what,
		gnutls_strerror(gnutls_code));
}

int certctl_secret_take(TALLOC_CTX *mem, gnutls_datum_t *from, struct certctl_secret *ret, struct certctl_error *err)
{
	struct certctl_secret secret = { 0 };
	int rc = certctl_secret_set(mem, &secret, from->data, from->size);

	certctl_wipe(from->data, from->size);
	gnutls_free(from->data);
	from->data = NULL;
	if (rc < 0)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	*ret = secret;
	return 0;
}

/* GnuTLS overwrites a key's numbers before it frees them. */
static int key_destroy(struct certctl_key *key)
{
	if (key->handle)
		gnutls_privkey_deinit(key->handle);
	if (key->x509)
		gnutls_x509_privkey_deinit(key->x509);
	return 0;
}

static int read_public(struct certctl_key *key, struct certctl_error *err)
{
	CERTCTL_AUTO(gnutls_pubkey_deinit) gnutls_pubkey_t pubkey = NULL;
	struct certctl_der_element whole;
	gnutls_datum_t der = { 0 };
	int rc = gnutls_pubkey_init(&pubkey);

	if (rc >= 0)
		rc = gnutls_pubkey_import_privkey(pubkey, key->handle, 0, 0);
	if (rc >= 0)
		rc = gnutls_pubkey_export2(pubkey, GNUTLS_X509_FMT_DER, &der);
	if (rc < 0)
		return certctl_fail_gnutls(err, CERTCTL_E_UNSUPPORTED, rc, "public key");
	key->public_der = (struct certctl_bytes){ talloc_memdup(key, der.data, der.size), der.size };
	gnutls_free(der.data);
	if (!key->public_der.data)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	rc = certctl_der_whole(key->public_der.data, key->public_der.len, CERTCTL_DER_SEQUENCE, "public key", &whole,
		err);
	return rc < 0 ? rc : certctl_public_key_read(&whole, &key->public_key, err);
}

int certctl_key_adopt(TALLOC_CTX *mem, gnutls_x509_privkey_t x509, struct certctl_key **ret, struct certctl_error *err)
{
	struct certctl_key *key = talloc_zero(mem, struct certctl_key);

	if (!key) {
		gnutls_x509_privkey_deinit(x509);
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	}
	key->x509 = x509;
	talloc_set_destructor(key, key_destroy);
	int rc = gnutls_privkey_init(&key->handle);

	if (rc >= 0)
		rc = gnutls_privkey_import_x509(key->handle, x509, 0);
	rc = rc < 0 ? certctl_fail_gnutls(err, CERTCTL_E_INVALID, rc, "private key") : read_public(key, err);
	if (rc < 0) {
		talloc_free(key);
		return rc;
	}
	*ret = key;
	return 0;
}

int certctl_key_generate(TALLOC_CTX *mem, enum certctl_key_type type, struct certctl_key **ret,
	struct certctl_error *err)
{
	static const struct {
		gnutls_pk_algorithm_t algorithm;
		unsigned bits;
	} rows[CERTCTL_KEY_TYPE_COUNT] = {
		[CERTCTL_RSA_2048] = { GNUTLS_PK_RSA, 2048 },
		[CERTCTL_RSA_3072] = { GNUTLS_PK_RSA, 3072 },
		[CERTCTL_RSA_4096] = { GNUTLS_PK_RSA, 4096 },
		[CERTCTL_ECDSA_P256] = { GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1) },
		[CERTCTL_ECDSA_P384] = { GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1) },
		[CERTCTL_ED25519] = { GNUTLS_PK_EDDSA_ED25519, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_ED25519) },
	};
	gnutls_x509_privkey_t x509 = NULL;

	if (type <= 0 || type >= CERTCTL_KEY_TYPE_COUNT)
		return certctl_fail(err, CERTCTL_E_INVALID, "key type: %d is none", (int)type);
	int rc = gnutls_x509_privkey_init(&x509);

	if (rc >= 0)
		rc = gnutls_x509_privkey_generate(x509, rows[type].algorithm, rows[type].bits, 0);
	if (rc < 0) {
		gnutls_x509_privkey_deinit(x509);
		return certctl_fail_gnutls(err, CERTCTL_E_IO, rc, "key generation");
	}
	return certctl_key_adopt(mem, x509, ret, err);
}

static void free_wiped(gnutls_datum_t *datum)
{
	certctl_wipe(datum->data, datum->size);
	gnutls_free(datum->data);
}

/* GnuTLS writes a key that came in PKCS#8 without the name of its curve: nobody reads that.  A key made of its numbers has it. */
static int export_ec(gnutls_x509_privkey_t x509, gnutls_datum_t *ret)
{
	gnutls_datum_t x = { 0 }, y = { 0 }, k = { 0 };
	gnutls_x509_privkey_t named = NULL;
	gnutls_ecc_curve_t curve;
	int rc = gnutls_x509_privkey_export_ecc_raw(x509, &curve, &x, &y, &k);

	if (rc >= 0)
		rc = gnutls_x509_privkey_init(&named);
	if (rc >= 0)
		rc = gnutls_x509_privkey_import_ecc_raw(named, curve, &x, &y, &k);
	if (rc >= 0)
		rc = gnutls_x509_privkey_export2(named, GNUTLS_X509_FMT_PEM, ret);
	gnutls_x509_privkey_deinit(named);
	free_wiped(&k);
	gnutls_free(x.data);
	gnutls_free(y.data);
	return rc;
}

/* PKCS#1 or SEC1. */
static int export_traditional(gnutls_x509_privkey_t x509, gnutls_datum_t *ret)
{
	if (gnutls_x509_privkey_get_pk_algorithm(x509) == GNUTLS_PK_ECDSA)
		return export_ec(x509, ret);
	return gnutls_x509_privkey_export2(x509, GNUTLS_X509_FMT_PEM, ret);
}

int certctl_key_write(TALLOC_CTX *mem, const struct certctl_key *key, enum certctl_key_encoding encoding,
	struct certctl_secret *ret, struct certctl_error *err)
{
	bool is_traditional = encoding == CERTCTL_KEY_TRADITIONAL_PEM && key->public_key.type != CERTCTL_ED25519;
	gnutls_datum_t text = { 0 };
	int rc;

	if (is_traditional)
		rc = export_traditional(key->x509, &text);
	else
		rc = gnutls_x509_privkey_export2_pkcs8(key->x509,
			encoding == CERTCTL_KEY_PKCS8_DER ? GNUTLS_X509_FMT_DER : GNUTLS_X509_FMT_PEM, NULL,
			GNUTLS_PKCS_PLAIN, &text);
	if (rc < 0)
		return certctl_fail_gnutls(err, CERTCTL_E_INVALID, rc, "private key");
	return certctl_secret_take(mem, &text, ret, err);
}

enum certctl_key_type certctl_key_type_of(const struct certctl_key *key)
{
	return key->public_key.type;
}

int certctl_key_public(TALLOC_CTX *mem, const struct certctl_key *key, struct certctl_bytes *ret,
	struct certctl_error *err)
{
	unsigned char *data = talloc_memdup(mem, key->public_der.data, key->public_der.len);

	if (!data)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	*ret = (struct certctl_bytes){ data, key->public_der.len };
	return 0;
}

struct gnutls_privkey_st *certctl_key_handle(const struct certctl_key *key)
{
	return key->handle;
}

bool certctl_key_matches(const struct certctl_key *key, const struct certctl_bytes *public_key)
{
	return key->public_der.len == public_key->len &&
	       memcmp(key->public_der.data, public_key->data, public_key->len) == 0;
}
