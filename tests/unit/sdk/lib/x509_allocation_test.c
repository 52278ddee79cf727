/*
 * What reads and builds, run again and again with one more allocation allowed: it must fail cleanly until it succeeds.  Keys and
 * signatures are left out: the arithmetic below GnuTLS (GMP) ends the process when it has no memory.
 */
#include "test.h"

#include <certctl/certificate.h>
#include <string.h>

#ifndef CERTCTL_SANITIZERS
#include "allocation.h"

#define NOW INT64_C(1800000000)

static const struct certctl_name www = { CERTCTL_NAME_DNS, "www.example.com" }, v6 = { CERTCTL_NAME_IP, "2001:db8::7" };
static const struct certctl_name *const names[] = { &www, &v6, NULL };

/* Made once, with all the memory there is. */
static struct {
	struct certctl_certificate_issuer ca;
	struct certctl_certificate_template template_;
	struct certctl_certificate *certificate;
	struct certctl_key *key;
	char *pem;
} world;

static int try_template(TALLOC_CTX *mem, struct certctl_error *err)
{
	struct certctl_bytes tbs;
	int rc = certctl_certificate_tbs(mem, &world.template_, &world.ca, &tbs, err);

	return rc < 0 ? rc : certctl_certificate_lint(&tbs, &world.template_, &world.ca, err);
}

static int try_certificates(TALLOC_CTX *mem, struct certctl_error *err)
{
	struct certctl_certificate **list;
	size_t count;
	int rc = certctl_certificates_read(mem, world.pem, strlen(world.pem), 5, &list, &count, err);

	return rc < 0 ? rc : certctl_certificate_permits(list[0], names, true, err);
}

static int try_pem(TALLOC_CTX *mem, struct certctl_error *err)
{
	struct certctl_bytes der;
	int rc = certctl_pem_decode(mem, "CERTIFICATE", world.pem, strlen(world.pem), &der, err);

	if (rc == 0 && !certctl_pem_encode(mem, "CERTIFICATE", der.data, der.len))
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	return rc;
}

static void make_world(void)
{
	static const unsigned char serial[] = { 1 };
	struct certctl_bytes tbs, der;
	struct certctl_error err;

	ASSERT_OK(certctl_key_generate(test_mem(), CERTCTL_ECDSA_P256, &world.key, &err), err);
	world.ca.key = world.key;
	world.template_ = (struct certctl_certificate_template){ .serial = serial,
		.serial_len = 1,
		.common_name = "CA",
		.not_before_unix_s = NOW,
		.not_after_unix_s = NOW + 1000,
		.key_usage = CERTCTL_KU_KEY_CERT_SIGN,
		.is_ca = true,
		.path_length = -1 };
	ASSERT_OK(certctl_key_public(test_mem(), world.key, &world.template_.public_key, &err), err);
	ASSERT_OK(certctl_certificate_tbs(test_mem(), &world.template_, &world.ca, &tbs, &err), err);
	ASSERT_OK(certctl_certificate_sign(test_mem(), &tbs, &world.ca, &der, &err), err);
	ASSERT_OK(certctl_certificate_read(test_mem(), (char *)der.data, der.len, &world.certificate, &err), err);
	world.ca.certificate = world.certificate;
	world.pem = certctl_certificate_pem(test_mem(), world.certificate);
	world.template_.is_ca = false;
	world.template_.common_name = "www.example.com";
	world.template_.names = names;
	world.template_.key_usage = CERTCTL_KU_DIGITAL_SIGNATURE;
	world.template_.crl_url = "http://example.com/crl";
}

static void every_allocation_may_fail(void)
{
	static const struct {
		const char *name;
		int (*try)(TALLOC_CTX *mem, struct certctl_error *err);
	} rows[] = {
		{ "template", try_template },
		{ "certificates", try_certificates },
		{ "pem", try_pem },
	};

	make_world();
	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		int rc = -1;
		int64_t n = 0;

		for (; rc < 0 && n < 10000; n++) {
			TALLOC_CTX *mem = talloc_new(NULL);
			struct certctl_error err = { 0 };

			allowed = n;
			rc = rows[i].try(mem, &err);
			allowed = INT64_MAX;
			CU_ASSERT(rc == 0 || (err.what[0] && talloc_total_blocks(mem) < 20));
			talloc_free(mem);
		}
		CU_ASSERT_EQUAL(rc, 0);
		CU_ASSERT(n > 1); /* it did need memory, so the loop tested something */
	}
}
#else
static void every_allocation_may_fail(void)
{
	CU_PASS("with sanitizers the allocator is theirs");
}
#endif

const struct test tests[] = {
	TEST(every_allocation_may_fail),
	{ 0 },
};
