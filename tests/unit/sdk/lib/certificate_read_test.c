#include "test.h"

#include <certctl/certificate.h>
#include <gnutls/x509.h>
#include <string.h>

#define NOW INT64_C(1800000000)

/* A certificate of GnuTLS's making: what others issue and discovery finds. */
static struct certctl_bytes foreign(void (*change)(gnutls_x509_crt_t crt), gnutls_pk_algorithm_t algorithm,
	unsigned bits, gnutls_digest_algorithm_t digest)
{
	gnutls_datum_t der = { 0 };
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;

	gnutls_x509_crt_init(&crt);
	gnutls_x509_privkey_init(&key);
	CU_ASSERT(gnutls_x509_privkey_generate(key, algorithm, bits, 0) >= 0);
	gnutls_x509_crt_set_version(crt, 3);
	gnutls_x509_crt_set_serial(crt, "\xab\xcd", 2);
	gnutls_x509_crt_set_activation_time(crt, NOW);
	gnutls_x509_crt_set_expiration_time(crt, NOW + 1000);
	gnutls_x509_crt_set_key(crt, key);
	change(crt);
	CU_ASSERT(gnutls_x509_crt_sign2(crt, crt, key, digest, 0) >= 0);
	CU_ASSERT(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der) >= 0);
	struct certctl_bytes copy = { talloc_memdup(test_mem(), der.data, der.size), der.size };

	gnutls_free(der.data);
	gnutls_x509_privkey_deinit(key);
	gnutls_x509_crt_deinit(crt);
	return copy;
}

static struct certctl_certificate *read_der(const struct certctl_bytes *der)
{
	struct certctl_certificate *certificate = NULL;
	struct certctl_error err;

	ASSERT_OK(certctl_certificate_read(test_mem(), (char *)der->data, der->len, &certificate, &err), err);
	return certificate;
}

static void plain(gnutls_x509_crt_t crt)
{
	gnutls_x509_crt_set_dn(crt, "CN=plain", NULL);
}
static void odd_subject(gnutls_x509_crt_t crt)
{
	/* BMPString, Latin-1 TeletexString, an attribute without a name of ours, characters that RFC 4514 escapes. */
	gnutls_x509_crt_set_dn_by_oid(crt, "2.5.4.6", 0, "DE", 2);
	gnutls_x509_crt_set_dn_by_oid(crt, "2.5.4.10", 1,
		"\x1e\x04\x00"
		"B\x00\xfc",
		6);
	gnutls_x509_crt_set_dn_by_oid(crt, "2.5.4.11", 1,
		"\x14\x02"
		"B\xfc",
		4);
	gnutls_x509_crt_set_dn_by_oid(crt, "2.5.4.97", 1, "\x0c\x01x", 3);
	gnutls_x509_crt_set_dn_by_oid(crt, "2.5.4.3", 0, " a+b,\"c\\d; ", 11);
}
static void odd_names(gnutls_x509_crt_t crt)
{
	gnutls_x509_crt_set_dn(crt, "CN=odd", NULL);
	gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, "Under_Score.example.com", 23, GNUTLS_FSAN_SET);
	gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, "WWW.Example.com", 15, GNUTLS_FSAN_APPEND);
	gnutls_x509_crt_set_subject_alt_othername(crt, "1.2.3.4", "\x0c\x01x", 3, GNUTLS_FSAN_APPEND);
}
static void nul_name(gnutls_x509_crt_t crt)
{
	static const char names[] = "\x30\x0b\x82\x09"
				    "a.com\0.b.";

	gnutls_x509_crt_set_extension_by_oid(crt, "2.5.29.17", names, sizeof(names) - 1, 0);
}
static void bad_extension(gnutls_x509_crt_t crt)
{
	gnutls_x509_crt_set_extension_by_oid(crt, "2.5.29.15", "\x03\x01\x00", 3, 1);
}

static void certificates_of_others_are_described(void)
{
	struct certctl_bytes der = foreign(odd_subject, GNUTLS_PK_RSA, 2048, GNUTLS_DIG_SHA256);
	struct certctl_certificate *certificate = read_der(&der);

	ASSERT_TEXT(certificate->subject,
		"CN=\\ a\\+b\\,\\\"c\\\\d\\;\\ ,2.5.4.97=#0c0178,OU=B\xc3\xbc,O=B\xc3\xbc,C=DE");
	ASSERT_TEXT(certificate->common_name, " a+b,\"c\\d; ");
	ASSERT_TEXT(certificate->signature_algorithm, "RSA-SHA256");
	CU_ASSERT_EQUAL(certificate->name_count, 0);
	CU_ASSERT_PTR_NOT_NULL(certificate->extended_key_usage);
	CU_ASSERT_PTR_NULL(certificate->subject_key_id);
	CU_ASSERT_EQUAL(certificate->key_usage, 0);
	CU_ASSERT_EQUAL(certificate->path_length, -1);

	der = foreign(odd_names, GNUTLS_PK_RSA, 2048, GNUTLS_DIG_SHA256);
	certificate = read_der(&der);
	CU_ASSERT_EQUAL_FATAL(certificate->name_count, 2);
	ASSERT_TEXT(certificate->names[0]->text, "Under_Score.example.com"); /* as it is written: no canonical form */
	ASSERT_TEXT(certificate->names[1]->text, "www.example.com");
}

static void keys_and_digests_of_none_of_our_kinds_are_described_too(void)
{
	struct certctl_bytes der =
		foreign(plain, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP521R1), GNUTLS_DIG_SHA512);
	struct certctl_certificate *certificate = read_der(&der);

	CU_ASSERT_EQUAL(certificate->key_type, 0);
	CU_ASSERT_TRUE(certctl_certificate_is_issued_by(certificate, certificate) == false); /* no CA */
	der = foreign(plain, GNUTLS_PK_RSA, 1024, GNUTLS_DIG_SHA1);
	certificate = read_der(&der);
	CU_ASSERT_EQUAL(certificate->key_type, 0);
	CU_ASSERT_EQUAL(certificate->key_bits, 1024);
	ASSERT_TEXT(certificate->signature_algorithm, "RSA-SHA1");
	ASSERT_TEXT(certificate->serial, "abcd");
}

static void what_two_readers_could_read_differently_is_refused(void)
{
	static const struct {
		void (*change)(gnutls_x509_crt_t crt);
		const char *words;
	} rows[] = {
		{ nul_name, "octet 0x00" },
		{ bad_extension, "keyUsage" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_bytes der = foreign(rows[i].change, GNUTLS_PK_RSA, 2048, GNUTLS_DIG_SHA256);
		struct certctl_certificate *certificate = NULL;
		struct certctl_error err;

		ASSERT_FAILS(certctl_certificate_read(test_mem(), (char *)der.data, der.len, &certificate, &err),
			CERTCTL_E_INVALID, rows[i].words, err);
		CU_ASSERT_EQUAL(strncmp(err.what, "certificate: ", 13), 0);
	}
}

static void one_certificate_is_one_and_nothing_behind_it(void)
{
	struct certctl_bytes der = foreign(plain, GNUTLS_PK_RSA, 2048, GNUTLS_DIG_SHA256);
	struct certctl_certificate *certificate = read_der(&der);
	char *pem = certctl_certificate_pem(test_mem(), certificate);
	char *two = talloc_asprintf(test_mem(), "%s%s", pem, pem);
	struct certctl_error err;

	ASSERT_OK(certctl_certificate_read(test_mem(), pem, strlen(pem), &certificate, &err), err);
	ASSERT_FAILS(certctl_certificate_read(test_mem(), two, strlen(two), &certificate, &err), CERTCTL_E_INVALID,
		"something behind", err);
	/* Blocks of their own, so that a sanitizer sees a read behind one. */
	for (size_t len = 0; len < der.len; len += 3) {
		char *cut = talloc_memdup(test_mem(), der.data, len + !len);

		CU_ASSERT(certctl_certificate_read(test_mem(), cut, len, &certificate, &err) < 0);
		talloc_free(cut);
	}
}

static void all_certificates_of_a_text_are_read_in_its_order(void)
{
	struct certctl_bytes first = foreign(plain, GNUTLS_PK_RSA, 2048, GNUTLS_DIG_SHA256),
			     second = foreign(odd_names, GNUTLS_PK_RSA, 2048, GNUTLS_DIG_SHA256);
	char *a = certctl_certificate_pem(test_mem(), read_der(&first)),
	     *b = certctl_certificate_pem(test_mem(), read_der(&second));
	char *text =
		talloc_asprintf(test_mem(), "# first\n%s\n-----BEGIN X-----\nAQID\n-----END X-----\nnext\n%s\n", a, b);
	struct certctl_certificate **list = NULL;
	struct certctl_error err;
	size_t count = 0;

	ASSERT_OK(certctl_certificates_read(test_mem(), text, strlen(text), 2, &list, &count, &err), err);
	CU_ASSERT_EQUAL_FATAL(count, 2);
	ASSERT_TEXT(list[0]->common_name, "plain");
	ASSERT_TEXT(list[1]->common_name, "odd");
	CU_ASSERT_PTR_NULL(list[2]);
	ASSERT_FAILS(certctl_certificates_read(test_mem(), text, strlen(text), 1, &list, &count, &err), CERTCTL_E_LIMIT,
		"more than 1", err);
	ASSERT_FAILS(certctl_certificates_read(test_mem(), "none", 4, 9, &list, &count, &err), CERTCTL_E_INVALID,
		"no certificate", err);
	text = talloc_asprintf(test_mem(), "%s-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", a);
	ASSERT_FAILS(certctl_certificates_read(test_mem(), text, strlen(text), 9, &list, &count, &err),
		CERTCTL_E_INVALID, "certificate 2: ", err);
}

const struct test tests[] = {
	TEST(certificates_of_others_are_described),
	TEST(keys_and_digests_of_none_of_our_kinds_are_described_too),
	TEST(what_two_readers_could_read_differently_is_refused),
	TEST(one_certificate_is_one_and_nothing_behind_it),
	TEST(all_certificates_of_a_text_are_read_in_its_order),
	{ 0 },
};
