/* One P-256 certificate: read the request, verify it, build, lint, sign.  Beside the GnuTLS x509 API, and the bare verify and sign. */
#include "bench.h"

#include <certctl/certificate.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <string.h>

#define NOW INT64_C(1800000000)
#define DAY INT64_C(86400)

static const struct certctl_name name_a = { CERTCTL_NAME_DNS, "www.example.com" },
				 name_b = { CERTCTL_NAME_DNS, "example.com" };
static const struct certctl_name *const names[] = { &name_b, &name_a, NULL };

struct world {
	struct certctl_certificate_issuer ca;
	char *csr_pem;
	/* What GnuTLS holds of the same CA. */
	gnutls_x509_crt_t ca_crt;
	gnutls_privkey_t ca_key;
	gnutls_pubkey_t leaf_public;
	gnutls_datum_t tbs, signature;
};

static void need(int rc, const struct certctl_error *err)
{
	if (rc < 0)
		bench_die("certificate", err->what);
}

static void need_gnutls(int rc)
{
	if (rc < 0)
		bench_die("GnuTLS", gnutls_strerror(rc));
}

static struct certctl_certificate_template make_template(const unsigned char serial[20],
	struct certctl_bytes public_key)
{
	static const char *const usage[] = { "1.3.6.1.5.5.7.3.1", NULL };

	return (struct certctl_certificate_template){ .serial = serial,
		.serial_len = 20,
		.common_name = "www.example.com",
		.names = names,
		.not_before_unix_s = NOW,
		.not_after_unix_s = NOW + 90 * DAY - 1,
		.public_key = public_key,
		.key_usage = CERTCTL_KU_DIGITAL_SIGNATURE,
		.extended_key_usage = usage,
		.path_length = -1,
		.crl_url = "http://ca.example.com/crl",
		.ocsp_url = "http://ca.example.com/ocsp",
		.ca_issuers_url = "http://ca.example.com/ca.crt" };
}

/* Everything local-ca does for an order, without its rules and its process. */
static void run_certctl(void *arg, unsigned thread)
{
	const struct world *world = arg;
	TALLOC_CTX *mem = talloc_new(NULL);
	struct certctl_certificate_template template_;
	struct certctl_bytes tbs, der;
	unsigned char serial[20];
	struct certctl_error err;
	struct certctl_csr *csr;

	(void)thread;
	need(certctl_serial_make(serial, &err), &err);
	need(certctl_csr_read(mem, world->csr_pem, strlen(world->csr_pem), &csr, &err), &err);
	template_ = make_template(serial, csr->public_key);
	need(certctl_certificate_tbs(mem, &template_, &world->ca, &tbs, &err), &err);
	need(certctl_certificate_lint(&tbs, &template_, &world->ca, &err), &err);
	need(certctl_certificate_sign(mem, &tbs, &world->ca, &der, &err), &err);
	need(certctl_certificate_lint(&der, &template_, &world->ca, &err), &err);
	if (!certctl_pem_encode(mem, "CERTIFICATE", der.data, der.len))
		bench_die("certificate", "out of memory");
	talloc_free(mem);
}

/* The same certificate by the library's own objects, without a lint. */
static void run_gnutls(void *arg, unsigned thread)
{
	const struct world *world = arg;
	gnutls_datum_t pem = { (unsigned char *)world->csr_pem, (unsigned)strlen(world->csr_pem) }, out;
	unsigned char serial[20], id[20];
	size_t id_len = sizeof(id);
	struct certctl_error err;
	gnutls_x509_crq_t crq;
	gnutls_x509_crt_t crt;

	(void)thread;
	need(certctl_serial_make(serial, &err), &err);
	need_gnutls(gnutls_x509_crq_init(&crq));
	need_gnutls(gnutls_x509_crq_import(crq, &pem, GNUTLS_X509_FMT_PEM));
	need_gnutls(gnutls_x509_crq_verify(crq, 0));
	need_gnutls(gnutls_x509_crt_init(&crt));
	need_gnutls(gnutls_x509_crt_set_crq(crt, crq));
	need_gnutls(gnutls_x509_crt_set_version(crt, 3));
	need_gnutls(gnutls_x509_crt_set_serial(crt, serial, sizeof(serial)));
	need_gnutls(gnutls_x509_crt_set_activation_time(crt, NOW));
	need_gnutls(gnutls_x509_crt_set_expiration_time(crt, NOW + 90 * DAY - 1));
	need_gnutls(gnutls_x509_crt_set_basic_constraints(crt, 0, -1));
	need_gnutls(gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE));
	need_gnutls(gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0));
	need_gnutls(gnutls_x509_crq_get_key_id(crq, 0, id, &id_len));
	need_gnutls(gnutls_x509_crt_set_subject_key_id(crt, id, id_len));
	need_gnutls(gnutls_x509_crt_set_authority_key_id(crt, id, id_len));
	need_gnutls(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, "example.com", 11, GNUTLS_FSAN_SET));
	need_gnutls(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, "www.example.com", 15,
		GNUTLS_FSAN_APPEND));
	need_gnutls(gnutls_x509_crt_set_crl_dist_points(crt, GNUTLS_SAN_URI, "http://ca.example.com/crl", 0));
	need_gnutls(gnutls_x509_crt_set_authority_info_access(crt, GNUTLS_IA_OCSP_URI,
		&(gnutls_datum_t){ (unsigned char *)"http://ca.example.com/ocsp", 26 }));
	need_gnutls(gnutls_x509_crt_privkey_sign(crt, world->ca_crt, world->ca_key, GNUTLS_DIG_SHA256,
		GNUTLS_PRIVKEY_FLAG_REPRODUCIBLE));
	need_gnutls(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &out));
	gnutls_free(out.data);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_crq_deinit(crq);
}

/* The floor: one verification and one signature over bytes of the same size. */
static void run_floor(void *arg, unsigned thread)
{
	const struct world *world = arg;
	gnutls_datum_t signature;

	(void)thread;
	need_gnutls(gnutls_pubkey_verify_data2(world->leaf_public, GNUTLS_SIGN_ECDSA_SHA256, 0, &world->tbs,
		&world->signature));
	need_gnutls(gnutls_privkey_sign_data2(world->ca_key, GNUTLS_SIGN_ECDSA_SHA256, GNUTLS_PRIVKEY_FLAG_REPRODUCIBLE,
		&world->tbs, &signature));
	gnutls_free(signature.data);
}

static void make_ca(struct world *world, TALLOC_CTX *mem)
{
	static const unsigned char serial[20] = { 1 };
	struct certctl_certificate_template template_ = { .serial = serial,
		.serial_len = 20,
		.subject = "CN=Bench CA,O=Example",
		.not_before_unix_s = NOW - DAY,
		.not_after_unix_s = NOW + 3650 * DAY,
		.key_usage = CERTCTL_KU_KEY_CERT_SIGN | CERTCTL_KU_CRL_SIGN,
		.is_ca = true };
	struct certctl_certificate *certificate;
	struct certctl_bytes tbs, der;
	struct certctl_error err;
	struct certctl_key *key;

	need(certctl_key_generate(mem, CERTCTL_ECDSA_P256, &key, &err), &err);
	world->ca = (struct certctl_certificate_issuer){ .key = key };
	need(certctl_key_public(mem, key, &template_.public_key, &err), &err);
	need(certctl_certificate_tbs(mem, &template_, &world->ca, &tbs, &err), &err);
	need(certctl_certificate_sign(mem, &tbs, &world->ca, &der, &err), &err);
	need(certctl_certificate_read(mem, (char *)der.data, der.len, &certificate, &err), &err);
	world->ca.certificate = certificate;
	world->ca_key = certctl_key_handle(key);
	need_gnutls(gnutls_x509_crt_init(&world->ca_crt));
	need_gnutls(gnutls_x509_crt_import(world->ca_crt, &(gnutls_datum_t){ der.data, (unsigned)der.len },
		GNUTLS_X509_FMT_DER));
}

static void make_request(struct world *world, TALLOC_CTX *mem)
{
	static unsigned char bytes[500];
	struct certctl_csr_request request = { .common_name = "www.example.com", .names = names };
	struct certctl_error err;
	struct certctl_key *key;

	need(certctl_key_generate(mem, CERTCTL_ECDSA_P256, &key, &err), &err);
	need(certctl_csr_make(mem, key, &request, &world->csr_pem, &err), &err);
	world->tbs = (gnutls_datum_t){ bytes, sizeof(bytes) };
	need_gnutls(gnutls_pubkey_init(&world->leaf_public));
	need_gnutls(gnutls_pubkey_import_privkey(world->leaf_public, certctl_key_handle(key), 0, 0));
	need_gnutls(gnutls_privkey_sign_data2(certctl_key_handle(key), GNUTLS_SIGN_ECDSA_SHA256, 0, &world->tbs,
		&world->signature));
}

int main(void)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct world world = { 0 };
	const struct bench_side sides[] = {
		{ "bare verify and sign", run_floor, &world, NULL },
		{ "certctl, with lint", run_certctl, &world, NULL },
		{ "GnuTLS x509 API", run_gnutls, &world, NULL },
		{ 0 },
	};

	make_ca(&world, mem);
	make_request(&world, mem);
	bench_compare(&(struct bench){ .name = "certificate.p256",
			      .what = "a request read and verified, a P-256 certificate built, linted and signed" },
		sides);
	gnutls_x509_crt_deinit(world.ca_crt);
	gnutls_pubkey_deinit(world.leaf_public);
	gnutls_free(world.signature.data);
	talloc_free(mem);
	return 0;
}
