#include "test.h"

#include <certctl/certificate.h>
#include <gnutls/x509.h>
#include <string.h>

#define NOW INT64_C(1800000000)
#define DAY INT64_C(86400)

static const enum certctl_key_type types[] = { CERTCTL_RSA_2048, CERTCTL_RSA_3072, CERTCTL_RSA_4096, CERTCTL_ECDSA_P256,
	CERTCTL_ECDSA_P384, CERTCTL_ED25519 };
static const struct certctl_name dns = { CERTCTL_NAME_DNS, "www.example.com" },
				 wildcard = { CERTCTL_NAME_DNS, "*.example.com" },
				 idn = { CERTCTL_NAME_DNS, "xn--bcher-kva.example" },
				 v4 = { CERTCTL_NAME_IP, "192.0.2.7" }, v6 = { CERTCTL_NAME_IP, "2001:db8::7" },
				 email = { CERTCTL_NAME_EMAIL, "ops@example.com" },
				 uri = { CERTCTL_NAME_URI, "spiffe://example.com/db" };
static const struct certctl_name *const all_names[] = { &dns, &wildcard, &idn, &v4, &v6, &email, &uri, NULL };
static const unsigned char serial[20] = { 0x7f, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 0xff };

/* RSA keys take seconds; one of each type serves every test of the program. */
static struct certctl_key *key_of(enum certctl_key_type type)
{
	static struct certctl_key *keys[CERTCTL_KEY_TYPE_COUNT];
	struct certctl_error err;

	if (!keys[type])
		ASSERT_OK(certctl_key_generate(NULL, type, &keys[type], &err), err);
	return keys[type];
}

static struct certctl_certificate_template ca_template(void)
{
	return (struct certctl_certificate_template){ .serial = serial,
		.serial_len = 20,
		.subject = "CN=Test CA,O=Ex\\, ample,C=DE",
		.not_before_unix_s = NOW - DAY,
		.not_after_unix_s = NOW + 40 * 365 * DAY, /* beyond 2050 */
		.key_usage = CERTCTL_KU_KEY_CERT_SIGN | CERTCTL_KU_CRL_SIGN,
		.is_ca = true,
		.path_length = 0 };
}

static int make(const struct certctl_certificate_template *template_, const struct certctl_certificate_issuer *issuer,
	struct certctl_certificate **ret, struct certctl_error *err)
{
	struct certctl_bytes tbs, der;
	int rc;

	if ((rc = certctl_certificate_tbs(test_mem(), template_, issuer, &tbs, err)) < 0 ||
		(rc = certctl_certificate_lint(&tbs, template_, issuer, err)) < 0 ||
		(rc = certctl_certificate_sign(test_mem(), &tbs, issuer, &der, err)) < 0 ||
		(rc = certctl_certificate_lint(&der, template_, issuer, err)) < 0)
		return rc;
	return certctl_certificate_read(test_mem(), (char *)der.data, der.len, ret, err);
}

static struct certctl_certificate_issuer make_ca(struct certctl_certificate_template template_,
	enum certctl_key_type type)
{
	struct certctl_certificate_issuer issuer = { .key = key_of(type) };
	struct certctl_certificate *certificate = NULL;
	struct certctl_error err;

	ASSERT_OK(certctl_key_public(test_mem(), issuer.key, &template_.public_key, &err), err);
	ASSERT_OK(make(&template_, &issuer, &certificate, &err), err);
	issuer.certificate = certificate;
	return issuer;
}

static struct certctl_certificate_template leaf_template(enum certctl_key_type type)
{
	static const char *const usages[] = { "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", NULL };
	static const char *const policies[] = { "2.23.140.1.2.1", NULL };
	struct certctl_certificate_template leaf = { .serial = serial,
		.serial_len = sizeof(serial),
		.common_name = "www.example.com",
		.organization = "B\xc3\xbc"
				"cher",
		.names = all_names,
		.not_before_unix_s = NOW,
		.not_after_unix_s = NOW + 90 * DAY - 1,
		.key_usage = CERTCTL_KU_DIGITAL_SIGNATURE,
		.extended_key_usage = usages,
		.must_staple = true,
		.crl_url = "http://ca.example.com/crl",
		.ocsp_url = "http://ca.example.com/ocsp",
		.ca_issuers_url = "http://ca.example.com/ca.crt",
		.policy_oids = policies };
	struct certctl_error err;

	ASSERT_OK(certctl_key_public(test_mem(), key_of(type), &leaf.public_key, &err), err);
	return leaf;
}

static gnutls_x509_crt_t import(const struct certctl_certificate *certificate)
{
	gnutls_datum_t der = { certificate->der.data, (unsigned)certificate->der.len };
	gnutls_x509_crt_t crt;

	gnutls_x509_crt_init(&crt);
	CU_ASSERT_EQUAL(gnutls_x509_crt_import(crt, &der, GNUTLS_X509_FMT_DER), 0);
	return crt;
}

/* What GnuTLS says of a leaf and its CA. */
static void check_with_gnutls(const struct certctl_certificate *leaf, const struct certctl_certificate *ca)
{
	gnutls_x509_crt_t list[2] = { import(leaf), import(ca) };
	unsigned status = 0, usage = 0, critical = 0;

	CU_ASSERT_EQUAL(gnutls_x509_crt_list_verify(list, 1, &list[1], 1, NULL, 0, GNUTLS_VERIFY_DISABLE_TIME_CHECKS,
				&status),
		0);
	CU_ASSERT_EQUAL(status, 0);
	CU_ASSERT_EQUAL(gnutls_x509_crt_get_version(list[0]), 3);
	CU_ASSERT_EQUAL(gnutls_x509_crt_get_activation_time(list[0]), NOW);
	CU_ASSERT_EQUAL(gnutls_x509_crt_get_expiration_time(list[0]), NOW + 90 * DAY - 1);
	CU_ASSERT_EQUAL(gnutls_x509_crt_get_key_usage(list[0], &usage, &critical), 0);
	CU_ASSERT_EQUAL(usage, GNUTLS_KEY_DIGITAL_SIGNATURE);
	CU_ASSERT_EQUAL(critical, 1);
	CU_ASSERT_TRUE(gnutls_x509_crt_check_hostname(list[0], "www.example.com"));
	CU_ASSERT_TRUE(gnutls_x509_crt_check_hostname(list[0], "anything.example.com"));
	CU_ASSERT_TRUE(gnutls_x509_crt_check_ip(list[0], (unsigned char[]){ 192, 0, 2, 7 }, 4, 0));
	CU_ASSERT_TRUE(gnutls_x509_crt_check_email(list[0], "ops@example.com", 0));
	CU_ASSERT_FALSE(gnutls_x509_crt_check_hostname(list[0], "www.example.org"));
	gnutls_x509_crt_deinit(list[0]);
	gnutls_x509_crt_deinit(list[1]);
}

static void every_ca_signs_for_every_key(void)
{
	for (size_t c = 0; c < CERTCTL_COUNT(types); c++) {
		struct certctl_certificate_issuer ca = make_ca(ca_template(), types[c]);

		for (size_t l = 0; l < CERTCTL_COUNT(types); l++) {
			struct certctl_certificate_template template_ = leaf_template(types[l]);
			struct certctl_certificate *leaf = NULL;
			struct certctl_error err;

			ASSERT_OK(make(&template_, &ca, &leaf, &err), err);
			check_with_gnutls(leaf, ca.certificate);
			CU_ASSERT_TRUE(certctl_certificate_is_issued_by(leaf, ca.certificate));
			CU_ASSERT_EQUAL(leaf->key_type, types[l]);
			CU_ASSERT_TRUE(certctl_key_matches(key_of(types[l]), &leaf->public_key));
			CU_ASSERT_TRUE(certctl_certificate_has_names(leaf, all_names));
			ASSERT_TEXT(leaf->authority_key_id, ca.certificate->subject_key_id);
			ASSERT_TEXT(leaf->serial, "7f02030405060708090a0b0c0d0e0f10111213ff");
		}
	}
}

static void a_certificate_describes_itself(void)
{
	struct certctl_certificate_issuer ca = make_ca(ca_template(), CERTCTL_ECDSA_P256);
	struct certctl_certificate_template template_ = leaf_template(CERTCTL_ECDSA_P256);
	struct certctl_certificate *leaf = NULL;
	struct certctl_error err;

	ASSERT_OK(make(&template_, &ca, &leaf, &err), err);
	ASSERT_TEXT(leaf->subject, "CN=www.example.com,O=B\xc3\xbc"
				   "cher");
	ASSERT_TEXT(leaf->issuer, "CN=Test CA,O=Ex\\, ample,C=DE");
	ASSERT_TEXT(ca.certificate->subject, leaf->issuer);
	ASSERT_TEXT(leaf->common_name, "www.example.com");
	ASSERT_TEXT(leaf->signature_algorithm, "ECDSA-SHA256");
	ASSERT_TEXT(leaf->extended_key_usage[0], "1.3.6.1.5.5.7.3.1");
	ASSERT_TEXT(leaf->extended_key_usage[1], "1.3.6.1.5.5.7.3.2");
	CU_ASSERT_PTR_NULL(leaf->extended_key_usage[2]);
	CU_ASSERT(leaf->must_staple && !leaf->is_ca && !leaf->is_self_issued && leaf->path_length == -1);
	CU_ASSERT(ca.certificate->is_ca && ca.certificate->is_self_issued && ca.certificate->path_length == 0);
	CU_ASSERT_EQUAL(ca.certificate->not_after_unix_s, NOW + 40 * 365 * DAY);
	CU_ASSERT_EQUAL(leaf->key_usage, CERTCTL_KU_DIGITAL_SIGNATURE);
	CU_ASSERT_EQUAL(leaf->name_count, 7);
}

static void the_same_template_gives_the_same_certificate(void)
{
	for (size_t i = 0; i < CERTCTL_COUNT(types); i++) {
		struct certctl_certificate_issuer ca = make_ca(ca_template(), types[i]);
		struct certctl_certificate_template template_ = leaf_template(CERTCTL_ECDSA_P256);
		struct certctl_certificate *first = NULL, *second = NULL;
		struct certctl_error err;

		ASSERT_OK(make(&template_, &ca, &first, &err), err);
		ASSERT_OK(make(&template_, &ca, &second, &err), err);
		ASSERT_TEXT(first->fingerprint_sha256, second->fingerprint_sha256);
	}
}

static void without_a_subject_the_names_are_critical(void)
{
	struct certctl_certificate_issuer ca = make_ca(ca_template(), CERTCTL_ED25519);
	struct certctl_certificate_template template_ = leaf_template(CERTCTL_ECDSA_P256);
	struct certctl_certificate *leaf = NULL;
	struct certctl_error err;
	gnutls_datum_t names = { 0 };
	unsigned critical = 0;

	template_.common_name = template_.organization = NULL;
	ASSERT_OK(make(&template_, &ca, &leaf, &err), err);
	gnutls_x509_crt_t crt = import(leaf);

	CU_ASSERT(gnutls_x509_crt_get_extension_by_oid2(crt, "2.5.29.17", 0, &names, &critical) >= 0);
	CU_ASSERT_EQUAL(critical, 1);
	gnutls_free(names.data);
	gnutls_x509_crt_deinit(crt);
}

static void dates_beyond_2049_are_read_back(void)
{
	static const int64_t ends[] = { INT64_C(2524607999), INT64_C(2524608000), NOW + 39 * 365 * DAY };
	struct certctl_certificate_issuer ca = make_ca(ca_template(), CERTCTL_ECDSA_P384);

	for (size_t i = 0; i < CERTCTL_COUNT(ends); i++) {
		struct certctl_certificate_template template_ = leaf_template(CERTCTL_ED25519);
		struct certctl_certificate *leaf = NULL;
		struct certctl_error err;

		template_.not_after_unix_s = ends[i];
		ASSERT_OK(make(&template_, &ca, &leaf, &err), err);
		CU_ASSERT_EQUAL(leaf->not_after_unix_s, ends[i]);
		gnutls_x509_crt_t crt = import(leaf);

		CU_ASSERT_EQUAL(gnutls_x509_crt_get_expiration_time(crt), ends[i]);
		gnutls_x509_crt_deinit(crt);
	}
}

static void templates_that_contradict_themselves_are_refused(void)
{
	static const unsigned char negative[20] = { 0x80, 1 }, zero[3] = { 0 }, long_serial[21] = { 1 };
	static const char *const bad_oid[] = { "1.x", NULL }, *const domain[] = { "example.com", NULL };
	static const struct certctl_name bad_address = { CERTCTL_NAME_IP, "1.2.3" },
					 bad_dns = { CERTCTL_NAME_DNS, "b\xc3\xbc" };
	static const struct certctl_name *const bad_addresses[] = { &bad_address, NULL }, *const bad_dnses[] = {
		&bad_dns, NULL
	};
	static char long_name[66];
	struct certctl_certificate_issuer ca = make_ca(ca_template(), CERTCTL_ECDSA_P256);
	struct certctl_certificate_template rows[16];
	static const char *const words[] = { "serial", "serial", "serial", "serial", "ends before", "key usage",
		"no OID", "no IP", "printable ASCII", "common name", "neither a subject", "name constraints",
		"noRevAvail", "noRevAvail", "noRevAvail", "noRevAvail" };

	memset(long_name, 'a', 65);
	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++)
		rows[i] = leaf_template(CERTCTL_ECDSA_P256);
	rows[0].serial_len = 0;
	rows[1].serial = negative;
	rows[2].serial = zero, rows[2].serial_len = 3;
	rows[3].serial = long_serial, rows[3].serial_len = 21;
	rows[4].not_after_unix_s = NOW;
	rows[5].key_usage = 0;
	rows[6].extended_key_usage = bad_oid;
	rows[7].names = bad_addresses;
	rows[8].names = bad_dnses;
	rows[9].common_name = long_name;
	rows[10].common_name = rows[10].organization = NULL, rows[10].names = NULL;
	rows[11].permitted_dns = domain;
	for (size_t i = 12; i < 16; i++)
		rows[i].no_revocation = true, rows[i].must_staple = false, rows[i].crl_url = rows[i].ocsp_url = NULL;
	rows[12].must_staple = true;
	rows[13].crl_url = "http://ca.example.com/crl";
	rows[14].ocsp_url = "http://ca.example.com/ocsp";
	rows[15].is_ca = true, rows[15].path_length = -1;
	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_bytes tbs = { 0 };
		struct certctl_error err;

		ASSERT_FAILS(certctl_certificate_tbs(test_mem(), &rows[i], &ca, &tbs, &err), CERTCTL_E_INVALID,
			words[i], err);
	}
}

/* RFC 9608: the extension 2.5.29.56, not critical, is NULL; there is no word of CRL or OCSP. */
static void what_lives_shortly_says_that_it_is_never_revoked(void)
{
	struct certctl_certificate_issuer ca = make_ca(ca_template(), CERTCTL_ECDSA_P256);
	struct certctl_certificate_template template_ = leaf_template(CERTCTL_ECDSA_P256);
	struct certctl_certificate *leaf = NULL;
	struct certctl_error err;
	gnutls_x509_crt_t crt;
	unsigned char value[8];
	size_t len = sizeof(value);
	unsigned critical = 9;

	template_.no_revocation = true;
	template_.must_staple = false;
	template_.crl_url = template_.ocsp_url = NULL;
	ASSERT_OK(make(&template_, &ca, &leaf, &err), err);
	CU_ASSERT_TRUE(leaf->no_revocation);
	CU_ASSERT_FALSE(ca.certificate->no_revocation);
	crt = import(leaf);
	CU_ASSERT_EQUAL(gnutls_x509_crt_get_extension_by_oid(crt, "2.5.29.56", 0, value, &len, &critical), 0);
	CU_ASSERT(len == 2 && value[0] == 5 && value[1] == 0 && critical == 0);
	CU_ASSERT_EQUAL(gnutls_x509_crt_get_crl_dist_points(crt, 0, value, &len, NULL, &critical),
		GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE);
	gnutls_x509_crt_deinit(crt);
}

static void a_key_that_is_not_the_cas_signs_nothing(void)
{
	struct certctl_certificate_issuer ca = make_ca(ca_template(), CERTCTL_ECDSA_P256);
	struct certctl_certificate_template template_ = leaf_template(CERTCTL_ECDSA_P256);
	struct certctl_bytes tbs = { 0 }, der = { 0 };
	struct certctl_error err;

	ASSERT_OK(certctl_certificate_tbs(test_mem(), &template_, &ca, &tbs, &err), err);
	ca.key = key_of(CERTCTL_ECDSA_P384);
	ASSERT_FAILS(certctl_certificate_sign(test_mem(), &tbs, &ca, &der, &err), CERTCTL_E_INVALID, "does not belong",
		err);
	ca.certificate = NULL;
	ASSERT_FAILS(certctl_certificate_tbs(test_mem(), &template_, &ca, &tbs, &err), CERTCTL_E_INVALID,
		"signs itself", err);
}

static void serials_are_positive_and_differ(void)
{
	unsigned char a[20], b[20];
	struct certctl_error err;

	for (int i = 0; i < 100; i++) {
		ASSERT_OK(certctl_serial_make(a, &err), err);
		ASSERT_OK(certctl_serial_make(b, &err), err);
		CU_ASSERT(a[0] >= 0x40 && a[0] < 0x80 && memcmp(a, b, 20) != 0);
	}
}

const struct test tests[] = {
	TEST(every_ca_signs_for_every_key),
	TEST(a_certificate_describes_itself),
	TEST(the_same_template_gives_the_same_certificate),
	TEST(without_a_subject_the_names_are_critical),
	TEST(dates_beyond_2049_are_read_back),
	TEST(templates_that_contradict_themselves_are_refused),
	TEST(what_lives_shortly_says_that_it_is_never_revoked),
	TEST(a_key_that_is_not_the_cas_signs_nothing),
	TEST(serials_are_positive_and_differ),
	{ 0 },
};
