#include "test.h"

#include <certctl/der.h>
#include <gnutls/x509.h>
#include <string.h>

static struct certctl_key *make_key(enum certctl_key_type type)
{
	struct certctl_key *key = NULL;
	struct certctl_error err;

	ASSERT_OK(certctl_key_generate(test_mem(), type, &key, &err), err);
	return key;
}

static const struct certctl_name dns = { CERTCTL_NAME_DNS, "www.example.com" },
				 wildcard = { CERTCTL_NAME_DNS, "*.example.com" },
				 idn = { CERTCTL_NAME_DNS, "xn--bcher-kva.example" },
				 v4 = { CERTCTL_NAME_IP, "192.0.2.7" }, v6 = { CERTCTL_NAME_IP, "2001:db8::7" },
				 email = { CERTCTL_NAME_EMAIL, "ops@example.com" },
				 uri = { CERTCTL_NAME_URI, "spiffe://example.com/db" };

static void what_is_made_reads_back_for_every_key_type(void)
{
	static const enum certctl_key_type types[] = { CERTCTL_RSA_2048, CERTCTL_ECDSA_P256, CERTCTL_ECDSA_P384,
		CERTCTL_ED25519 };
	const struct certctl_name *const names[] = { &uri, &v6, &dns, &email, &v4, &wildcard, &idn, &dns, NULL };

	for (size_t i = 0; i < CERTCTL_COUNT(types); i++) {
		struct certctl_csr_request request = {
			.common_name = "www.example.com", .names = names, .must_staple = i % 2
		};
		struct certctl_key *key = make_key(types[i]);
		struct certctl_csr *csr = NULL;
		struct certctl_error err;
		char *pem = NULL;

		ASSERT_OK(certctl_csr_make(test_mem(), key, &request, &pem, &err), err);
		ASSERT_OK(certctl_csr_read(test_mem(), pem, strlen(pem), &csr, &err), err);
		CU_ASSERT_EQUAL(csr->key_type, types[i]);
		CU_ASSERT_EQUAL(csr->must_staple, request.must_staple);
		CU_ASSERT_TRUE(certctl_key_matches(key, &csr->public_key));
		ASSERT_TEXT(csr->common_name, "www.example.com");
		ASSERT_TEXT(csr->subject, "CN=www.example.com");
		CU_ASSERT_EQUAL(csr->name_count, 7); /* the double is dropped */
		for (size_t k = 0; k + 1 < csr->name_count; k++)
			CU_ASSERT(certctl_name_compare(csr->names[k], csr->names[k + 1]) < 0);
		CU_ASSERT_PTR_NULL(csr->names[csr->name_count]);
		CU_ASSERT_EQUAL(strlen(csr->sha256), 64);
	}
}

static void gnutls_verifies_what_is_made(void)
{
	struct certctl_csr_request request = { .names = (const struct certctl_name *const[]){ &dns, &v4, NULL } };
	gnutls_x509_crq_t crq;
	struct certctl_error err;
	char *pem = NULL, name[100];
	unsigned type, critical;
	size_t size = sizeof(name);

	ASSERT_OK(certctl_csr_make(test_mem(), make_key(CERTCTL_ECDSA_P256), &request, &pem, &err), err);
	gnutls_x509_crq_init(&crq);
	CU_ASSERT_EQUAL(gnutls_x509_crq_import(crq, &(gnutls_datum_t){ (unsigned char *)pem, (unsigned)strlen(pem) },
				GNUTLS_X509_FMT_PEM),
		0);
	CU_ASSERT_EQUAL(gnutls_x509_crq_verify(crq, 0), 0);
	CU_ASSERT_EQUAL(gnutls_x509_crq_get_subject_alt_name(crq, 0, name, &size, &type, &critical),
		GNUTLS_SAN_DNSNAME);
	ASSERT_TEXT(name, "www.example.com");
	CU_ASSERT_EQUAL(critical, 1); /* no subject */
	gnutls_x509_crq_deinit(crq);
}

/* A request of GnuTLS's making, changed by `change`; both PEM labels occur in the wild, GnuTLS writes the older. */
static char *foreign(void (*change)(gnutls_x509_crq_t crq), gnutls_digest_algorithm_t digest)
{
	gnutls_x509_privkey_t key;
	gnutls_datum_t pem = { 0 };
	gnutls_x509_crq_t crq;

	gnutls_x509_crq_init(&crq);
	gnutls_x509_privkey_init(&key);
	gnutls_x509_privkey_generate(key, GNUTLS_PK_RSA, 2048, 0);
	gnutls_x509_crq_set_version(crq, 1);
	gnutls_x509_crq_set_key(crq, key);
	if (change)
		change(crq);
	CU_ASSERT(gnutls_x509_crq_sign2(crq, key, digest, 0) >= 0);
	CU_ASSERT(gnutls_x509_crq_export2(crq, GNUTLS_X509_FMT_PEM, &pem) >= 0);
	char *copy = talloc_strndup(test_mem(), (char *)pem.data, pem.size);

	gnutls_free(pem.data);
	gnutls_x509_privkey_deinit(key);
	gnutls_x509_crq_deinit(crq);
	return copy;
}

static void add_dns(gnutls_x509_crq_t crq)
{
	gnutls_x509_crq_set_subject_alt_name(crq, GNUTLS_SAN_DNSNAME, "WWW.Example.COM", 15, GNUTLS_FSAN_SET);
}
static void add_nul_dns(gnutls_x509_crq_t crq)
{
	static const char names[] = "\x30\x14\x82\x12"
				    "good.com\0.evil.com";

	gnutls_x509_crq_set_extension_by_oid(crq, "2.5.29.17", names, sizeof(names) - 1, 0);
}
static void add_bad_dns(gnutls_x509_crq_t crq)
{
	gnutls_x509_crq_set_subject_alt_name(crq, GNUTLS_SAN_DNSNAME, "-a.example.com", 14, GNUTLS_FSAN_SET);
}
static void add_other_name(gnutls_x509_crq_t crq)
{
	gnutls_x509_crq_set_subject_alt_othername(crq, "1.3.6.1.4.1.311.20.2.3", "\x0c\x01x", 3, GNUTLS_FSAN_SET);
}
static void add_two_common_names(gnutls_x509_crq_t crq)
{
	gnutls_x509_crq_set_dn_by_oid(crq, GNUTLS_OID_X520_COMMON_NAME, 0, "a", 1);
	gnutls_x509_crq_set_dn_by_oid(crq, GNUTLS_OID_X520_COMMON_NAME, 0, "b", 1);
}
static void add_nul_common_name(gnutls_x509_crq_t crq)
{
	gnutls_x509_crq_set_dn_by_oid(crq, GNUTLS_OID_X520_COMMON_NAME, 1,
		"\x0c\x03"
		"a\0b",
		5);
}
static void ask_for_ca(gnutls_x509_crq_t crq)
{
	gnutls_x509_crq_set_basic_constraints(crq, 1, -1);
}
static void add_unknown_critical(gnutls_x509_crq_t crq)
{
	gnutls_x509_crq_set_extension_by_oid(crq, "1.2.3.4.5", "\x05\0", 2, 1);
}
static void add_unknown(gnutls_x509_crq_t crq)
{
	gnutls_x509_crq_set_extension_by_oid(crq, "1.2.3.4.5", "\x05\0", 2, 0);
}

static void requests_of_others_are_read_or_refused(void)
{
	static const struct {
		void (*change)(gnutls_x509_crq_t crq);
		gnutls_digest_algorithm_t digest;
		const char *words; /* NULL: accepted */
	} rows[] = {
		{ NULL, GNUTLS_DIG_SHA256, NULL },
		{ NULL, GNUTLS_DIG_SHA512, NULL },
		{ NULL, GNUTLS_DIG_SHA1, "too weak" },
		{ NULL, GNUTLS_DIG_MD5, "too weak" },
		{ add_dns, GNUTLS_DIG_SHA256, NULL },
		{ add_nul_dns, GNUTLS_DIG_SHA256, "octet 0x00" },
		{ add_bad_dns, GNUTLS_DIG_SHA256, "subjectAltName" },
		{ add_other_name, GNUTLS_DIG_SHA256, "only DNS, IP, e-mail and URI" },
		{ add_two_common_names, GNUTLS_DIG_SHA256, "several common names" },
		{ add_nul_common_name, GNUTLS_DIG_SHA256, "common name" },
		{ ask_for_ca, GNUTLS_DIG_SHA256, "cannot ask for a CA" },
		{ add_unknown_critical, GNUTLS_DIG_SHA256, "extension 1.2.3.4.5: critical" },
		{ add_unknown, GNUTLS_DIG_SHA256, NULL },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		char *pem = foreign(rows[i].change, rows[i].digest);
		struct certctl_csr *csr = NULL;
		struct certctl_error err;

		CU_ASSERT_PTR_NOT_NULL(strstr(pem, "NEW CERTIFICATE REQUEST"));
		if (rows[i].words) {
			ASSERT_FAILS(certctl_csr_read(test_mem(), pem, strlen(pem), &csr, &err), CERTCTL_E_INVALID,
				rows[i].words, err);
			continue;
		}
		ASSERT_OK(certctl_csr_read(test_mem(), pem, strlen(pem), &csr, &err), err);
		if (rows[i].change == add_dns)
			ASSERT_TEXT(csr->names[0]->text, "www.example.com"); /* canonical */
	}
}

/* Flip every byte in turn: nothing may be accepted that says something else. */
static void a_changed_request_is_never_accepted(void)
{
	struct certctl_csr_request request = { .common_name = "a.example.com",
		.names = (const struct certctl_name *const[]){ &dns, &v4, NULL } };
	struct certctl_bytes der = { 0 };
	struct certctl_csr *csr = NULL;
	struct certctl_error err;
	char *pem = NULL;
	int accepted = 0;

	ASSERT_OK(certctl_csr_make(test_mem(), make_key(CERTCTL_ECDSA_P256), &request, &pem, &err), err);
	ASSERT_OK(certctl_pem_decode(test_mem(), "CERTIFICATE REQUEST", pem, strlen(pem), &der, &err), err);
	for (size_t i = 0; i < der.len; i++) {
		der.data[i] ^= 0x15;
		accepted += certctl_csr_read(test_mem(), (char *)der.data, der.len, &csr, &err) == 0;
		der.data[i] ^= 0x15;
	}
	CU_ASSERT_EQUAL(accepted, 0);
	ASSERT_OK(certctl_csr_read(test_mem(), (char *)der.data, der.len, &csr, &err), err);
	/* A block of its own, so that a sanitizer sees a read behind it. */
	for (size_t len = 0; len < der.len; len++) {
		char *cut = talloc_memdup(test_mem(), der.data, len + !len);

		CU_ASSERT(certctl_csr_read(test_mem(), cut, len, &csr, &err) < 0);
		talloc_free(cut);
	}
	char *longer = talloc_zero_size(test_mem(), der.len + 1);

	memcpy(longer, der.data, der.len);
	ASSERT_FAILS(certctl_csr_read(test_mem(), longer, der.len + 1, &csr, &err), CERTCTL_E_INVALID, "too many", err);
}

static void an_oversized_request_is_refused_before_it_is_decoded(void)
{
	size_t len = 65537;
	struct certctl_csr *csr = NULL;
	struct certctl_error err;

	ASSERT_FAILS(certctl_csr_read(test_mem(), talloc_zero_size(test_mem(), len), len, &csr, &err), CERTCTL_E_LIMIT,
		"CSR: 65537 bytes", err);
}

const struct test tests[] = {
	TEST(what_is_made_reads_back_for_every_key_type),
	TEST(gnutls_verifies_what_is_made),
	TEST(requests_of_others_are_read_or_refused),
	TEST(a_changed_request_is_never_accepted),
	TEST(an_oversized_request_is_refused_before_it_is_decoded),
	{ 0 },
};
