/** Certificates and a deployer for the tests of this room: a root, an intermediate, leaves; all made with the toolbox. */
#ifndef CERTCTL_DEPLOY_FIXTURE_H
#define CERTCTL_DEPLOY_FIXTURE_H

#include "test.h"

#include <agent/deploy/deploy_plan.h>
#include <certctl/certificate.h>
#include <certctl/files.h>
#include <certctl/time.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIXTURE_NAME "site.example.test"

static struct certctl_error err;

struct identity {
	struct certctl_key *key;
	struct certctl_certificate *certificate;
	char *pem;
};

static inline struct identity make_identity_of(enum certctl_key_type type, const struct identity *issuer,
	const char *common_name, bool is_ca)
{
	static const struct certctl_name name = { .type = CERTCTL_NAME_DNS, .text = FIXTURE_NAME };
	static const struct certctl_name *const names[] = { &name, NULL };
	static const char *const server_auth[] = { "1.3.6.1.5.5.7.3.1", NULL };
	int64_t now_s = certctl_clock_now_s(certctl_clock_system());
	unsigned char serial[20];
	struct identity made = { 0 };
	struct certctl_certificate_template template_ = { .serial = serial,
		.serial_len = sizeof(serial),
		.common_name = common_name,
		.names = is_ca ? NULL : names,
		.not_before_unix_s = now_s - 300,
		.not_after_unix_s = now_s + 86400,
		.key_usage = is_ca ? CERTCTL_KU_KEY_CERT_SIGN | CERTCTL_KU_CRL_SIGN : CERTCTL_KU_DIGITAL_SIGNATURE,
		.extended_key_usage = is_ca ? NULL : server_auth,
		.is_ca = is_ca,
		.path_length = -1 };
	struct certctl_certificate_issuer by = { 0 };
	struct certctl_bytes tbs, der;

	ASSERT_OK(certctl_serial_make(serial, &err), err);
	ASSERT_OK(certctl_key_generate(test_mem(), type, &made.key, &err), err);
	ASSERT_OK(certctl_key_public(test_mem(), made.key, &template_.public_key, &err), err);
	by.certificate = issuer ? issuer->certificate : NULL;
	by.key = issuer ? issuer->key : made.key;
	ASSERT_OK(certctl_certificate_tbs(test_mem(), &template_, &by, &tbs, &err), err);
	ASSERT_OK(certctl_certificate_sign(test_mem(), &tbs, &by, &der, &err), err);
	made.pem = certctl_pem_encode(test_mem(), "CERTIFICATE", der.data, der.len);
	ASSERT_OK(certctl_certificate_read(test_mem(), made.pem, strlen(made.pem), &made.certificate, &err), err);
	return made;
}

static inline struct identity make_identity(const struct identity *issuer, const char *common_name, bool is_ca)
{
	return make_identity_of(CERTCTL_ECDSA_P256, issuer, common_name, is_ca);
}

/** A new leaf under a new chain, as a bundle. */
struct pair {
	struct identity intermediate, leaf;
	struct certctl_bundle bundle;
};

static inline struct pair *make_pair(void)
{
	struct pair *pair = talloc_zero(test_mem(), struct pair);
	struct identity root = make_identity(NULL, "Unit Root", true);

	pair->intermediate = make_identity(&root, "Unit Intermediate", true);
	pair->leaf = make_identity(&pair->intermediate, FIXTURE_NAME, false);
	pair->bundle = (struct certctl_bundle){ .certificate_id = "mc-unit",
		.version_id = "ver-unit",
		.names = (const struct certctl_name *const *)pair->leaf.certificate->names,
		.fingerprint_sha256 = pair->leaf.certificate->fingerprint_sha256,
		.leaf_pem = pair->leaf.pem,
		.chain_pem = pair->intermediate.pem,
		.key_type = CERTCTL_ECDSA_P256 };
	return pair;
}

static inline char *path_in(const char *dir, const char *name)
{
	return talloc_asprintf(test_mem(), "%s/%s", dir, name);
}

static inline void put(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs(text, file);
	fclose(file);
}

/** Content of a file; NULL when there is none. */
static inline char *get(const char *path)
{
	char *text = NULL;
	size_t len;

	return certctl_file_read_path(test_mem(), path, 1 << 20, &text, &len, NULL) == 0 ? text : NULL;
}

static inline bool is_there(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0;
}

#endif
