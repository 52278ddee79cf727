#include "test.h"

#include <certctl/x509.h>
#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <string.h>

static struct certctl_key *make_key(enum certctl_key_type type)
{
	struct certctl_key *key = NULL;
	struct certctl_error err;

	ASSERT_OK(certctl_key_generate(test_mem(), type, &key, &err), err);
	return key;
}

static void type_names_read_back(void)
{
	for (uint32_t type = 1; type < CERTCTL_KEY_TYPE_COUNT; type++)
		CU_ASSERT_EQUAL(certctl_key_type_from_name(certctl_key_type_name(type)), type);
	ASSERT_TEXT(certctl_key_type_name(CERTCTL_ECDSA_P256), "ECDSA_P256");
	ASSERT_TEXT(certctl_key_type_name(0), "unknown");
	CU_ASSERT_EQUAL(certctl_key_type_from_name("DSA_1024"), 0);
	CU_ASSERT_EQUAL(certctl_key_type_from_name(NULL), 0);
}

static void every_type_and_encoding_reads_back_as_the_same_key(void)
{
	static const struct {
		enum certctl_key_type type;
		const char *traditional_label;
	} rows[] = {
		{ CERTCTL_RSA_2048, "RSA PRIVATE KEY" },
		{ CERTCTL_RSA_3072, "RSA PRIVATE KEY" },
		{ CERTCTL_ECDSA_P256, "EC PRIVATE KEY" },
		{ CERTCTL_ECDSA_P384, "EC PRIVATE KEY" },
		{ CERTCTL_ED25519, "PRIVATE KEY" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_key *key = make_key(rows[i].type);

		CU_ASSERT_EQUAL(certctl_key_type_of(key), rows[i].type);
		for (int encoding = CERTCTL_KEY_PKCS8_PEM; encoding <= CERTCTL_KEY_TRADITIONAL_PEM; encoding++) {
			struct certctl_secret text = { 0 };
			struct certctl_key *again = NULL;
			struct certctl_bytes public_key;
			struct certctl_error err;

			ASSERT_OK(certctl_key_write(test_mem(), key, (enum certctl_key_encoding)encoding, &text, &err),
				err);
			ASSERT_OK(certctl_key_read(test_mem(), &text, NULL, &again, &err), err);
			ASSERT_OK(certctl_key_public(test_mem(), again, &public_key, &err), err);
			CU_ASSERT_TRUE(certctl_key_matches(key, &public_key));
			CU_ASSERT_EQUAL(certctl_key_type_of(again), rows[i].type);
			if (encoding == CERTCTL_KEY_TRADITIONAL_PEM)
				CU_ASSERT_PTR_NOT_NULL(strstr((char *)text.data, rows[i].traditional_label));
		}
	}
}

/* However a key came, it may be needed in another form: a server that wants SEC1 gets one that was kept as PKCS#8. */
static void every_encoding_becomes_every_other(void)
{
	static const enum certctl_key_type types[] = { CERTCTL_RSA_2048, CERTCTL_ECDSA_P256, CERTCTL_ECDSA_P384,
		CERTCTL_ED25519 };

	for (size_t i = 0; i < CERTCTL_COUNT(types) * 9; i++) {
		struct certctl_key *key = make_key(types[i / 9]), *once = NULL, *twice = NULL;
		enum certctl_key_encoding from = (enum certctl_key_encoding)(CERTCTL_KEY_PKCS8_PEM + i % 3),
					  to = (enum certctl_key_encoding)(CERTCTL_KEY_PKCS8_PEM + i / 3 % 3);
		struct certctl_secret text = { 0 }, other = { 0 };
		struct certctl_bytes public_key;
		struct certctl_error err;

		ASSERT_OK(certctl_key_write(test_mem(), key, from, &text, &err), err);
		ASSERT_OK(certctl_key_read(test_mem(), &text, NULL, &once, &err), err);
		ASSERT_OK(certctl_key_write(test_mem(), once, to, &other, &err), err);
		ASSERT_OK(certctl_key_read(test_mem(), &other, NULL, &twice, &err), err);
		ASSERT_OK(certctl_key_public(test_mem(), twice, &public_key, &err), err);
		CU_ASSERT_TRUE(certctl_key_matches(key, &public_key));
	}
}

static void keys_of_others_do_not_match(void)
{
	struct certctl_key *one = make_key(CERTCTL_ECDSA_P256), *other = make_key(CERTCTL_ECDSA_P256);
	struct certctl_bytes public_key;
	struct certctl_error err;

	ASSERT_OK(certctl_key_public(test_mem(), other, &public_key, &err), err);
	CU_ASSERT_FALSE(certctl_key_matches(one, &public_key));
}

/* An encrypted PKCS#8 of GnuTLS's own making. */
static struct certctl_secret encrypt(const struct certctl_key *key, const char *password)
{
	struct certctl_secret plain = { 0 }, encrypted = { 0 };
	gnutls_x509_privkey_t x509;
	struct certctl_error err;
	gnutls_datum_t text;

	ASSERT_OK(certctl_key_write(test_mem(), key, CERTCTL_KEY_PKCS8_PEM, &plain, &err), err);
	gnutls_x509_privkey_init(&x509);
	gnutls_x509_privkey_import(x509, &(gnutls_datum_t){ plain.data, (unsigned)plain.len }, GNUTLS_X509_FMT_PEM);
	CU_ASSERT(gnutls_x509_privkey_export2_pkcs8(x509, GNUTLS_X509_FMT_PEM, password, GNUTLS_PKCS_PBES2_AES_256,
			  &text) >= 0);
	ASSERT_OK(certctl_secret_set(test_mem(), &encrypted, text.data, text.size), err);
	gnutls_free(text.data);
	gnutls_x509_privkey_deinit(x509);
	return encrypted;
}

static void an_encrypted_key_needs_its_password(void)
{
	struct certctl_key *key = make_key(CERTCTL_ECDSA_P256), *again = NULL;
	struct certctl_secret text = encrypt(key, "open sesame"), good = { 0 }, bad = { 0 };
	struct certctl_bytes public_key;
	struct certctl_error err;

	ASSERT_OK(certctl_secret_set(test_mem(), &good, "open sesame", 11), err);
	ASSERT_OK(certctl_secret_set(test_mem(), &bad, "open barley", 11), err);
	ASSERT_FAILS(certctl_key_read(test_mem(), &text, NULL, &again, &err), CERTCTL_E_DENIED, "no password", err);
	ASSERT_FAILS(certctl_key_read(test_mem(), &text, &bad, &again, &err), CERTCTL_E_DENIED, "wrong password", err);
	ASSERT_OK(certctl_key_read(test_mem(), &text, &good, &again, &err), err);
	ASSERT_OK(certctl_key_public(test_mem(), again, &public_key, &err), err);
	CU_ASSERT_TRUE(certctl_key_matches(key, &public_key));
}

static void what_is_no_key_is_refused(void)
{
	static const struct {
		const char *text, *words;
		int code;
	} rows[] = {
		{ "", "empty", CERTCTL_E_INVALID },
		{ "hello", "private key", CERTCTL_E_INVALID },
		{ "-----BEGIN PRIVATE KEY-----\nMAMCAQA=\n-----END PRIVATE KEY-----\n", "not what its PEM label says",
			CERTCTL_E_INVALID },
		{ "-----BEGIN RSA PRIVATE KEY-----\nMAMCAQA=\n-----END RSA PRIVATE KEY-----\n", "private key",
			CERTCTL_E_INVALID },
		{ "-----BEGIN CERTIFICATE-----\nMAMCAQA=\n-----END CERTIFICATE-----\n", "got a PEM block CERTIFICATE",
			CERTCTL_E_INVALID },
		{ "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMAMC\n"
		  "-----END RSA PRIVATE KEY-----\n",
			"encrypted", CERTCTL_E_UNSUPPORTED },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_secret text = { 0 };
		struct certctl_key *key = NULL;
		struct certctl_error err;

		ASSERT_OK(certctl_secret_set(test_mem(), &text, rows[i].text, strlen(rows[i].text)), err);
		ASSERT_FAILS(certctl_key_read(test_mem(), &text, NULL, &key, &err), rows[i].code, rows[i].words, err);
	}
}

static void something_behind_a_key_is_refused(void)
{
	struct certctl_secret text = { 0 }, longer = { 0 };
	struct certctl_key *key = NULL;
	struct certctl_error err;

	ASSERT_OK(certctl_key_write(test_mem(), make_key(CERTCTL_ED25519), CERTCTL_KEY_PKCS8_DER, &text, &err), err);
	ASSERT_OK(certctl_secret_set(test_mem(), &longer, text.data, text.len), err);
	longer.data[longer.len] = 'x'; /* instead of the NUL behind it */
	longer.len++;
	ASSERT_FAILS(certctl_key_read(test_mem(), &longer, NULL, &key, &err), CERTCTL_E_INVALID, "too many", err);
}

static void a_key_of_none_of_our_types_has_no_type(void)
{
	gnutls_x509_privkey_t x509;
	struct certctl_secret text = { 0 };
	struct certctl_key *key = NULL;
	struct certctl_error err;
	gnutls_datum_t pem;

	gnutls_x509_privkey_init(&x509);
	CU_ASSERT(gnutls_x509_privkey_generate(x509, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP521R1),
			  0) >= 0);
	gnutls_x509_privkey_export2_pkcs8(x509, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem);
	ASSERT_OK(certctl_secret_set(test_mem(), &text, pem.data, pem.size), err);
	ASSERT_OK(certctl_key_read(test_mem(), &text, NULL, &key, &err), err);
	CU_ASSERT_EQUAL(certctl_key_type_of(key), 0);
	gnutls_free(pem.data);
	gnutls_x509_privkey_deinit(x509);
}

const struct test tests[] = {
	TEST(type_names_read_back),
	TEST(every_type_and_encoding_reads_back_as_the_same_key),
	TEST(every_encoding_becomes_every_other),
	TEST(keys_of_others_do_not_match),
	TEST(an_encrypted_key_needs_its_password),
	TEST(what_is_no_key_is_refused),
	TEST(something_behind_a_key_is_refused),
	TEST(a_key_of_none_of_our_types_has_no_type),
	{ 0 },
};
