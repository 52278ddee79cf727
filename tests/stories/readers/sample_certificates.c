/* sample_certificates FOLDER NOW: a CA of every key type and, signed by each, a leaf of every key type; and odd ones. */
#include <certctl/certificate.h>
#include <certctl/files.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAY INT64_C(86400)

static const unsigned char serial[20] = { 0x7f, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc,
	0xdd, 0xee, 0xff, 0x01, 0x02, 0x03, 0xfe };
static const struct certctl_name names_of_all[] = {
	{ CERTCTL_NAME_DNS, "www.example.com" },
	{ CERTCTL_NAME_DNS, "*.example.com" },
	{ CERTCTL_NAME_DNS, "xn--bcher-kva.example" },
	{ CERTCTL_NAME_IP, "192.0.2.7" },
	{ CERTCTL_NAME_IP, "2001:db8::7" },
	{ CERTCTL_NAME_EMAIL, "ops@example.com" },
	{ CERTCTL_NAME_URI, "spiffe://example.com/db" },
};

static TALLOC_CTX *mem;
static int dir_fd = -1;
static int64_t now;
static const struct certctl_name *names[CERTCTL_COUNT(names_of_all) + 1];

static void need(int rc, const struct certctl_error *err)
{
	if (rc == 0)
		return;
	fprintf(stderr, "sample_certificates: %s\n", err->what);
	exit(1);
}

static void write_pem(const char *name, const struct certctl_certificate *certificate)
{
	const struct certctl_file_attributes attributes = { .mode = 0644, .uid = (uid_t)-1, .gid = (gid_t)-1 };
	char *pem = certctl_certificate_pem(mem, certificate);
	struct certctl_error err;

	need(certctl_file_replace(dir_fd, name, pem, strlen(pem), &attributes, &err), &err);
}

static struct certctl_certificate *make(const char *file, const struct certctl_certificate_template *template_,
	const struct certctl_certificate_issuer *issuer)
{
	struct certctl_certificate *certificate;
	struct certctl_bytes tbs, der;
	struct certctl_error err;

	need(certctl_certificate_tbs(mem, template_, issuer, &tbs, &err), &err);
	need(certctl_certificate_lint(&tbs, template_, issuer, &err), &err);
	need(certctl_certificate_sign(mem, &tbs, issuer, &der, &err), &err);
	need(certctl_certificate_lint(&der, template_, issuer, &err), &err);
	need(certctl_certificate_read(mem, (char *)der.data, der.len, &certificate, &err), &err);
	write_pem(file, certificate);
	return certificate;
}

static struct certctl_certificate_template ca_template(const struct certctl_key *key)
{
	static const char *const permitted[] = { "example.com", "xn--bcher-kva.example", NULL };
	static const char *const excluded[] = { "secret.example.org", NULL };
	struct certctl_certificate_template template_ = { .serial = serial,
		.serial_len = sizeof(serial),
		.subject = "CN=Sample CA,O=B\xc3\xbc"
			   "cher\\, Example,C=DE",
		.not_before_unix_s = now - DAY,
		.not_after_unix_s = now + 50 * 365 * DAY,
		.key_usage = CERTCTL_KU_DIGITAL_SIGNATURE | CERTCTL_KU_KEY_CERT_SIGN | CERTCTL_KU_CRL_SIGN,
		.is_ca = true,
		.path_length = 0,
		.permitted_dns = permitted,
		.excluded_dns = excluded };
	struct certctl_error err;

	need(certctl_key_public(mem, key, &template_.public_key, &err), &err);
	return template_;
}

static struct certctl_certificate_template leaf_template(const struct certctl_key *key)
{
	static const char *const usages[] = { "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", NULL };
	static const char *const policies[] = { "2.23.140.1.2.1", NULL };
	enum certctl_key_type type = certctl_key_type_of(key);
	bool is_rsa = type == CERTCTL_RSA_2048 || type == CERTCTL_RSA_3072 || type == CERTCTL_RSA_4096;
	struct certctl_certificate_template template_ = { .serial = serial,
		.serial_len = sizeof(serial),
		.common_name = "www.example.com",
		.organization = "B\xc3\xbc"
				"cher",
		.names = names,
		.not_before_unix_s = now - 300,
		.not_after_unix_s = now + 90 * DAY,
		.key_usage = CERTCTL_KU_DIGITAL_SIGNATURE | (is_rsa ? CERTCTL_KU_KEY_ENCIPHERMENT : 0),
		.extended_key_usage = usages,
		.must_staple = true,
		.path_length = -1,
		.crl_url = "http://ca.example.com/crl",
		.ocsp_url = "http://ca.example.com/ocsp",
		.ca_issuers_url = "http://ca.example.com/ca.crt",
		.policy_oids = policies };
	struct certctl_error err;

	need(certctl_key_public(mem, key, &template_.public_key, &err), &err);
	return template_;
}

/* What the matrix of key types does not show. */
static void make_odd_ones(const struct certctl_certificate_issuer *ca, const struct certctl_key *key)
{
	static const unsigned char small[] = { 1 }, high[] = { 0x80 };
	struct certctl_certificate_template template_ = leaf_template(key);

	template_.common_name = template_.organization = NULL;
	make("odd-no-subject.pem", &template_, ca);
	template_ = leaf_template(key);
	template_.not_after_unix_s = INT64_C(2524607999);
	make("odd-2049.pem", &template_, ca);
	template_.not_after_unix_s = INT64_C(2524608000);
	make("odd-2050.pem", &template_, ca);
	template_ = leaf_template(key);
	template_.serial = small, template_.serial_len = 1;
	make("odd-serial-1.pem", &template_, ca);
	template_.serial = high;
	make("odd-serial-80.pem", &template_, ca);
	template_ = leaf_template(key);
	template_.crl_url = template_.ocsp_url = template_.ca_issuers_url = NULL;
	template_.policy_oids = NULL, template_.must_staple = false;
	make("odd-bare.pem", &template_, ca);
}

static void make_all(struct certctl_key *const keys[])
{
	for (uint32_t c = 1; c < CERTCTL_KEY_TYPE_COUNT; c++) {
		struct certctl_certificate_issuer ca = { .key = keys[c] };
		struct certctl_certificate_template template_ = ca_template(keys[c]);

		ca.certificate = make(talloc_asprintf(mem, "ca-%s.pem", certctl_key_type_name(c)), &template_, &ca);
		for (uint32_t l = 1; l < CERTCTL_KEY_TYPE_COUNT; l++) {
			template_ = leaf_template(keys[l]);
			make(talloc_asprintf(mem, "leaf-%s-%s.pem", certctl_key_type_name(c), certctl_key_type_name(l)),
				&template_, &ca);
		}
		if (c == CERTCTL_ECDSA_P256)
			make_odd_ones(&ca, keys[c]);
	}
}

int main(int argc, char **argv)
{
	struct certctl_key *keys[CERTCTL_KEY_TYPE_COUNT] = { NULL };
	struct certctl_error err;

	if (argc != 3)
		return 2;
	mem = talloc_new(NULL);
	now = strtoll(argv[2], NULL, 10);
	need(certctl_dir_open(argv[1], &dir_fd, &err), &err);
	for (size_t i = 0; i < CERTCTL_COUNT(names_of_all); i++)
		names[i] = &names_of_all[i];
	for (uint32_t type = 1; type < CERTCTL_KEY_TYPE_COUNT; type++)
		need(certctl_key_generate(mem, (enum certctl_key_type)type, &keys[type], &err), &err);
	make_all(keys);
	close(dir_fd);
	talloc_free(mem);
	return 0;
}
