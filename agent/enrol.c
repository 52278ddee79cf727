/* How an agent gets its first identity, and what it remembers of where it got it. */
#include "agent.h"

#include <certctl/files.h>
#include <certctl/log.h>
#include <certctl/name.h>
#include <stdio.h>
#include <string.h>

#define MEMORY    "server.json"
#define CA        "ca.pem"
#define FILE_MAX  ((size_t)1024 * 1024)
#define TOKEN_MAX 4096

static const struct certctl_file_attributes private_file = { .mode = 0600, .uid = (uid_t)-1, .gid = (gid_t)-1 };

bool certctl_agent_is_enrolled(const struct certctl_agent *agent)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct certctl_identity *identity;
	bool is_enrolled = certctl_identity_load(mem, agent->settings->dir, &identity, NULL) == 0;

	talloc_free(mem);
	return is_enrolled;
}

/* --- What is remembered ------------------------------------------------------------------------------------------- */

/* The CA is copied, so that the agent goes on when the file it was enrolled with is gone. */
static int remember(const struct certctl_agent_settings *settings, TALLOC_CTX *mem, struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int dir_fd = -1;
	CERTCTL_AUTO(json_decref) json_t *memory = json_pack("{s:s}", "server", settings->server);
	char *ca, *text;
	size_t ca_len, len;
	int rc = certctl_dir_make(settings->dir, 0700, &dir_fd, err);

	if (rc == 0)
		rc = certctl_file_read_path(mem, settings->ca_file, FILE_MAX, &ca, &ca_len, err);
	if (rc == 0)
		rc = certctl_file_replace(dir_fd, CA, ca, ca_len, &private_file, err);
	if (rc < 0)
		return rc;
	text = certctl_json_text(mem, memory, &len);
	return text ? certctl_file_replace(dir_fd, MEMORY, text, len, &private_file, err)
		    : certctl_fail(err, CERTCTL_E_NO_MEMORY, "enrolment");
}

static int recall_server(TALLOC_CTX *mem, int dir_fd, struct certctl_agent_settings *settings,
	struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *memory = NULL;
	char *text;
	size_t len;
	int rc = certctl_file_read(mem, dir_fd, MEMORY, FILE_MAX, &text, &len, err);

	if (rc == 0)
		rc = certctl_json_parse(text, len, NULL, &memory, err);
	if (rc == CERTCTL_E_INVALID) {
		certctl_error_prefix(err, "%s/" MEMORY, settings->dir);
		return certctl_hint(err, "Set server and ca_file: this file only remembers them.");
	}
	if (rc == 0)
		settings->server = talloc_strdup(mem, certctl_json_text_or(memory, "server", ""));
	return rc;
}

int certctl_agent_recall(TALLOC_CTX *mem, struct certctl_agent_settings *settings, struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int dir_fd = -1;

	if (settings->server && settings->ca_file)
		return 0;
	int rc = certctl_dir_open(settings->dir, &dir_fd, err);

	if (rc == 0 && !settings->server)
		rc = recall_server(mem, dir_fd, settings, err);
	if (rc == 0 && !settings->ca_file)
		settings->ca_file = talloc_asprintf(mem, "%s/" CA, settings->dir);
	if (rc == CERTCTL_E_NOT_FOUND) {
		certctl_fail(err, CERTCTL_E_INVALID, "server, ca_file: which control plane?");
		rc = certctl_hint(err,
			"Set both, or enrol: certctl-agent enroll --server URL --ca-file FILE --token-file FILE.");
	}
	return rc;
}

/* --- Enrolment --------------------------------------------------------------------------------------------------- */

static int read_token(TALLOC_CTX *mem, const char *path, struct certctl_secret *ret, struct certctl_error *err)
{
	char *text;
	size_t len;

	if (!path) {
		certctl_fail(err, CERTCTL_E_INVALID, "token_file: this agent has no identity and no token to get one");
		return certctl_hint(err, "Make a token with the control plane and name its file.");
	}
	int rc = certctl_file_read_path(mem, path, TOKEN_MAX, &text, &len, err);

	if (rc < 0)
		return rc;
	size_t token_len = strcspn(text, " \t\r\n");

	rc = token_len > 0 ? certctl_secret_set(mem, ret, text, token_len)
			   : certctl_fail(err, CERTCTL_E_INVALID, "token_file: %s is empty", path);
	certctl_wipe(text, len);
	return rc;
}

static int trade(struct certctl_agent *agent, TALLOC_CTX *mem, const struct certctl_secret *token, const char *csr_pem,
	struct certctl_error *err)
{
	const struct certctl_agent_settings *settings = agent->settings;
	struct certctl_control_options options = { .server = settings->server,
		.ca_file = settings->ca_file,
		.is_cancelled = certctl_stop_is_wanted,
		.arg = &agent->stop };
	struct certctl_control_certificate answer;
	struct certctl_control *control;
	struct certctl_host_facts facts;
	int rc = certctl_control_new(mem, &options, &control, err);

	if (rc < 0)
		return rc;
	certctl_host_facts_read(&facts);
	struct certctl_control_enrolment enrolment = { .token = token,
		.csr_pem = csr_pem,
		.name = settings->name ? settings->name : facts.name,
		.hostname = facts.hostname,
		.os = facts.os,
		.architecture = facts.architecture };

	rc = certctl_control_enrol(control, mem, &enrolment, &answer, err);
	if (rc == 0)
		rc = certctl_identity_accept(settings->dir, answer.certificate, answer.chain, err);
	if (rc == 0)
		certctl_log(CERTCTL_LOG_NOTICE, "agent.enrolled", "agent", answer.agent_id, "server", settings->server,
			NULL);
	return rc;
}

int certctl_agent_enrol(struct certctl_agent *agent, struct certctl_error *err)
{
	const struct certctl_agent_settings *settings = agent->settings;
	struct certctl_secret token = { 0 };
	char *csr_pem = NULL;

	if (certctl_agent_is_enrolled(agent)) {
		certctl_fail(err, CERTCTL_E_CONFLICT, "%s: has an identity already", settings->dir);
		return certctl_hint(err, "Remove identity.pem there to enrol this host anew.");
	}
	if (!settings->server || !settings->ca_file)
		return certctl_fail(err, CERTCTL_E_INVALID, "server, ca_file: both are needed to enrol");
	TALLOC_CTX *mem = talloc_new(NULL);
	int rc = read_token(mem, settings->token_file, &token, err);

	if (rc == 0)
		rc = certctl_identity_request(mem, settings->dir, &csr_pem, err);
	if (rc == 0)
		rc = remember(settings, mem, err);
	if (rc == 0)
		rc = trade(agent, mem, &token, csr_pem, err);
	talloc_free(mem);
	return rc;
}
