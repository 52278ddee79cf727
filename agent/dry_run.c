/* What this agent would do: asked of the control plane without taking work, and of the worker without touching anything. */
#include "agent.h"
#include "agent/shared/link.h"

#include <stdio.h>

#define WORKER_WAIT_MS INT64_C(120000)

/* --- Asking ------------------------------------------------------------------------------------------------------------- */

/* The worker's look at one row of the plan, put into the row. */
static int add_look(struct certctl_agent *agent, json_t *row, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *argument = json_pack("{s:[o]}", "deployments", certctl_jobs_deployment(row));
	CERTCTL_AUTO(json_decref) json_t *answer = NULL;
	int rc = certctl_link_ask(&(struct certctl_link_call){ .socket = agent->settings->socket,
					  .operation = "look",
					  .argument = argument,
					  .timeout_ms = WORKER_WAIT_MS,
					  .is_cancelled = certctl_stop_is_wanted,
					  .arg = &agent->stop },
		&answer, err);

	if (rc < 0)
		return rc;
	json_object_set(row, "deployment", json_array_get(json_object_get(answer, "looks"), 0));
	return 0;
}

static int collect(struct certctl_agent *agent, struct certctl_session *session, json_t *all, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	const char *after = NULL;
	int rc = certctl_session_refresh(agent, session, err);

	do {
		CERTCTL_AUTO(json_decref) json_t *rows = NULL;

		if (rc == 0)
			rc = certctl_control_plan(session->control, mem, NULL, after, &rows, &after, err);
		for (size_t i = 0; rc == 0 && i < json_array_size(rows); i++) {
			json_t *row = json_array_get(rows, i);

			if (json_is_object(json_object_get(row, "version")))
				rc = add_look(agent, row, err);
			/* Secrets may be among them. */
			json_object_del(json_object_get(row, "target"), "options");
			json_array_append(all, row);
		}
	} while (rc == 0 && after);
	talloc_free(mem);
	return rc;
}

/* --- Telling ------------------------------------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *name)
{
	return certctl_json_text_or(object, name, "-");
}

static void print_deployment(const json_t *row)
{
	const json_t *look = json_object_get(row, "deployment"), *version = json_object_get(row, "version");
	const json_t *would = json_object_get(look, "would"), *error = json_object_get(look, "error");
	const char *served = certctl_json_text_or(look, "served_fingerprint", NULL);

	printf("  version %lld, until %s: %s\n", (long long)certctl_json_integer_or(version, "sequence", 0),
		text_of(version, "not_after"), text_of(look, "outcome"));
	if (json_is_object(error))
		printf("    because %s\n", text_of(error, "what"));
	if (served)
		printf("    served now: %.16s...\n", served);
	for (size_t i = 0; i < json_array_size(would); i++)
		printf("    would %s\n", json_string_value(json_array_get(would, i)));
}

static void print_row(const json_t *row)
{
	const json_t *certificate = json_object_get(row, "certificate"), *target = json_object_get(row, "target");
	const json_t *names = json_object_get(certificate, "names"), *job = json_object_get(row, "live_job");

	printf("%s", text_of(certificate, "id"));
	if (json_is_object(target))
		printf(" -> %s (%s)", text_of(target, "id"), text_of(target, "plugin"));
	printf("\n");
	if (json_is_object(json_object_get(row, "deployment")))
		print_deployment(row);
	if (json_is_object(job))
		printf("  now: %s %s, %s\n", text_of(job, "type"), text_of(job, "id"), text_of(job, "state"));
	printf("  renewal %s: would make a key (%s) and a request for", text_of(row, "renew_at"),
		text_of(certificate, "key_type"));
	for (size_t i = 0; i < json_array_size(names); i++)
		printf(" %s", text_of(json_array_get(names, i), "value"));
	printf("\n");
}

int certctl_agent_dry_run(struct certctl_agent *agent, bool is_json, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *rows = json_array();
	struct certctl_session session = { 0 };
	int rc = collect(agent, &session, rows, err);

	certctl_session_close(&session);
	if (rc < 0)
		return rc;
	if (is_json) {
		json_dumpf(rows, stdout, JSON_INDENT(2));
		printf("\n");
	} else if (json_array_size(rows) == 0) {
		printf("This agent has nothing to keep.\n");
	}
	for (size_t i = 0; !is_json && i < json_array_size(rows); i++)
		print_row(json_array_get(rows, i));
	return fflush(stdout) == 0 ? 0 : certctl_fail(err, CERTCTL_E_IO, "standard output");
}
