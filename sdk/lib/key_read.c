/* Private keys as they come: PKCS#8 (RFC 5958), PKCS#1 (RFC 8017), SEC1 (RFC 5915), in PEM or DER. */
#include "key_private.h"
#include "pem.h"

enum key_format {
	FORMAT_PKCS8 = 1,
	FORMAT_ENCRYPTED, /* PKCS#8 under a password */
	FORMAT_TRADITIONAL,
};

static const struct {
	const char *label;
	enum key_format format;
} labels[] = {
	{ "PRIVATE KEY", FORMAT_PKCS8 },
	{ "ENCRYPTED PRIVATE KEY", FORMAT_ENCRYPTED },
	{ "RSA PRIVATE KEY", FORMAT_TRADITIONAL },
	{ "EC PRIVATE KEY", FORMAT_TRADITIONAL },
};

/* The first elements tell the formats apart: EncryptedPrivateKeyInfo has no version, PKCS#8 an algorithm behind it. */
static enum key_format format_of_der(const unsigned char *der, size_t len, struct certctl_error *err)
{
	struct certctl_der_element whole, version;
	struct certctl_der_in in;

	if (certctl_der_whole(der, len, CERTCTL_DER_SEQUENCE, "private key", &whole, err) < 0)
		return 0;
	in = certctl_der_in_of(&whole);
	if (certctl_der_peek(&in) == CERTCTL_DER_SEQUENCE)
		return FORMAT_ENCRYPTED;
	if (certctl_der_take(&in, CERTCTL_DER_INTEGER, "private key", &version, err) < 0)
		return 0;
	return certctl_der_peek(&in) == CERTCTL_DER_SEQUENCE ? FORMAT_PKCS8 : FORMAT_TRADITIONAL;
}

static int import_encrypted(gnutls_x509_privkey_t x509, const gnutls_datum_t *der,
	const struct certctl_secret *password, struct certctl_error *err)
{
	if (!password || !password->data)
		return certctl_fail(err, CERTCTL_E_DENIED, "private key: encrypted, and no password was given");
	if (memchr(password->data, 0, password->len))
		return certctl_fail(err, CERTCTL_E_INVALID, "password: NUL in it");
	int rc = gnutls_x509_privkey_import_pkcs8(x509, der, GNUTLS_X509_FMT_DER, (const char *)password->data, 0);

	if (rc == GNUTLS_E_DECRYPTION_FAILED)
		return certctl_fail(err, CERTCTL_E_DENIED, "private key: wrong password");
	return rc < 0 ? certctl_fail_gnutls(err, CERTCTL_E_INVALID, rc, "private key") : 0;
}

static int import_plain(gnutls_x509_privkey_t x509, enum key_format format, const gnutls_datum_t *der,
	struct certctl_error *err)
{
	int rc = format == FORMAT_PKCS8
			 ? gnutls_x509_privkey_import_pkcs8(x509, der, GNUTLS_X509_FMT_DER, NULL, GNUTLS_PKCS_PLAIN)
			 : gnutls_x509_privkey_import(x509, der, GNUTLS_X509_FMT_DER);

	return rc < 0 ? certctl_fail_gnutls(err, CERTCTL_E_INVALID, rc, "private key") : 0;
}

static int import_key(gnutls_x509_privkey_t x509, enum key_format format, unsigned char *data, size_t len,
	const struct certctl_secret *password, struct certctl_error *err)
{
	gnutls_datum_t der = { data, (unsigned)len };
	int rc = format == FORMAT_ENCRYPTED ? import_encrypted(x509, &der, password, err)
					    : import_plain(x509, format, &der, err);

	if (rc < 0)
		return rc;
	/* Private and public half are both in the file: they must belong together. */
	rc = gnutls_x509_privkey_verify_params(x509);
	return rc < 0 ? certctl_fail_gnutls(err, CERTCTL_E_INVALID, rc, "private key") : 0;
}

static int read_der(TALLOC_CTX *mem, enum key_format wanted, unsigned char *data, size_t len,
	const struct certctl_secret *password, struct certctl_key **ret, struct certctl_error *err)
{
	enum key_format format = format_of_der(data, len, err);
	gnutls_x509_privkey_t x509 = NULL;

	if (!format)
		return err ? err->code : CERTCTL_E_INVALID;
	if (wanted && format != wanted)
		return certctl_fail(err, CERTCTL_E_INVALID, "private key: not what its PEM label says");
	int rc = gnutls_x509_privkey_init(&x509);

	if (rc < 0)
		return certctl_fail_gnutls(err, CERTCTL_E_NO_MEMORY, rc, "private key");
	rc = import_key(x509, format, data, len, password, err);
	if (rc < 0) {
		gnutls_x509_privkey_deinit(x509);
		return rc;
	}
	return certctl_key_adopt(mem, x509, ret, err);
}

/* The key's block: openssl writes "EC PARAMETERS" before it. */
static int find_block(const char *text, size_t len, struct certctl_pem_block *ret, enum key_format *ret_format,
	struct certctl_error *err)
{
	const char *at = text, *end = text + len;
	int rc;

	do {
		rc = certctl_pem_next(&at, end, ret, err);
		if (rc < 0)
			return rc == CERTCTL_E_NOT_FOUND
				       ? certctl_fail(err, CERTCTL_E_INVALID, "private key: no PEM block of one")
				       : rc;
	} while (certctl_pem_is(ret, "EC PARAMETERS"));
	if (!certctl_pem_is_blank(at, end))
		return certctl_fail(err, CERTCTL_E_INVALID, "private key: something behind it");
	if (memmem(ret->body, ret->body_len, "Proc-Type:", 10)) {
		certctl_fail(err, CERTCTL_E_UNSUPPORTED, "private key: encrypted in the way of OpenSSL before 1.0");
		certctl_hint(err, "Convert it with openssl pkcs8 -topk8.");
		return CERTCTL_E_UNSUPPORTED;
	}
	for (size_t i = 0; i < CERTCTL_COUNT(labels); i++)
		if (certctl_pem_is(ret, labels[i].label)) {
			*ret_format = labels[i].format;
			return 0;
		}
	return certctl_fail(err, CERTCTL_E_INVALID, "private key: got a PEM block %.*s",
		ret->label_len > 40 ? 40 : (int)ret->label_len, ret->label);
}

static int read_pem(TALLOC_CTX *mem, const struct certctl_secret *text, const struct certctl_secret *password,
	struct certctl_key **ret, struct certctl_error *err)
{
	struct certctl_pem_block block;
	enum key_format format = 0;
	size_t len;
	int rc = find_block((const char *)text->data, text->len, &block, &format, err);

	if (rc < 0)
		return rc;
	unsigned char *der = certctl_secret_alloc(mem, block.body_len + 1);

	if (!der)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	rc = certctl_pem_body(&block, der, &len, err);
	if (rc >= 0)
		rc = read_der(mem, format, der, len, password, ret, err);
	talloc_free(der);
	return rc;
}

int certctl_key_read(TALLOC_CTX *mem, const struct certctl_secret *text, const struct certctl_secret *password,
	struct certctl_key **ret, struct certctl_error *err)
{
	if (!text->data || !text->len)
		return certctl_fail(err, CERTCTL_E_INVALID, "private key: empty");
	if (text->len > CERTCTL_X509_MAX)
		return certctl_fail(err, CERTCTL_E_LIMIT, "private key: more than %d bytes", CERTCTL_X509_MAX);
	if (certctl_pem_is_text(text->data, text->len))
		return read_pem(mem, text, password, ret, err);
	return read_der(mem, 0, text->data, text->len, password, ret, err);
}
