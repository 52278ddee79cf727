/* Rules about names, requests and certificates. */
#include "core/platform/pki/pki.h"
#include "test.h"

#include <gnutls/x509.h>
#include <string.h>

static struct certctl_name **names_of(const char *const *texts, size_t count)
{
	struct certctl_error err = { 0 };
	struct certctl_name **names = NULL;

	ASSERT_OK(pki_names_make(test_mem(), texts, count, NULL, &names, &err), err);
	return names;
}

static void names_become_one_sorted_set(void)
{
	static const char *const texts[] = { "b.example.com", "10.0.0.1", "A.example.com", "b.example.com" };
	struct certctl_error err = { 0 };
	struct certctl_name **names = NULL, **back = NULL;
	char *json;

	ASSERT_OK(pki_names_make(test_mem(), texts, 4, "c.example.com", &names, &err), err);
	json = pki_names_write(test_mem(), (const struct certctl_name *const *)names);
	ASSERT_TEXT(json,
		"[{\"type\":\"dns\",\"value\":\"a.example.com\"},{\"type\":\"dns\",\"value\":\"b.example.com\"},"
		"{\"type\":\"dns\",\"value\":\"c.example.com\"},{\"type\":\"ip\",\"value\":\"10.0.0.1\"}]");
	ASSERT_OK(pki_names_read(test_mem(), json, &back, &err), err);
	ASSERT_TEXT(pki_names_write(test_mem(), (const struct certctl_name *const *)back), json);
}

static void a_bad_name_says_where_it_stood(void)
{
	static const char *const texts[] = { "-bad-.example.com" };
	struct certctl_error err = { 0 };
	struct certctl_name **names = NULL;

	ASSERT_FAILS(pki_names_make(test_mem(), texts, 1, NULL, &names, &err), CERTCTL_E_INVALID, "sans: ", err);
	ASSERT_FAILS(pki_names_make(test_mem(), texts, 0, "*.com", &names, &err), CERTCTL_E_INVALID,
		"common_name: ", err);
}

/* A request as an agent would hand it in. */
static struct certctl_csr *csr_for(const char *const *texts, size_t count, const char *common_name, bool must_staple)
{
	struct certctl_error err = { 0 };
	struct certctl_csr_request request = { .common_name = common_name,
		.names = (const struct certctl_name *const *)names_of(texts, count),
		.must_staple = must_staple };
	struct certctl_key *key = NULL;
	struct certctl_csr *csr = NULL;
	char *pem = NULL;

	ASSERT_OK(certctl_key_generate(test_mem(), CERTCTL_ECDSA_P256, &key, &err), err);
	ASSERT_OK(certctl_csr_make(test_mem(), key, &request, &pem, &err), err);
	ASSERT_OK(certctl_csr_read(test_mem(), pem, strlen(pem), &csr, &err), err);
	return csr;
}

static void a_request_is_exactly_what_was_ordered_or_refused(void)
{
	static const char *const ordered[] = { "a.example.com", "b.example.com" };
	static const struct {
		const char *names[3];
		size_t count;
		const char *common_name;
		bool must_staple;
		const char *words; /* NULL: accepted */
	} rows[] = {
		{ { "a.example.com", "b.example.com" }, 2, "a.example.com", false, NULL },
		{ { "b.example.com", "a.example.com" }, 2, NULL, false, NULL },
		{ { "a.example.com" }, 1, NULL, false, "b.example.com is missing" },
		{ { "a.example.com", "b.example.com", "evil.example.com" }, 3, NULL, false,
			"evil.example.com was not ordered" },
		{ { "a.example.com", "c.example.com" }, 2, NULL, false, "csr: name" },
		{ { "a.example.com", "b.example.com" }, 2, "b.example.com", false, "common name" },
		{ { "a.example.com", "b.example.com" }, 2, NULL, true, "must-staple" },
	};
	struct pki_expectation expected = { .names = (const struct certctl_name *const *)names_of(ordered, 2),
		.common_name = "a.example.com",
		.key_type = CERTCTL_ECDSA_P256 };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_csr *csr =
			csr_for(rows[i].names, rows[i].count, rows[i].common_name, rows[i].must_staple);
		struct certctl_error err = { 0 };

		if (rows[i].words)
			ASSERT_FAILS(pki_csr_check(csr, &expected, &err), CERTCTL_E_DENIED, rows[i].words, err);
		else
			ASSERT_OK(pki_csr_check(csr, &expected, &err), err);
	}
}

/* GnuTLS's request for one name, with a usage. */
static struct certctl_csr *csr_with_usage(const char *oid)
{
	struct certctl_error err = { 0 };
	struct certctl_csr *csr = NULL;
	gnutls_x509_privkey_t key;
	gnutls_datum_t pem = { 0 };
	gnutls_x509_crq_t crq;

	gnutls_x509_privkey_init(&key);
	gnutls_x509_privkey_generate(key, GNUTLS_PK_EC, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	gnutls_x509_crq_init(&crq);
	gnutls_x509_crq_set_version(crq, 1);
	gnutls_x509_crq_set_key(crq, key);
	gnutls_x509_crq_set_subject_alt_name(crq, GNUTLS_SAN_DNSNAME, "a.example.com", 13, 0);
	gnutls_x509_crq_set_key_purpose_oid(crq, oid, 0);
	CU_ASSERT_EQUAL(gnutls_x509_crq_sign2(crq, key, GNUTLS_DIG_SHA256, 0), 0);
	CU_ASSERT_EQUAL(gnutls_x509_crq_export2(crq, GNUTLS_X509_FMT_PEM, &pem), 0);
	ASSERT_OK(certctl_csr_read(test_mem(), (char *)pem.data, pem.size, &csr, &err), err);
	gnutls_free(pem.data);
	gnutls_x509_crq_deinit(crq);
	gnutls_x509_privkey_deinit(key);
	return csr;
}

static void a_request_asks_for_no_usage_that_its_profile_does_not_allow(void)
{
	static const char *const ordered[] = { "a.example.com" };
	static const char *const server[] = { "1.3.6.1.5.5.7.3.1", NULL };
	struct pki_expectation expected = { .names = (const struct certctl_name *const *)names_of(ordered, 1),
		.key_type = CERTCTL_ECDSA_P256,
		.extended_key_usage = server };
	struct certctl_error err = { 0 };

	ASSERT_OK(pki_csr_check(csr_with_usage("1.3.6.1.5.5.7.3.1"), &expected, &err), err);
	ASSERT_OK(pki_csr_check(csr_for(ordered, 1, NULL, false), &expected, &err), err);
	ASSERT_FAILS(pki_csr_check(csr_with_usage("1.3.6.1.5.5.7.3.3"), &expected, &err), CERTCTL_E_DENIED,
		"1.3.6.1.5.5.7.3.3 is not in its profile's allowed_ekus", err);
	expected.extended_key_usage = NULL;
	ASSERT_OK(pki_csr_check(csr_with_usage("1.3.6.1.5.5.7.3.3"), &expected, &err), err);
}

static void usages_have_names(void)
{
	static const struct {
		const char *names, *first, *second;
	} rows[] = {
		{ "serverAuth", "1.3.6.1.5.5.7.3.1", NULL },
		{ "clientAuth,emailProtection", "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.4" },
		{ "timeStamping,OCSPSigning", "1.3.6.1.5.5.7.3.8", "1.3.6.1.5.5.7.3.9" },
		{ "", NULL, NULL },
	};
	struct certctl_error err = { 0 };
	const char *const *oids = NULL;

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		ASSERT_OK(pki_usages_read(test_mem(), rows[i].names, &oids, &err), err);
		CU_ASSERT_EQUAL((oids[0] == NULL), (rows[i].first == NULL));
		if (oids[0])
			ASSERT_TEXT(oids[0], rows[i].first);
		if (rows[i].second)
			ASSERT_TEXT(oids[1], rows[i].second);
	}
	ASSERT_OK(pki_usages_read(test_mem(), NULL, &oids, &err), err);
	CU_ASSERT_PTR_NULL(oids);
	ASSERT_OK(pki_usages_read(test_mem(),
			  "serverAuth,clientAuth,codeSigning,emailProtection,timeStamping,OCSPSigning", &oids, &err),
		err);
	ASSERT_FAILS(pki_usages_read(test_mem(), "serverAuth,anything", &oids, &err), CERTCTL_E_INTERNAL, "usages",
		err);
}

static void another_key_type_is_refused(void)
{
	static const char *const ordered[] = { "a.example.com" };
	struct pki_expectation expected = { .names = (const struct certctl_name *const *)names_of(ordered, 1),
		.key_type = CERTCTL_RSA_2048 };
	struct certctl_error err = { 0 };

	ASSERT_FAILS(pki_csr_check(csr_for(ordered, 1, NULL, false), &expected, &err), CERTCTL_E_DENIED, "RSA_2048",
		err);
}

static void a_certificate_that_is_not_the_ordered_one_is_refused(void)
{
	static const char *const ordered[] = { "a.example.com" };
	struct certctl_csr *csr = csr_for(ordered, 1, NULL, false);
	struct certctl_order order = { .names = (const struct certctl_name *const *)names_of(ordered, 1),
		.serial = "4a01",
		.not_before_unix_s = 1000,
		.not_after_unix_s = 2000 };
	struct certctl_certificate good = { .names = csr->names,
		.serial = talloc_strdup(test_mem(), "4a01"),
		.not_before_unix_s = 1000,
		.not_after_unix_s = 2000 };
	struct certctl_error err = { 0 };
	struct certctl_certificate bad;

	memcpy(good.public_key_sha256, csr->public_key_sha256, sizeof(good.public_key_sha256));
	ASSERT_OK(pki_issued_check(&good, csr->public_key_sha256, &order, true, &err), err);
	bad = good;
	bad.serial = talloc_strdup(test_mem(), "4a02");
	ASSERT_FAILS(pki_issued_check(&bad, csr->public_key_sha256, &order, true, &err), CERTCTL_E_PROTOCOL, "serial",
		err);
	ASSERT_OK(pki_issued_check(&bad, csr->public_key_sha256, &order, false, &err), err);
	bad = good;
	bad.not_after_unix_s++;
	ASSERT_FAILS(pki_issued_check(&bad, csr->public_key_sha256, &order, true, &err), CERTCTL_E_PROTOCOL, "dates",
		err);
	bad = good;
	bad.is_ca = true;
	ASSERT_FAILS(pki_issued_check(&bad, csr->public_key_sha256, &order, true, &err), CERTCTL_E_PROTOCOL, "CA", err);
	bad = good;
	bad.public_key_sha256[0] ^= 1;
	ASSERT_FAILS(pki_issued_check(&bad, csr->public_key_sha256, &order, true, &err), CERTCTL_E_PROTOCOL,
		"another key", err);
	bad = good;
	bad.names = csr->names + 1; /* none */
	ASSERT_FAILS(pki_issued_check(&bad, csr->public_key_sha256, &order, true, &err), CERTCTL_E_PROTOCOL, "missing",
		err);
}

static void a_certificate_has_the_usages_that_were_ordered(void)
{
	static const char server[] = "1.3.6.1.5.5.7.3.1", client[] = "1.3.6.1.5.5.7.3.2", code[] = "1.3.6.1.5.5.7.3.3";
	static const struct {
		const char *ordered[3], *has[3];
		bool takes_order, short_lived, no_revocation;
		const char *words; /* NULL: released */
	} rows[] = {
		{ { NULL }, { server }, true, false, false, NULL },
		{ { server, client }, { client, server }, true, false, false, NULL },
		{ { server, client }, { server }, true, false, false, "3.2 is missing" },
		{ { server, client }, { server }, false, false, false, NULL },
		{ { server }, { server, code }, false, false, false, "3.3 was not ordered" },
		{ { server }, { server, code }, true, false, false, "3.3 was not ordered" },
		{ { server }, { NULL }, false, false, false, "for any purpose" },
		{ { server }, { server }, true, true, true, NULL },
		{ { server }, { server }, true, true, false, "noRevAvail is missing" },
		{ { server }, { server }, true, false, true, "noRevAvail is there" },
		{ { server }, { server }, false, true, false, NULL },
	};
	static const char *const names[] = { "a.example.com" };
	struct certctl_csr *csr = csr_for(names, 1, NULL, false);

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_order order = { .names = (const struct certctl_name *const *)csr->names,
			.serial = "4a01",
			.extended_key_usage = rows[i].ordered[0] ? rows[i].ordered : NULL,
			.short_lived = rows[i].short_lived };
		struct certctl_certificate leaf = { .names = csr->names,
			.serial = talloc_strdup(test_mem(), "4a01"),
			.extended_key_usage = (char **)(uintptr_t)rows[i].has,
			.no_revocation = rows[i].no_revocation };
		struct certctl_error err = { 0 };

		memcpy(leaf.public_key_sha256, csr->public_key_sha256, sizeof(leaf.public_key_sha256));
		if (rows[i].words)
			ASSERT_FAILS(pki_issued_check(&leaf, csr->public_key_sha256, &order, rows[i].takes_order, &err),
				CERTCTL_E_PROTOCOL, rows[i].words, err);
		else
			ASSERT_OK(pki_issued_check(&leaf, csr->public_key_sha256, &order, rows[i].takes_order, &err),
				err);
	}
}

static void lifetimes_begin_a_little_back_and_have_their_length(void)
{
	static const struct {
		int64_t lifetime_s, back_s;
	} rows[] = { { 120, 6 }, { 3600, 180 }, { 6000, 300 }, { 47 * 86400, 300 } };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		int64_t not_before, not_after;

		pki_validity(1000000, rows[i].lifetime_s, &not_before, &not_after);
		CU_ASSERT_EQUAL(not_before, 1000000 - rows[i].back_s);
		CU_ASSERT_EQUAL(not_after - not_before + 1, rows[i].lifetime_s);
	}
}

static void serials_are_twenty_octets_and_differ(void)
{
	char a[41], b[41];
	struct certctl_error err = { 0 };

	ASSERT_OK(pki_serial_make(a, &err), err);
	ASSERT_OK(pki_serial_make(b, &err), err);
	CU_ASSERT_EQUAL(strlen(a), 40);
	CU_ASSERT_TRUE(strspn(a, "0123456789abcdef") == 40 && a[0] < '8');
	CU_ASSERT_NOT_EQUAL(strcmp(a, b), 0);
}

const struct test tests[] = {
	TEST(names_become_one_sorted_set),
	TEST(a_bad_name_says_where_it_stood),
	TEST(a_request_is_exactly_what_was_ordered_or_refused),
	TEST(a_request_asks_for_no_usage_that_its_profile_does_not_allow),
	TEST(usages_have_names),
	TEST(another_key_type_is_refused),
	TEST(a_certificate_that_is_not_the_ordered_one_is_refused),
	TEST(a_certificate_has_the_usages_that_were_ordered),
	TEST(lifetimes_begin_a_little_back_and_have_their_length),
	TEST(serials_are_twenty_octets_and_differ),
	{ 0 },
};
