/* Names, extensions and signatures on the DER writer: what requests and certificates share. */
#include "x509_write.h"

#include <arpa/inet.h>

/* Upper bounds of RFC 5280, appendix A.1. */
#define COMMON_NAME_MAX  64
#define ORGANIZATION_MAX 64

CERTCTL_DEFINE_AUTO(void, gnutls_x509_dn_deinit);

void certctl_extension_wrap(struct certctl_der *der, enum certctl_extension_id id, bool is_critical, size_t mark)
{
	const struct certctl_extension_kind *kind = &certctl_extension_kinds[id];

	certctl_der_wrap(der, CERTCTL_DER_OCTET_STRING, mark);
	if (is_critical)
		certctl_der_boolean(der, true);
	certctl_der_put(der, CERTCTL_DER_OID, kind->oid, kind->oid_len);
	certctl_der_wrap(der, CERTCTL_DER_SEQUENCE, mark);
}

static int write_address(struct certctl_der *der, const char *text, struct certctl_error *err)
{
	unsigned char octets[16];
	bool is_v6 = strchr(text, ':');

	if (inet_pton(is_v6 ? AF_INET6 : AF_INET, text, octets) != 1)
		return certctl_fail(err, CERTCTL_E_INVALID, "names: %s is no IP address", text);
	certctl_der_put(der, CERTCTL_DER_CONTEXT_PRIMITIVE(7), octets, is_v6 ? 16 : 4);
	return 0;
}

static int write_name(struct certctl_der *der, const struct certctl_name *name, struct certctl_error *err)
{
	static const unsigned tags[CERTCTL_NAME_TYPE_COUNT] = {
		[CERTCTL_NAME_EMAIL] = CERTCTL_DER_CONTEXT_PRIMITIVE(1),
		[CERTCTL_NAME_DNS] = CERTCTL_DER_CONTEXT_PRIMITIVE(2),
		[CERTCTL_NAME_URI] = CERTCTL_DER_CONTEXT_PRIMITIVE(6),
	};
	size_t len = strlen(name->text);

	if (name->type == CERTCTL_NAME_IP)
		return write_address(der, name->text, err);
	if (name->type == 0 || name->type >= CERTCTL_NAME_TYPE_COUNT || len == 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "names: empty, or of type %u", name->type);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name->text[i] <= 0x20 || (unsigned char)name->text[i] >= 0x7f)
			return certctl_fail(err, CERTCTL_E_INVALID, "names: a %s name is not printable ASCII",
				certctl_name_type_name(name->type));
	certctl_der_put(der, tags[name->type], name->text, len);
	return 0;
}

int certctl_alt_names_write(struct certctl_der *der, const struct certctl_name *const *names, struct certctl_error *err)
{
	size_t mark = certctl_der_mark(der), count = 0;

	while (names[count])
		count++;
	while (count-- > 0) {
		int rc = write_name(der, names[count], err);

		if (rc < 0)
			return rc;
	}
	certctl_der_wrap(der, CERTCTL_DER_SEQUENCE, mark);
	return 0;
}

void certctl_must_staple_write(struct certctl_der *der)
{
	size_t mark = certctl_der_mark(der);

	certctl_der_integer(der, 5);
	certctl_der_wrap(der, CERTCTL_DER_SEQUENCE, mark);
}

/* One RDN of one attribute of 2.5.4, always UTF8String: RFC 5280, section 4.1.2.4 allows it for every value of ours. */
static int write_attribute(struct certctl_der *der, unsigned char arc, const char *what, const char *text, size_t max,
	struct certctl_error *err)
{
	const unsigned char oid[] = { 0x55, 4, arc };
	size_t mark = certctl_der_mark(der), len = strlen(text), characters = 0;

	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return certctl_fail(err, CERTCTL_E_INVALID, "%s: control character", what);
		characters += ((unsigned char)text[i] & 0xc0) != 0x80;
	}
	if (len == 0 || characters > max || !certctl_utf8_is_valid(text, len))
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: 1 to %zu characters of UTF-8 expected", what, max);
	certctl_der_put(der, CERTCTL_DER_UTF8, text, len);
	certctl_der_put(der, CERTCTL_DER_OID, oid, sizeof(oid));
	certctl_der_wrap(der, CERTCTL_DER_SEQUENCE, mark);
	certctl_der_wrap(der, CERTCTL_DER_SET, mark);
	return 0;
}

int certctl_subject_write(struct certctl_der *der, const char *common_name, const char *organization,
	struct certctl_error *err)
{
	size_t mark = certctl_der_mark(der);
	int rc = 0;

	if (common_name)
		rc = write_attribute(der, 3, "common name", common_name, COMMON_NAME_MAX, err);
	if (rc >= 0 && organization)
		rc = write_attribute(der, 10, "organization", organization, ORGANIZATION_MAX, err);
	if (rc >= 0)
		certctl_der_wrap(der, CERTCTL_DER_SEQUENCE, mark);
	return rc;
}

int certctl_dn_write(struct certctl_der *der, const char *text, struct certctl_error *err)
{
	CERTCTL_AUTO(gnutls_x509_dn_deinit) void *dn = NULL;
	gnutls_datum_t name = { 0 };
	const char *where = NULL;
	int rc = gnutls_x509_dn_init((gnutls_x509_dn_t *)&dn);

	if (rc >= 0)
		rc = gnutls_x509_dn_set_str(dn, text, &where);
	if (rc >= 0)
		rc = gnutls_x509_dn_export2(dn, GNUTLS_X509_FMT_DER, &name);
	if (rc < 0) {
		certctl_fail_gnutls(err, CERTCTL_E_INVALID, rc, "subject");
		certctl_hint(err, "Write it as RFC 4514 does: CN=Example CA,O=Example,C=DE");
		return err ? err->code : CERTCTL_E_INVALID;
	}
	certctl_der_raw(der, name.data, name.size);
	gnutls_free(name.data);
	return 0;
}

int certctl_signed_make(TALLOC_CTX *mem, const struct certctl_bytes *body, const struct certctl_key *key,
	struct certctl_bytes *ret, struct certctl_error *err)
{
	const struct certctl_signature_algorithm *algorithm = certctl_signature_algorithm_of(key->public_key.type);
	gnutls_datum_t signature = { 0 };
	struct certctl_der der;

	if (!algorithm)
		return certctl_fail(err, CERTCTL_E_UNSUPPORTED,
			"key: RSA 2048 to 4096, P-256, P-384 or Ed25519 expected");
	/* RFC 6979: the same bytes give the same signature, so a repeated order gives the same certificate. */
	unsigned flags =
		key->public_key.curve && key->public_key.type != CERTCTL_ED25519 ? GNUTLS_PRIVKEY_FLAG_REPRODUCIBLE : 0;
	int rc = gnutls_privkey_sign_data2(key->handle, algorithm->id, flags,
		&(gnutls_datum_t){ body->data, (unsigned)body->len }, &signature);

	if (rc < 0)
		return certctl_fail_gnutls(err, CERTCTL_E_IO, rc, "signing");
	certctl_der_init(&der, mem, CERTCTL_X509_MAX);
	certctl_der_bit_string(&der, signature.data, signature.size);
	gnutls_free(signature.data);
	certctl_der_raw(&der, algorithm->der, algorithm->der_len);
	certctl_der_raw(&der, body->data, body->len);
	certctl_der_wrap(&der, CERTCTL_DER_SEQUENCE, 0);
	return certctl_der_finish(&der, ret, err);
}
