/* The agent's own identity: one request until it is answered, one rename when it is. */
#include "agent/identity.h"

#include "test.h"

#include <certctl/certificate.h>
#include <certctl/time.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOT_BEFORE INT64_C(1700000000)
#define LIFETIME   INT64_C(900)

/* The fleet's answer to a request: a certificate for its key, named as the control plane likes. */
static char *answer(const char *csr_pem, const char *common_name)
{
	static const unsigned char serial[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	static const struct certctl_name *const no_names[] = { NULL };
	struct certctl_csr *csr = NULL;
	struct certctl_key *ca_key = NULL;
	struct certctl_certificate *ca = NULL, *leaf = NULL;
	struct certctl_bytes tbs, der, ca_public;
	struct certctl_error err = { 0 };
	struct certctl_certificate_issuer issuer = { 0 };

	ASSERT_OK(certctl_csr_read(test_mem(), csr_pem, strlen(csr_pem), &csr, &err), err);
	ASSERT_OK(certctl_key_generate(test_mem(), CERTCTL_ECDSA_P256, &ca_key, &err), err);
	ASSERT_OK(certctl_key_public(test_mem(), ca_key, &ca_public, &err), err);
	struct certctl_certificate_template root = { .serial = serial,
		.serial_len = sizeof(serial),
		.common_name = "fleet",
		.names = no_names,
		.not_before_unix_s = NOT_BEFORE,
		.not_after_unix_s = NOT_BEFORE + 10 * LIFETIME,
		.public_key = ca_public,
		.key_usage = CERTCTL_KU_KEY_CERT_SIGN,
		.is_ca = true,
		.path_length = -1 };

	issuer.key = ca_key;
	ASSERT_OK(certctl_certificate_tbs(test_mem(), &root, &issuer, &tbs, &err), err);
	ASSERT_OK(certctl_certificate_sign(test_mem(), &tbs, &issuer, &der, &err), err);
	ASSERT_OK(certctl_certificate_read(test_mem(), (const char *)der.data, der.len, &ca, &err), err);
	issuer.certificate = ca;
	struct certctl_certificate_template client = { .serial = serial,
		.serial_len = sizeof(serial),
		.common_name = common_name,
		.names = no_names,
		.not_before_unix_s = NOT_BEFORE,
		.not_after_unix_s = NOT_BEFORE + LIFETIME,
		.public_key = csr->public_key,
		.key_usage = CERTCTL_KU_DIGITAL_SIGNATURE,
		.path_length = -1 };

	ASSERT_OK(certctl_certificate_tbs(test_mem(), &client, &issuer, &tbs, &err), err);
	ASSERT_OK(certctl_certificate_sign(test_mem(), &tbs, &issuer, &der, &err), err);
	ASSERT_OK(certctl_certificate_read(test_mem(), (const char *)der.data, der.len, &leaf, &err), err);
	return certctl_certificate_pem(test_mem(), leaf);
}

static char *request(const char *dir)
{
	char *pem = NULL;
	struct certctl_error err = { 0 };

	ASSERT_OK(certctl_identity_request(test_mem(), dir, &pem, &err), err);
	return pem;
}

static void the_request_is_the_same_until_it_is_answered(void)
{
	const char *dir = talloc_asprintf(test_mem(), "%s/agent", test_temporary_dir());
	char *first = request(dir);
	struct certctl_error err = { 0 };

	ASSERT_TEXT(request(dir), first);
	ASSERT_OK(certctl_identity_accept(dir, answer(first, "agent-1"), "", &err), err);
	CU_ASSERT_STRING_NOT_EQUAL(request(dir), first);
}

static void an_accepted_identity_is_loaded_with_its_name_and_dates(void)
{
	const char *dir = test_temporary_dir();
	struct certctl_identity *identity = NULL;
	struct certctl_error err = { 0 };
	struct stat status;

	ASSERT_FAILS(certctl_identity_load(test_mem(), dir, &identity, &err), CERTCTL_E_NOT_FOUND, NULL, err);
	ASSERT_OK(certctl_identity_accept(dir, answer(request(dir), "agent-1"), "", &err), err);
	ASSERT_OK(certctl_identity_load(test_mem(), dir, &identity, &err), err);
	ASSERT_TEXT(identity->agent_id, "agent-1");
	CU_ASSERT_EQUAL(identity->not_after_unix_s, NOT_BEFORE + LIFETIME);
	CU_ASSERT_EQUAL(certctl_identity_renew_at_unix_s(identity), NOT_BEFORE + LIFETIME / 3 * 2);
	CU_ASSERT_EQUAL_FATAL(stat(identity->file, &status), 0);
	CU_ASSERT_EQUAL(status.st_mode & 07777, 0600);
}

static void an_answer_for_another_key_changes_nothing(void)
{
	const char *dir = test_temporary_dir(), *other = test_temporary_dir();
	struct certctl_identity *identity = NULL;
	struct certctl_error err = { 0 };

	ASSERT_OK(certctl_identity_accept(dir, answer(request(dir), "agent-1"), "", &err), err);
	request(dir);
	ASSERT_FAILS(certctl_identity_accept(dir, answer(request(other), "agent-2"), "", &err), CERTCTL_E_PROTOCOL,
		"does not belong", err);
	ASSERT_FAILS(certctl_identity_accept(dir, answer(request(dir), "../x"), "", &err), CERTCTL_E_PROTOCOL,
		"names no agent", err);
	ASSERT_OK(certctl_identity_load(test_mem(), dir, &identity, &err), err);
	ASSERT_TEXT(identity->agent_id, "agent-1");
}

static void a_damaged_identity_is_put_aside(void)
{
	const char *dir = test_temporary_dir();
	struct certctl_identity *identity = NULL;
	struct certctl_error err = { 0 };
	char path[512];

	ASSERT_OK(certctl_identity_accept(dir, answer(request(dir), "agent-1"), "", &err), err);
	snprintf(path, sizeof(path), "%s/identity.pem", dir);
	CU_ASSERT_EQUAL(truncate(path, 300), 0);
	ASSERT_FAILS(certctl_identity_load(test_mem(), dir, &identity, &err), CERTCTL_E_NOT_FOUND, "put aside", err);
	ASSERT_FAILS(certctl_identity_load(test_mem(), dir, &identity, &err), CERTCTL_E_NOT_FOUND, NULL, err);
}

const struct test tests[] = {
	TEST(the_request_is_the_same_until_it_is_answered),
	TEST(an_accepted_identity_is_loaded_with_its_name_and_dates),
	TEST(an_answer_for_another_key_changes_nothing),
	TEST(a_damaged_identity_is_put_aside),
	{ 0 },
};
