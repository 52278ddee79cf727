#include "test.h"

#include <certctl/certificate.h>
#include <gnutls/pkcs12.h>
#include <string.h>

#define NOW INT64_C(1800000000)

static struct certctl_key *make_key(enum certctl_key_type type)
{
	struct certctl_key *key = NULL;
	struct certctl_error err;

	ASSERT_OK(certctl_key_generate(test_mem(), type, &key, &err), err);
	return key;
}

static struct certctl_certificate *make_certificate(const struct certctl_key *key)
{
	struct certctl_certificate_template template_ = { .serial = (const unsigned char *)"\1",
		.serial_len = 1,
		.common_name = "CA",
		.not_before_unix_s = NOW,
		.not_after_unix_s = NOW + 1000,
		.key_usage = CERTCTL_KU_KEY_CERT_SIGN,
		.is_ca = true };
	struct certctl_certificate_issuer issuer = { .key = key };
	struct certctl_bytes tbs = { 0 }, der = { 0 };
	struct certctl_certificate *certificate = NULL;
	struct certctl_error err;

	ASSERT_OK(certctl_key_public(test_mem(), key, &template_.public_key, &err), err);
	ASSERT_OK(certctl_certificate_tbs(test_mem(), &template_, &issuer, &tbs, &err), err);
	ASSERT_OK(certctl_certificate_sign(test_mem(), &tbs, &issuer, &der, &err), err);
	ASSERT_OK(certctl_certificate_read(test_mem(), (char *)der.data, der.len, &certificate, &err), err);
	return certificate;
}

static struct certctl_secret secret(const char *text, size_t len)
{
	struct certctl_secret value = { 0 };
	struct certctl_error err;

	ASSERT_OK(certctl_secret_set(test_mem(), &value, text, len), err);
	return value;
}

/* Parse with GnuTLS: how many certificates, and whether the key is there. */
static int read_back(const struct certctl_secret *file, const char *password, unsigned *ret_certificates, bool *ret_key)
{
	gnutls_x509_crt_t *chain = NULL;
	gnutls_x509_privkey_t key = NULL;
	gnutls_pkcs12_t pkcs12;
	unsigned count = 0;
	int rc;

	gnutls_pkcs12_init(&pkcs12);
	rc = gnutls_pkcs12_import(pkcs12, &(gnutls_datum_t){ file->data, (unsigned)file->len }, GNUTLS_X509_FMT_DER, 0);
	if (rc >= 0)
		rc = gnutls_pkcs12_verify_mac(pkcs12, password);
	if (rc >= 0)
		rc = gnutls_pkcs12_simple_parse(pkcs12, password, &key, &chain, &count, NULL, NULL, NULL, 0);
	*ret_certificates = count;
	*ret_key = key != NULL;
	for (unsigned i = 0; i < count; i++)
		gnutls_x509_crt_deinit(chain[i]);
	gnutls_free(chain);
	if (key)
		gnutls_x509_privkey_deinit(key);
	gnutls_pkcs12_deinit(pkcs12);
	return rc;
}

static void key_and_chain_read_back_under_the_password(void)
{
	static const enum certctl_key_type types[] = { CERTCTL_RSA_2048, CERTCTL_ECDSA_P256, CERTCTL_ECDSA_P384,
		CERTCTL_ED25519 };

	for (size_t i = 0; i < CERTCTL_COUNT(types); i++) {
		struct certctl_key *key = make_key(types[i]);
		struct certctl_certificate *leaf = make_certificate(key);
		struct certctl_secret file = { 0 }, password = secret("p\xc3\xa4ss", 5);
		struct certctl_error err;
		unsigned certificates;
		bool has_key;

		ASSERT_OK(certctl_pkcs12_write(test_mem(), key, leaf, NULL, 0, "web", &password, &file, &err), err);
		CU_ASSERT(read_back(&file, "p\xc3\xa4ss", &certificates, &has_key) >= 0);
		CU_ASSERT(certificates == 1 && has_key);
		CU_ASSERT(read_back(&file, "wrong", &certificates, &has_key) < 0);
		ASSERT_OK(certctl_pkcs12_write(test_mem(), NULL, leaf, &leaf, 1, NULL, &password, &file, &err), err);
		CU_ASSERT_FALSE(memmem(file.data, file.len, leaf->public_key.data, 20) != NULL); /* encrypted */
	}
}

static void what_could_not_be_opened_is_not_written(void)
{
	struct certctl_key *key = make_key(CERTCTL_ECDSA_P256);
	struct certctl_certificate *leaf = make_certificate(make_key(CERTCTL_ECDSA_P256));
	struct certctl_secret file = { 0 }, good = secret("secret", 6), empty = secret("", 0), nul = secret("a\0b", 3);
	struct certctl_error err;

	ASSERT_FAILS(certctl_pkcs12_write(test_mem(), key, leaf, NULL, 0, NULL, &good, &file, &err), CERTCTL_E_INVALID,
		"does not belong", err);
	ASSERT_FAILS(certctl_pkcs12_write(test_mem(), NULL, leaf, NULL, 0, NULL, &empty, &file, &err),
		CERTCTL_E_INVALID, "password", err);
	ASSERT_FAILS(certctl_pkcs12_write(test_mem(), NULL, leaf, NULL, 0, NULL, &nul, &file, &err), CERTCTL_E_INVALID,
		"password", err);
}

const struct test tests[] = {
	TEST(key_and_chain_read_back_under_the_password),
	TEST(what_could_not_be_opened_is_not_written),
	{ 0 },
};
