/* The agent's own key and client certificate.  Knows nothing of how they are asked for. */
#include "identity.h"

#include "agent/shared/quarantine.h"

#include <certctl/files.h>
#include <certctl/log.h>
#include <certctl/x509.h>
#include <stdio.h>
#include <string.h>

#define IDENTITY  "identity.pem"
#define NEXT_KEY  "next.key"
#define NEXT_CSR  "next.csr"
#define FILE_MAX  65536
#define CHAIN_MAX 10

static const struct certctl_file_attributes private_file = { .mode = 0600, .uid = (uid_t)-1, .gid = (gid_t)-1 };

/* --- The one in use --------------------------------------------------------------------------------------------- */

static int read_identity(TALLOC_CTX *mem, int dir_fd, const char *dir, struct certctl_identity *out,
	struct certctl_error *err)
{
	struct certctl_certificate **certificates;
	struct certctl_secret text = { 0 };
	size_t count;
	int rc = certctl_file_read_secret(mem, dir_fd, IDENTITY, FILE_MAX, &text, err);

	if (rc < 0)
		return rc;
	rc = certctl_certificates_read(mem, (const char *)text.data, text.len, CHAIN_MAX, &certificates, &count, err);
	certctl_secret_clear(&text);
	if (rc < 0)
		return rc;
	if (count == 0 || !certificates[0]->common_name || !certctl_id_is_valid(certificates[0]->common_name))
		return certctl_fail(err, CERTCTL_E_INVALID, "no certificate that names an agent");
	*out = (struct certctl_identity){ .agent_id = certificates[0]->common_name,
		.file = talloc_asprintf(mem, "%s/" IDENTITY, dir),
		.not_before_unix_s = certificates[0]->not_before_unix_s,
		.not_after_unix_s = certificates[0]->not_after_unix_s };
	return 0;
}

int certctl_identity_load(TALLOC_CTX *mem, const char *dir, struct certctl_identity **ret, struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int dir_fd = -1;
	struct certctl_identity *identity = talloc_zero(mem, struct certctl_identity);
	struct certctl_error why = { 0 };
	int rc = identity ? certctl_dir_open(dir, &dir_fd, &why) : certctl_fail(&why, CERTCTL_E_NO_MEMORY, "identity");

	if (rc == 0)
		rc = read_identity(identity, dir_fd, dir, identity, &why);
	if (rc == CERTCTL_E_INVALID) {
		certctl_log_error(CERTCTL_LOG_ERROR, "identity.quarantined", &why, "dir", dir, NULL);
		if (certctl_quarantine_put(dir_fd, IDENTITY, NULL) == 0)
			rc = certctl_fail(&why, CERTCTL_E_NOT_FOUND, "%s/" IDENTITY ": was damaged and is put aside",
				dir);
	}
	if (rc < 0) {
		talloc_free(identity);
		if (err)
			*err = why;
		return rc;
	}
	*ret = identity;
	return 0;
}

int64_t certctl_identity_renew_at_unix_s(const struct certctl_identity *identity)
{
	return identity->not_before_unix_s + (identity->not_after_unix_s - identity->not_before_unix_s) / 3 * 2;
}

/* --- The next one ------------------------------------------------------------------------------------------------ */

static int read_next_key(TALLOC_CTX *mem, int dir_fd, struct certctl_key **ret, struct certctl_error *err)
{
	struct certctl_secret text = { 0 };
	int rc = certctl_file_read_secret(mem, dir_fd, NEXT_KEY, FILE_MAX, &text, err);

	if (rc < 0)
		return rc;
	rc = certctl_key_read(mem, &text, NULL, ret, err);
	certctl_secret_clear(&text);
	return rc;
}

static int make_next_key(TALLOC_CTX *mem, int dir_fd, struct certctl_key **ret, struct certctl_error *err)
{
	struct certctl_secret text = { 0 };
	struct certctl_key *key = NULL;
	int rc = certctl_key_generate(mem, CERTCTL_ECDSA_P256, &key, err);

	if (rc == 0)
		rc = certctl_key_write(mem, key, CERTCTL_KEY_PKCS8_PEM, &text, err);
	if (rc == 0)
		rc = certctl_file_remove(dir_fd, NEXT_CSR, err);
	if (rc == 0)
		rc = certctl_file_replace(dir_fd, NEXT_KEY, text.data, text.len, &private_file, err);
	certctl_secret_clear(&text);
	if (rc == 0)
		*ret = key;
	return rc;
}

static int make_next_csr(TALLOC_CTX *mem, int dir_fd, const struct certctl_key *key, char **ret,
	struct certctl_error *err)
{
	static const struct certctl_name *const no_names[] = { NULL };
	struct certctl_csr_request request = { .names = no_names };
	char *pem;
	int rc = certctl_csr_make(mem, key, &request, &pem, err);

	if (rc == 0)
		rc = certctl_file_replace(dir_fd, NEXT_CSR, pem, strlen(pem), &private_file, err);
	if (rc == 0)
		*ret = pem;
	return rc;
}

int certctl_identity_request(TALLOC_CTX *mem, const char *dir, char **ret_csr_pem, struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int dir_fd = -1;
	struct certctl_key *key = NULL;
	size_t len;
	int rc = certctl_dir_make(dir, 0700, &dir_fd, err);

	if (rc < 0)
		return rc;
	rc = read_next_key(mem, dir_fd, &key, err);
	if (rc == CERTCTL_E_NOT_FOUND || rc == CERTCTL_E_INVALID)
		rc = make_next_key(mem, dir_fd, &key, err);
	if (rc < 0)
		return rc;
	rc = certctl_file_read(mem, dir_fd, NEXT_CSR, FILE_MAX, ret_csr_pem, &len, err);
	return rc == CERTCTL_E_NOT_FOUND ? make_next_csr(mem, dir_fd, key, ret_csr_pem, err) : rc;
}

static int check_answer(TALLOC_CTX *mem, const struct certctl_key *key, const char *certificate_pem,
	struct certctl_error *err)
{
	struct certctl_certificate *certificate;
	int rc = certctl_certificate_read(mem, certificate_pem, strlen(certificate_pem), &certificate, err);

	if (rc == 0 && !certctl_key_matches(key, &certificate->public_key))
		rc = certctl_fail(err, CERTCTL_E_PROTOCOL, "the certificate does not belong to this agent's key");
	if (rc == 0 && (!certificate->common_name || !certctl_id_is_valid(certificate->common_name)))
		rc = certctl_fail(err, CERTCTL_E_PROTOCOL, "the certificate names no agent");
	return rc;
}

static int write_identity(TALLOC_CTX *mem, int dir_fd, const struct certctl_key *key, const char *certificate_pem,
	const char *chain_pem, struct certctl_error *err)
{
	struct certctl_secret key_text = { 0 };
	int rc = certctl_key_write(mem, key, CERTCTL_KEY_PKCS8_PEM, &key_text, err);

	if (rc < 0)
		return rc;
	size_t len = key_text.len + strlen(certificate_pem) + strlen(chain_pem) + 3;
	char *text = certctl_secret_alloc(mem, len);

	if (!text)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "identity");
	len = (size_t)snprintf(text, len, "%.*s\n%s\n%s", (int)key_text.len, (const char *)key_text.data,
		certificate_pem, chain_pem);
	rc = certctl_file_replace(dir_fd, IDENTITY, text, len, &private_file, err);
	certctl_secret_clear(&key_text);
	talloc_free(text);
	return rc;
}

int certctl_identity_accept(const char *dir, const char *certificate_pem, const char *chain_pem,
	struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int dir_fd = -1;
	TALLOC_CTX *mem = talloc_new(NULL);
	struct certctl_key *key = NULL;
	int rc = certctl_dir_open(dir, &dir_fd, err);

	if (rc == 0)
		rc = read_next_key(mem, dir_fd, &key, err);
	if (rc == 0)
		rc = check_answer(mem, key, certificate_pem, err);
	if (rc == 0)
		rc = write_identity(mem, dir_fd, key, certificate_pem, chain_pem, err);
	/* Killed before these two: the next renewal asks with a key that is in use already, which is harmless. */
	if (rc == 0)
		rc = certctl_file_remove(dir_fd, NEXT_CSR, err);
	if (rc == 0)
		rc = certctl_file_remove(dir_fd, NEXT_KEY, err);
	talloc_free(mem);
	return rc;
}
