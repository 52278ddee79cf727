#include "test.h"

#include <certctl/certificate.h>
#include <gnutls/x509.h>
#include <string.h>

#define NOW INT64_C(1800000000)
#define DAY INT64_C(86400)

static const unsigned char serial[20] = { 0x40, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20 };
static const char *const server[] = { "1.3.6.1.5.5.7.3.1", NULL };
static const struct certctl_name www = { CERTCTL_NAME_DNS, "www.example.com" };
static const struct certctl_name *const names[] = { &www, NULL };

static struct certctl_key *make_key(enum certctl_key_type type)
{
	struct certctl_key *key = NULL;
	struct certctl_error err;

	ASSERT_OK(certctl_key_generate(test_mem(), type, &key, &err), err);
	return key;
}

static struct certctl_bytes public_of(const struct certctl_key *key)
{
	struct certctl_bytes public_key = { 0 };
	struct certctl_error err;

	ASSERT_OK(certctl_key_public(test_mem(), key, &public_key, &err), err);
	return public_key;
}

static struct certctl_certificate_issuer make_ca(int path_length)
{
	struct certctl_certificate_issuer ca = { .key = make_key(CERTCTL_ECDSA_P256) };
	struct certctl_certificate_template template_ = { .serial = serial,
		.serial_len = 20,
		.common_name = "CA",
		.public_key = public_of(ca.key),
		.not_before_unix_s = NOW - DAY,
		.not_after_unix_s = NOW + 100 * DAY,
		.key_usage = CERTCTL_KU_KEY_CERT_SIGN,
		.is_ca = true,
		.path_length = path_length };
	struct certctl_certificate *certificate = NULL;
	struct certctl_bytes tbs = { 0 }, der = { 0 };
	struct certctl_error err;

	ASSERT_OK(certctl_certificate_tbs(test_mem(), &template_, &ca, &tbs, &err), err);
	ASSERT_OK(certctl_certificate_sign(test_mem(), &tbs, &ca, &der, &err), err);
	ASSERT_OK(certctl_certificate_read(test_mem(), (char *)der.data, der.len, &certificate, &err), err);
	ca.certificate = certificate;
	return ca;
}

static struct certctl_certificate_template leaf_of(const struct certctl_key *key)
{
	return (struct certctl_certificate_template){ .serial = serial,
		.serial_len = 20,
		.common_name = "www.example.com",
		.names = names,
		.public_key = public_of(key),
		.not_before_unix_s = NOW,
		.not_after_unix_s = NOW + 90 * DAY - 1,
		.key_usage = CERTCTL_KU_DIGITAL_SIGNATURE,
		.extended_key_usage = server,
		.path_length = -1 };
}

static struct certctl_bytes tbs_of(const struct certctl_certificate_template *template_,
	const struct certctl_certificate_issuer *ca)
{
	struct certctl_bytes tbs = { 0 };
	struct certctl_error err;

	ASSERT_OK(certctl_certificate_tbs(test_mem(), template_, ca, &tbs, &err), err);
	return tbs;
}

/* What the builder writes when it is told to, and the lint must not let pass. */
static void bad_templates_are_built_but_not_passed(void)
{
	static const struct certctl_name mail = { CERTCTL_NAME_EMAIL, "a@example.com" };
	static const struct certctl_name *const only_mail[] = { &mail, NULL };
	static const struct certctl_name twice_name = { CERTCTL_NAME_DNS, "www.example.com" };
	static const struct certctl_name *const twice[] = { &www, &twice_name, NULL };
	static const char *const any_purpose[] = { "2.5.29.37.0", NULL };
	struct certctl_certificate_issuer ca = make_ca(0);
	struct certctl_key *ec = make_key(CERTCTL_ECDSA_P256), *ed = make_key(CERTCTL_ED25519);
	struct certctl_certificate_template rows[10];
	static const char *const words[CERTCTL_COUNT(rows)] = { "validity: outside", "validity: outside",
		"encipherment needs an RSA", "key agreement needs an EC", "keyCertSign for CAs", "any purpose",
		"needs a DNS name", "common name of a server", "one twice", "longer than the path length" };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++)
		rows[i] = leaf_of(ec);
	rows[0].not_after_unix_s = NOW + 101 * DAY;
	rows[1].not_before_unix_s = NOW - 2 * DAY;
	rows[2].key_usage |= CERTCTL_KU_KEY_ENCIPHERMENT;
	rows[3].public_key = public_of(ed), rows[3].key_usage |= CERTCTL_KU_KEY_AGREEMENT;
	rows[4].key_usage |= CERTCTL_KU_KEY_CERT_SIGN;
	rows[5].extended_key_usage = any_purpose;
	rows[6].names = only_mail;
	rows[7].common_name = "other.example.com";
	rows[8].names = twice;
	rows[9].is_ca = true, rows[9].path_length = 0, rows[9].key_usage = CERTCTL_KU_KEY_CERT_SIGN;
	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_bytes tbs = tbs_of(&rows[i], &ca);
		struct certctl_error err;

		ASSERT_FAILS(certctl_certificate_lint(&tbs, &rows[i], &ca, &err), CERTCTL_E_INVALID, words[i], err);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.what, "lint: "));
	}
}

static void a_certificate_that_says_something_else_is_not_passed(void)
{
	static const unsigned char other_serial[1] = { 9 };
	static const struct certctl_name mail = { CERTCTL_NAME_DNS, "mail.example.com" };
	static const struct certctl_name *const more[] = { &mail, &www, NULL };
	struct certctl_certificate_issuer ca = make_ca(-1), other_ca = make_ca(-1);
	struct certctl_key *key = make_key(CERTCTL_ECDSA_P256);
	struct certctl_certificate_template built = leaf_of(key), rows[12];
	static const char *const words[CERTCTL_COUNT(rows)] = { "serial: not the one", "validity: not the dates",
		"not the common name", "not the one that was requested", "mail.example.com is missing",
		"keyUsage: not what", "extKeyUsage: more than", "must-staple", "CRL distribution point",
		"authority information", "basicConstraints: not what", "noRevAvail: not what" };
	struct certctl_bytes tbs;
	struct certctl_error err;

	built.crl_url = "http://ca.example.com/crl";
	built.ocsp_url = "http://ca.example.com/ocsp";
	tbs = tbs_of(&built, &ca);
	ASSERT_OK(certctl_certificate_lint(&tbs, &built, &ca, &err), err);
	ASSERT_OK(certctl_certificate_lint(&tbs, NULL, NULL, &err), err);
	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++)
		rows[i] = built;
	rows[0].serial = other_serial, rows[0].serial_len = 1;
	rows[1].not_after_unix_s--;
	rows[2].common_name = NULL;
	rows[3].public_key = public_of(make_key(CERTCTL_ECDSA_P256));
	rows[4].names = more;
	rows[5].key_usage |= CERTCTL_KU_NON_REPUDIATION;
	rows[6].extended_key_usage = NULL;
	rows[7].must_staple = true;
	rows[8].crl_url = "http://example.com/crl";
	rows[9].ocsp_url = "http://example.com/ocsp";
	rows[10].is_ca = true;
	rows[11].no_revocation = true;
	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++)
		ASSERT_FAILS(certctl_certificate_lint(&tbs, &rows[i], &ca, &err), CERTCTL_E_INVALID, words[i], err);
	ASSERT_FAILS(certctl_certificate_lint(&tbs, &built, &other_ca, &err), CERTCTL_E_INVALID, "key ids: authority",
		err);
}

/* Certificates of GnuTLS's making: what our builder never writes. */
static struct certctl_bytes foreign(void (*change)(gnutls_x509_crt_t crt), gnutls_digest_algorithm_t digest)
{
	gnutls_datum_t der = { 0 };
	struct certctl_bytes copy;
	gnutls_x509_privkey_t key;
	gnutls_x509_crt_t crt;

	gnutls_x509_crt_init(&crt);
	gnutls_x509_privkey_init(&key);
	gnutls_x509_privkey_generate(key, GNUTLS_PK_RSA, 2048, 0);
	gnutls_x509_crt_set_version(crt, 3);
	gnutls_x509_crt_set_serial(crt, serial, sizeof(serial));
	gnutls_x509_crt_set_activation_time(crt, NOW);
	gnutls_x509_crt_set_expiration_time(crt, NOW + DAY);
	gnutls_x509_crt_set_dn(crt, "CN=www.example.com", NULL);
	gnutls_x509_crt_set_key(crt, key);
	gnutls_x509_crt_set_basic_constraints(crt, 0, -1);
	gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE);
	gnutls_x509_crt_set_subject_key_id(crt, "12345", 5);
	gnutls_x509_crt_set_authority_key_id(crt, "12345", 5);
	change(crt);
	CU_ASSERT(gnutls_x509_crt_sign2(crt, crt, key, digest, 0) >= 0);
	CU_ASSERT(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der) >= 0);
	copy = (struct certctl_bytes){ talloc_memdup(test_mem(), der.data, der.size), der.size };
	gnutls_free(der.data);
	gnutls_x509_privkey_deinit(key);
	gnutls_x509_crt_deinit(crt);
	return copy;
}

static void nothing(gnutls_x509_crt_t crt)
{
	(void)crt;
}
static void long_serial(gnutls_x509_crt_t crt)
{
	static const unsigned char bytes[21] = { 1 };

	gnutls_x509_crt_set_serial(crt, bytes, sizeof(bytes));
}
static void unknown_critical(gnutls_x509_crt_t crt)
{
	gnutls_x509_crt_set_extension_by_oid(crt, "1.2.3.4", "\5\0", 2, 1);
}
static void unknown(gnutls_x509_crt_t crt)
{
	gnutls_x509_crt_set_extension_by_oid(crt, "1.2.3.4", "\5\0", 2, 0);
}
static void critical_key_id(gnutls_x509_crt_t crt)
{
	gnutls_x509_crt_set_extension_by_oid(crt, "2.5.29.14", "\4\1x", 3, 1);
}
static void constraints(gnutls_x509_crt_t crt)
{
	gnutls_x509_crt_set_extension_by_oid(crt, "2.5.29.30", "\x30\0", 2, 1);
}
static void path_length(gnutls_x509_crt_t crt)
{
	gnutls_x509_crt_set_extension_by_oid(crt, "2.5.29.19", "\x30\3\2\1\0", 5, 1);
}

static void certificates_of_others_are_judged_by_the_same_rules(void)
{
	static const struct {
		void (*change)(gnutls_x509_crt_t crt);
		gnutls_digest_algorithm_t digest;
		const char *words; /* NULL: passes */
	} rows[] = {
		{ nothing, GNUTLS_DIG_SHA256, NULL },
		{ unknown, GNUTLS_DIG_SHA256, NULL },
		{ nothing, GNUTLS_DIG_SHA1, "signature algorithm: unknown or weak" },
		{ long_serial, GNUTLS_DIG_SHA256, "serial: 1 to 20 octets" },
		{ unknown_critical, GNUTLS_DIG_SHA256, "an unknown one is critical" },
		{ critical_key_id, GNUTLS_DIG_SHA256, "subjectKeyIdentifier: must not be critical" },
		{ constraints, GNUTLS_DIG_SHA256, "nameConstraints: only for a CA" },
		{ path_length, GNUTLS_DIG_SHA256, "path length without CA" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_bytes der = foreign(rows[i].change, rows[i].digest);
		struct certctl_error err;

		if (rows[i].words)
			ASSERT_FAILS(certctl_certificate_lint(&der, NULL, NULL, &err), CERTCTL_E_INVALID, rows[i].words,
				err);
		else
			ASSERT_OK(certctl_certificate_lint(&der, NULL, NULL, &err), err);
	}
}

/* Any single byte that differs from what was ordered is noticed, or it is outside what the template says. */
static void a_changed_byte_is_noticed(void)
{
	struct certctl_certificate_issuer ca = make_ca(-1);
	struct certctl_certificate_template built = leaf_of(make_key(CERTCTL_ECDSA_P256));
	struct certctl_bytes tbs = tbs_of(&built, &ca);
	struct certctl_error err;
	size_t passed = 0;

	for (size_t i = 0; i < tbs.len; i++) {
		tbs.data[i] ^= 0x21;
		passed += certctl_certificate_lint(&tbs, &built, &ca, &err) == 0;
		tbs.data[i] ^= 0x21;
	}
	/* The 20 octets of the subject's key id are computed, not ordered; so is a string type. */
	CU_ASSERT(passed <= 22);
}

const struct test tests[] = {
	TEST(bad_templates_are_built_but_not_passed),
	TEST(a_certificate_that_says_something_else_is_not_passed),
	TEST(certificates_of_others_are_judged_by_the_same_rules),
	TEST(a_changed_byte_is_noticed),
	{ 0 },
};
