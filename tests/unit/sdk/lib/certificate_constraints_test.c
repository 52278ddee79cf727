#include "test.h"

#include <certctl/certificate.h>
#include <gnutls/x509-ext.h>
#include <gnutls/x509.h>
#include <string.h>

#define NOW INT64_C(1800000000)

struct tree {
	gnutls_x509_subject_alt_name_t type;
	const char *base;
	size_t len;
};

/* A CA of GnuTLS's making, so that the constraints are not of our own writing. */
static struct certctl_certificate *make_ca(const struct tree *permitted, const struct tree *excluded, const char *raw,
	size_t raw_len)
{
	struct certctl_certificate *certificate = NULL;
	gnutls_x509_name_constraints_t constraints;
	gnutls_datum_t der = { 0 };
	gnutls_x509_privkey_t key;
	struct certctl_error err;
	gnutls_x509_crt_t crt;

	gnutls_x509_name_constraints_init(&constraints);
	for (; permitted && permitted->base; permitted++)
		CU_ASSERT(gnutls_x509_name_constraints_add_permitted(constraints, permitted->type,
				  &(gnutls_datum_t){ (unsigned char *)permitted->base, (unsigned)permitted->len }) >=
			  0);
	for (; excluded && excluded->base; excluded++)
		CU_ASSERT(gnutls_x509_name_constraints_add_excluded(constraints, excluded->type,
				  &(gnutls_datum_t){ (unsigned char *)excluded->base, (unsigned)excluded->len }) >= 0);
	gnutls_x509_crt_init(&crt);
	gnutls_x509_privkey_init(&key);
	gnutls_x509_privkey_generate(key, GNUTLS_PK_EDDSA_ED25519, 256, 0);
	gnutls_x509_crt_set_version(crt, 3);
	gnutls_x509_crt_set_serial(crt, "\1", 1);
	gnutls_x509_crt_set_activation_time(crt, NOW);
	gnutls_x509_crt_set_expiration_time(crt, NOW + 1000);
	gnutls_x509_crt_set_dn(crt, "CN=Constrained", NULL);
	gnutls_x509_crt_set_key(crt, key);
	gnutls_x509_crt_set_basic_constraints(crt, 1, -1);
	if (raw)
		gnutls_x509_crt_set_extension_by_oid(crt, "2.5.29.30", raw, raw_len, 1);
	else
		gnutls_x509_crt_set_name_constraints(crt, constraints, 1);
	CU_ASSERT(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA512, 0) >= 0);
	gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der);
	ASSERT_OK(certctl_certificate_read(test_mem(), (char *)der.data, der.size, &certificate, &err), err);
	gnutls_free(der.data);
	gnutls_x509_name_constraints_deinit(constraints);
	gnutls_x509_privkey_deinit(key);
	gnutls_x509_crt_deinit(crt);
	return certificate;
}

struct row {
	enum certctl_name_type type;
	const char *text;
	bool is_permitted;
};

static void check_rows(const struct certctl_certificate *ca, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct certctl_name name = { rows[i].type, rows[i].text };
		const struct certctl_name *const names[] = { &name, NULL };
		struct certctl_error err;

		if (rows[i].is_permitted)
			ASSERT_OK(certctl_certificate_permits(ca, names, false, &err), err);
		else
			ASSERT_FAILS(certctl_certificate_permits(ca, names, false, &err), CERTCTL_E_DENIED,
				rows[i].text, err);
	}
}

static void permitted_trees_bound_names_of_their_own_type(void)
{
	static const struct tree permitted[] = {
		{ GNUTLS_SAN_DNSNAME, "example.com", 11 },
		{ GNUTLS_SAN_RFC822NAME, "mail.example.com", 16 },
		{ GNUTLS_SAN_RFC822NAME, ".corp.example", 13 },
		{ GNUTLS_SAN_RFC822NAME, "boss@example.net", 16 },
		{ GNUTLS_SAN_URI, ".svc.example.com", 16 },
		{ GNUTLS_SAN_IPADDRESS, "\x0a\1\0\0\xff\xff\0\0", 8 },
		{ 0 },
	};
	static const struct row rows[] = {
		{ CERTCTL_NAME_DNS, "example.com", true },
		{ CERTCTL_NAME_DNS, "a.b.example.com", true },
		{ CERTCTL_NAME_DNS, "*.example.com", true },
		{ CERTCTL_NAME_DNS, "badexample.com", false },
		{ CERTCTL_NAME_DNS, "com", false },
		{ CERTCTL_NAME_DNS, "example.com.evil.test", false },
		{ CERTCTL_NAME_EMAIL, "a@mail.example.com", true },
		{ CERTCTL_NAME_EMAIL, "a@x.mail.example.com", false },
		{ CERTCTL_NAME_EMAIL, "a@x.corp.example", true },
		{ CERTCTL_NAME_EMAIL, "a@corp.example", false },
		{ CERTCTL_NAME_EMAIL, "boss@example.net", true },
		{ CERTCTL_NAME_EMAIL, "clerk@example.net", false },
		{ CERTCTL_NAME_URI, "spiffe://db.svc.example.com/x", true },
		{ CERTCTL_NAME_URI, "https://u@db.svc.example.com:8443/x", true },
		{ CERTCTL_NAME_URI, "https://evil.test/.svc.example.com", false },
		{ CERTCTL_NAME_URI, "https://evil.test?.svc.example.com", false },
		{ CERTCTL_NAME_IP, "10.1.2.3", true },
		{ CERTCTL_NAME_IP, "10.2.0.1", false },
		{ CERTCTL_NAME_IP, "2001:db8::1", false },
	};

	check_rows(make_ca(permitted, NULL, NULL, 0), rows, CERTCTL_COUNT(rows));
}

static void excluded_trees_win_and_leave_the_rest(void)
{
	static const struct tree permitted[] = { { GNUTLS_SAN_DNSNAME, "example.com", 11 }, { 0 } };
	static const struct tree excluded[] = { { GNUTLS_SAN_DNSNAME, "secret.example.com", 18 }, { 0 } };
	static const struct row rows[] = {
		{ CERTCTL_NAME_DNS, "www.example.com", true },
		{ CERTCTL_NAME_DNS, "secret.example.com", false },
		{ CERTCTL_NAME_DNS, "a.secret.example.com", false },
		{ CERTCTL_NAME_DNS, "*.example.com", false }, /* stands for secret.example.com too */
		{ CERTCTL_NAME_DNS, "*.www.example.com", true },
		{ CERTCTL_NAME_IP, "192.0.2.1", true },
		{ CERTCTL_NAME_EMAIL, "a@secret.example.com", true },
	};

	check_rows(make_ca(permitted, excluded, NULL, 0), rows, CERTCTL_COUNT(rows));
}

/* GnuTLS writes no such constraint: SEQUENCE { [0] { SEQUENCE { [4] { Name } } } } with O=Directory. */
static void constraints_on_directories_refuse_a_subject(void)
{
	static const char constraints[] = "\x30\x1c\xa0\x1a\x30\x18\xa4\x16\x30\x14\x31\x12\x30\x10\x06\x03\x55\x04\x0a"
					  "\x0c\x09"
					  "Directory";
	struct certctl_certificate *ca = make_ca(NULL, NULL, constraints, sizeof(constraints) - 1);
	struct certctl_error err;

	ASSERT_OK(certctl_certificate_permits(ca, NULL, false, &err), err);
	ASSERT_FAILS(certctl_certificate_permits(ca, NULL, true, &err), CERTCTL_E_DENIED, "constrains directory names",
		err);
}

static void a_ca_without_constraints_permits_everything(void)
{
	static const struct row rows[] = { { CERTCTL_NAME_DNS, "a.test", true }, { CERTCTL_NAME_IP, "::1", true } };
	struct certctl_certificate_issuer issuer = { 0 };
	struct certctl_certificate_template template_ = { .serial = (const unsigned char *)"\1",
		.serial_len = 1,
		.common_name = "CA",
		.not_after_unix_s = 1,
		.key_usage = CERTCTL_KU_KEY_CERT_SIGN,
		.is_ca = true };
	struct certctl_certificate *ca = NULL;
	struct certctl_bytes tbs, der = { 0 };
	struct certctl_key *key = NULL;
	struct certctl_error err;

	ASSERT_OK(certctl_key_generate(test_mem(), CERTCTL_ED25519, &key, &err), err);
	issuer.key = key;
	ASSERT_OK(certctl_key_public(test_mem(), key, &template_.public_key, &err), err);
	ASSERT_OK(certctl_certificate_tbs(test_mem(), &template_, &issuer, &tbs, &err), err);
	ASSERT_OK(certctl_certificate_sign(test_mem(), &tbs, &issuer, &der, &err), err);
	ASSERT_OK(certctl_certificate_read(test_mem(), (char *)der.data, der.len, &ca, &err), err);
	check_rows(ca, rows, CERTCTL_COUNT(rows));
}

const struct test tests[] = {
	TEST(permitted_trees_bound_names_of_their_own_type),
	TEST(excluded_trees_win_and_leave_the_rest),
	TEST(constraints_on_directories_refuse_a_subject),
	TEST(a_ca_without_constraints_permits_everything),
	{ 0 },
};
