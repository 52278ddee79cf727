/* A test of a target: what its plugin says of the server, and what would become of the certificates that it has.  Changes nothing. */
#include "agent.h"

#include <certctl/name.h>
#include <certctl/time.h>

#define TEST_WAIT_MS INT64_C(90000)
#define LOOK_WAIT_MS INT64_C(120000)
#define LOOKS_MAX    20 /* each may have to wait for a server that does not answer */

/* What is found out. */
struct testing {
	const struct certctl_jobs_context *context;
	const char *target_id;
	json_t *steps, *certificates;
	json_t *error; /* the first one; NULL: none */
};

static void add_step(struct testing *testing, const char *name, const char *detail, int64_t elapsed_ms)
{
	json_array_append_new(testing->steps, json_pack("{s:s, s:b, s:s, s:I}", "name", name, "ok", !testing->error,
						      "detail", detail, "elapsed_ms", (json_int_t)elapsed_ms));
}

static void note_error(struct testing *testing, json_t *error)
{
	if (!testing->error && json_is_object(error))
		testing->error = json_incref(error);
}

static int ask_plugin(struct testing *testing, const json_t *job, struct certctl_error *err)
{
	const json_t *target = json_object_get(job, "target");
	CERTCTL_AUTO(json_decref) json_t *answer = NULL;
	CERTCTL_AUTO(json_decref)
	json_t *argument = json_pack("{s:{s:s, s:s, s:O?}}", "target", "id", testing->target_id, "plugin",
		certctl_json_text_or(target, "plugin", ""), "options", json_object_get(target, "options"));
	int rc = certctl_jobs_ask_worker(testing->context, "test", argument, TEST_WAIT_MS, &answer, err);

	if (rc < 0)
		return rc;
	note_error(testing, json_object_get(answer, "error"));
	add_step(testing, "test",
		certctl_json_text_or(testing->error, "what", "the plugin has nothing to say against it"),
		certctl_json_integer_or(answer, "elapsed_ms", 0));
	return 0;
}

/* --- The certificates that it has -------------------------------------------------------------------------------------- */

static void add_look(struct testing *testing, const char *certificate_id, const json_t *look)
{
	json_t *error = json_object_get(look, "error");

	note_error(testing, error);
	json_array_append_new(testing->certificates,
		json_pack("{s:s, s:s, s:s?, s:O?}", "certificate_id", certificate_id, "outcome",
			certctl_json_text_or(look, "outcome", ""), "served_fingerprint",
			certctl_json_text_or(look, "served_fingerprint", NULL), "error", error));
}

static int look_at(struct testing *testing, const json_t *rows, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *deployments = json_array();
	CERTCTL_AUTO(json_decref) json_t *answer = NULL;
	const char *ids[LOOKS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(rows) && count < LOOKS_MAX; i++) {
		const json_t *row = json_array_get(rows, i);

		/* One that was never issued cannot be looked at. */
		if (!json_is_object(json_object_get(row, "version")))
			continue;
		json_array_append_new(deployments, certctl_jobs_deployment(row));
		ids[count++] = certctl_json_text_or(json_object_get(row, "certificate"), "id", "");
	}
	if (count == 0)
		return 0;
	CERTCTL_AUTO(json_decref) json_t *argument = json_pack("{s:O}", "deployments", deployments);
	int rc = certctl_jobs_ask_worker(testing->context, "look", argument, LOOK_WAIT_MS, &answer, err);

	for (size_t i = 0; rc == 0 && i < count; i++)
		add_look(testing, ids[i], json_array_get(json_object_get(answer, "looks"), i));
	return rc;
}

static int look_at_certificates(struct testing *testing, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	CERTCTL_AUTO(json_decref) json_t *rows = NULL;
	const char *after = NULL;
	int64_t began_ms = certctl_monotonic_ms();
	int rc = certctl_control_plan(testing->context->control, mem, testing->target_id, NULL, &rows, &after, err);

	if (rc == 0)
		rc = look_at(testing, rows, err);
	if (rc == 0 && json_array_size(testing->certificates) > 0)
		add_step(testing, "look",
			testing->error ? certctl_json_text_or(testing->error, "what", "")
				       : talloc_asprintf(mem, "certificates looked at: %zu",
						 json_array_size(testing->certificates)),
			certctl_monotonic_ms() - began_ms);
	talloc_free(mem);
	return rc;
}

int certctl_target_test(const struct certctl_jobs_context *context, const json_t *job, json_t **ret_report,
	struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *steps = json_array();
	CERTCTL_AUTO(json_decref) json_t *certificates = json_array();
	struct testing testing = { .context = context,
		.target_id = certctl_json_text_or(json_object_get(job, "target"), "id", ""),
		.steps = steps,
		.certificates = certificates };
	int rc = certctl_id_is_valid(testing.target_id)
			 ? ask_plugin(&testing, job, err)
			 : certctl_fail(err, CERTCTL_E_PROTOCOL, "control plane: a test without a target");

	/* What the plugin has refused need not be looked at. */
	if (rc == 0 && !testing.error)
		rc = look_at_certificates(&testing, err);
	if (rc == 0)
		*ret_report = json_pack("{s:s, s:O, s:O, s:O?}", "outcome", testing.error ? "failed" : "passed",
			"steps", steps, "certificates", certificates, "error", testing.error);
	json_decref(testing.error);
	return rc == 0 && !*ret_report ? certctl_fail(err, CERTCTL_E_NO_MEMORY, "report") : rc;
}
