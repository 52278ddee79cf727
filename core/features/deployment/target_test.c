/* Tests of targets: an operator asks, the agent beside the server finds out.  Knows nothing of how it does. */
#include "target_test.h"
#include "core/features/audit/audit.h"
#include "core/features/deployment/deployment.sql.h"
#include "core/features/jobs/jobs.h"
#include "core/platform/jobs/jobs.sql.h"
#include "core/platform/resource/resource.h"

#include <certctl/json.h>

#define CERTIFICATES_MAX 100

/* --- Asking ---------------------------------------------------------------------------------------------------------- */

int deployment_test(struct db *db, TALLOC_CTX *mem, const char *target_id, const char *created_by,
	const char **ret_job_id, struct certctl_error *err)
{
	struct db_result *target = NULL, *job = NULL;
	int rc = db_run(db, mem, &query_target_test_hold, DB_VALUES(db_text(target_id)), &target, err);

	if (rc < 0)
		return rc;
	if (db_rows(target) == 0)
		return certctl_fail(err, CERTCTL_E_NOT_FOUND, "target '%s' is not there", target_id);
	if (db_get_boolean(target, 0, "is_retired"))
		return certctl_fail(err, CERTCTL_E_CONFLICT, "agent '%s' is retired: nobody can test target '%s'",
			db_get_text(target, 0, "agent_id"), target_id);
	rc = db_run(db, mem, &query_target_test_insert, DB_VALUES(db_text(target_id), db_text(created_by)), &job, err);
	if (rc == 0)
		*ret_job_id = db_get_text(job, 0, "id");
	return rc;
}

/* What one transaction needs, and what it found out. */
struct asking {
	struct http_request *request;
	const char *job_id;
};

static int ask(struct db *db, void *arg, struct certctl_error *err)
{
	struct asking *asking = arg;
	struct audit_actor actor = audit_actor_of(asking->request);

	return deployment_test(db, asking->request, http_path(asking->request, "id"), actor.name, &asking->job_id, err);
}

int target_test(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct asking asking = { .request = request };
	int rc = db_transaction(core_of(request)->db, ask, &asking, err);

	if (rc < 0)
		return rc;
	jobs_wake(core_of(request)->jobs);
	http_reply_header(reply, "Location", talloc_asprintf(request, "/api/v1/jobs/%s", asking.job_id));
	return jobs_reply(request, reply, 202, asking.job_id, err);
}

int target_tests_cancel(struct db *db, TALLOC_CTX *mem, const char *target_id, const char *actor,
	struct certctl_error *err)
{
	struct db_result *jobs = NULL;
	int rc = db_run(db, mem, &query_target_tests_live, DB_VALUES(db_text(target_id)), &jobs, err);

	return rc < 0 ? rc
		      : db_run(db, NULL, &query_jobs_cancel,
				DB_VALUES(db_text(db_value_at(jobs, 0, 0)), db_text(actor),
					db_text("the target was deleted"), db_text(NULL)),
				NULL, err);
}

/* --- The answer ------------------------------------------------------------------------------------------------------ */

/* What the agent has found of a certificate, if that is one of the target's. */
static int record_certificate(struct db *db, TALLOC_CTX *mem, const struct deployment_report *in, const char *target_id,
	const json_t *found, struct certctl_error *err)
{
	const char *id = certctl_json_text_or(found, "certificate_id", "");
	struct audit_actor agent = { .name = in->agent_id, .type = "agent" };
	struct db_result *bound = NULL;
	CERTCTL_AUTO(json_decref)
	json_t *details = json_pack("{s:s, s:s, s:s, s:s, s:s*, s:s*}", "agent_id", in->agent_id, "target_id",
		target_id, "job_id", in->job_id, "result", certctl_json_text_or(found, "outcome", "unknown"),
		"served_fingerprint", certctl_json_text_or(found, "served_fingerprint", NULL), "error",
		certctl_json_text_or(json_object_get(found, "error"), "what", NULL));
	struct audit_event event = { .action = "certificate_validated",
		.resource_type = "certificate",
		.resource_id = id,
		.details = details ? certctl_json_text(mem, details, NULL) : NULL };
	int rc = db_run(db, mem, &query_target_has, DB_VALUES(db_text(target_id), db_text(id)), &bound, err);

	return rc < 0 || db_rows(bound) == 0 ? rc : audit_record(db, &agent, &event, err);
}

static int record(struct db *db, TALLOC_CTX *mem, const struct deployment_report *in, const char *target_id,
	const struct certctl_error *why, struct certctl_error *err)
{
	struct audit_actor agent = { .name = in->agent_id, .type = "agent" };
	CERTCTL_AUTO(json_decref)
	json_t *details = json_pack("{s:s, s:s, s:b, s:s*}", "agent_id", in->agent_id, "job_id", in->job_id, "ok", !why,
		"error", why ? why->what : NULL);
	struct audit_event event = { .action = "target_tested",
		.resource_type = "target",
		.resource_id = target_id,
		.details = details ? certctl_json_text(mem, details, NULL) : NULL };

	return audit_record(db, &agent, &event, err);
}

int target_test_end(struct db *db, TALLOC_CTX *mem, const struct deployment_report *in, const char *target_id,
	const json_t *report, const struct certctl_error *why, struct certctl_error *err)
{
	const json_t *certificates = json_object_get(report, "certificates");
	int rc = record(db, mem, in, target_id, why, err);

	for (size_t i = 0; rc == 0 && i < json_array_size(certificates) && i < CERTIFICATES_MAX; i++)
		rc = record_certificate(db, mem, in, target_id, json_array_get(certificates, i), err);
	return rc < 0 ? rc
		      : job_end(db, in->job_id, in->token,
				&(struct job_end){ .state = why ? "Failed" : "Completed",
					.error_json = why ? job_error_json(mem, why) : NULL,
					.report_json = in->json },
				err);
}
