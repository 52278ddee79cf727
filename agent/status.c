/* How this agent is, for people: what stands on disk, and what the worker says.  Changes nothing. */
#include "agent.h"
#include "agent/shared/link.h"
#include "agent/shared/quarantine.h"
#include "spool.h"

#include <certctl/files.h>
#include <certctl/time.h>
#include <stdio.h>
#include <string.h>

#define WORKER_WAIT_MS INT64_C(20000)

/* --- Collecting ------------------------------------------------------------------------------------------------------- */

static json_t *time_json(int64_t unix_s)
{
	char text[CERTCTL_TIME_TEXT];

	return unix_s > 0 ? json_string(certctl_time_format(unix_s, text)) : json_null();
}

static void add_identity(json_t *status, const struct certctl_agent_settings *settings)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct certctl_identity *identity;
	struct certctl_error err = { 0 };
	bool is_there = certctl_identity_load(mem, settings->dir, &identity, &err) == 0;

	json_object_set_new(status, "is_enrolled", json_boolean(is_there));
	if (is_there) {
		json_object_set_new(status, "agent_id", json_string(identity->agent_id));
		json_object_set_new(status, "credential",
			json_pack("{s:o, s:o, s:o}", "not_before", time_json(identity->not_before_unix_s), "not_after",
				time_json(identity->not_after_unix_s), "renew_at",
				time_json(certctl_identity_renew_at_unix_s(identity))));
	} else {
		json_object_set_new(status, "problem", json_string(err.what));
	}
	talloc_free(mem);
}

static void add_spool(json_t *status, const struct certctl_agent_settings *settings)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	CERTCTL_AUTO_CLOSE int dir_fd = -1;
	char *dir = talloc_asprintf(mem, "%s/spool", settings->dir);
	struct certctl_spool *spool;
	size_t waiting = 0, aside = 0;

	/* Opening makes the folder: only look where one is. */
	if (dir && certctl_dir_open(dir, &dir_fd, NULL) == 0 && certctl_quarantine_count(dir_fd, &aside, NULL) == 0 &&
		certctl_spool_open(mem, dir, &spool, NULL) == 0 && certctl_spool_count(spool, &waiting, NULL) < 0)
		waiting = 0;
	json_object_set_new(status, "spool",
		json_pack("{s:I, s:I}", "waiting", (json_int_t)waiting, "quarantined", (json_int_t)aside));
	talloc_free(mem);
}

static int ask_worker(const struct certctl_agent_settings *settings, const char *operation, json_t **ret,
	struct certctl_error *err)
{
	return certctl_link_ask(&(struct certctl_link_call){ .socket = settings->socket,
					.operation = operation,
					.timeout_ms = WORKER_WAIT_MS },
		ret, err);
}

static void add_worker(json_t *status, const struct certctl_agent_settings *settings)
{
	CERTCTL_AUTO(json_decref) json_t *answer = NULL;
	CERTCTL_AUTO(json_decref) json_t *described = NULL;
	struct certctl_error err = { 0 };
	int rc = ask_worker(settings, "status", &answer, &err);
	json_t *worker = rc == 0 ? json_incref(answer) : json_pack("{s:s, s:s}", "problem", err.what, "hint", err.hint);

	json_object_set_new(worker, "is_reachable", json_boolean(rc == 0));
	json_object_set_new(status, "worker", worker);
	if (rc == 0 && ask_worker(settings, "describe", &described, &err) == 0)
		json_object_set(status, "plugins", json_object_get(described, "plugins"));
}

static json_t *collect(const struct certctl_agent_settings *settings)
{
	json_t *status = json_pack("{s:s, s:s?, s:s?, s:s, s:o}", "version", CERTCTL_VERSION, "server",
		settings->server, "ca_file", settings->ca_file, "dir", settings->dir, "last_contact_at",
		time_json(certctl_contact_read(settings->dir)));

	certctl_assert(status);
	add_identity(status, settings);
	add_spool(status, settings);
	add_worker(status, settings);
	return status;
}

/* --- As text ------------------------------------------------------------------------------------------------------------ */

static const char *text_of(const json_t *object, const char *name)
{
	return certctl_json_text_or(object, name, "-");
}

static void print_time(const char *what, int64_t unix_s)
{
	char text[CERTCTL_TIME_TEXT];

	if (unix_s > 0)
		printf(", %s %s", what, certctl_time_format(unix_s, text));
}

static void print_worker(const json_t *worker)
{
	const json_t *keys = json_object_get(worker, "keys"), *bindings = json_object_get(worker, "bindings");

	printf("  worker        reachable, version %s%s\n", text_of(worker, "version"),
		json_is_true(json_object_get(worker, "is_deploying")) ? ", deploying now" : "");
	printf("  keys          %zu in %s\n", json_array_size(keys), text_of(worker, "key_dir"));
	for (size_t i = 0; i < json_array_size(keys); i++) {
		const json_t *key = json_array_get(keys, i);
		const char *hash = certctl_json_text_or(key, "public_key_sha256", "");

		printf("    %s: %.16s%s%lld waiting, %lld kept", text_of(key, "certificate_id"),
			hash[0] ? hash : "none in use", hash[0] ? "..., " : ", ",
			(long long)certctl_json_integer_or(key, "staged", 0),
			(long long)certctl_json_integer_or(key, "previous", 0));
		print_time("until", certctl_json_integer_or(key, "previous_until_unix_s", 0));
		printf("\n");
	}
	printf("  in service    %zu\n", json_array_size(bindings));
	for (size_t i = 0; i < json_array_size(bindings); i++) {
		const json_t *bound = json_array_get(bindings, i);

		printf("    %s: version %lld, generation %lld, %.16s...", text_of(bound, "binding"),
			(long long)certctl_json_integer_or(bound, "sequence", 0),
			(long long)certctl_json_integer_or(bound, "generation", 0),
			text_of(bound, "fingerprint_sha256"));
		print_time("the one before is kept until", certctl_json_integer_or(bound, "kept_until_unix_s", 0));
		printf("\n");
	}
}

static void print_status(const json_t *status)
{
	const json_t *credential = json_object_get(status, "credential"), *spool = json_object_get(status, "spool");
	const json_t *worker = json_object_get(status, "worker"), *plugins = json_object_get(status, "plugins");

	if (credential)
		printf("certctl-agent %s\n", text_of(status, "agent_id"));
	else
		printf("certctl-agent, not enrolled: %s\n", text_of(status, "problem"));
	printf("  server        %s\n  last contact  %s\n", text_of(status, "server"),
		text_of(status, "last_contact_at"));
	if (credential)
		printf("  credential    until %s, renewed from %s on\n", text_of(credential, "not_after"),
			text_of(credential, "renew_at"));
	printf("  reports       %lld wait, %lld put aside\n", (long long)certctl_json_integer_or(spool, "waiting", 0),
		(long long)certctl_json_integer_or(spool, "quarantined", 0));
	printf("  plugins      ");
	for (size_t i = 0; i < json_array_size(plugins); i++)
		printf(" %s %s%s", text_of(json_array_get(plugins, i), "id"),
			text_of(json_array_get(plugins, i), "version"), i + 1 < json_array_size(plugins) ? "," : "");
	printf("%s\n", json_array_size(plugins) ? "" : " -");
	if (json_is_true(json_object_get(worker, "is_reachable")))
		print_worker(worker);
	else
		printf("  worker        not reachable: %s\n", text_of(worker, "problem"));
}

int certctl_agent_status(const struct certctl_agent_settings *settings, bool is_json, bool *ret_is_well,
	struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *status = collect(settings);

	if (is_json) {
		json_dumpf(status, stdout, JSON_INDENT(2));
		printf("\n");
	} else {
		print_status(status);
	}
	*ret_is_well = json_is_true(json_object_get(status, "is_enrolled")) &&
		       json_is_true(json_object_get(json_object_get(status, "worker"), "is_reachable"));
	return fflush(stdout) == 0 ? 0 : certctl_fail(err, CERTCTL_E_IO, "standard output");
}
