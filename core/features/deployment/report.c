/* What agents report, and what follows from it.  Believes a fingerprint, not a word. */
#include "core/features/audit/audit.h"
#include "core/features/deployment/deployment.sql.h"
#include "core/platform/jobs/jobs.sql.h"
#include "deployment.h"
#include "target_test.h"

#include <certctl/json.h>
#include <certctl/log.h>
#include <certctl/x509.h>
#include <string.h>

int deployment_request(struct db *db, const char *certificate_id, const char *placement_id, const char *created_by,
	struct certctl_error *err)
{
	return db_run(db, NULL, &query_deployment_insert,
		DB_VALUES(db_text(certificate_id), db_text(placement_id), db_text(created_by)), NULL, err);
}

int deployment_repeat(struct db *db, TALLOC_CTX *mem, const char *certificate_id, const char *placement_id,
	const char *target_id, const char *created_by, struct certctl_error *err)
{
	if (!target_id)
		return deployment_request(db, certificate_id, placement_id, created_by, err);
	return db_run(db, NULL, &query_deployment_order,
		DB_VALUES(db_text(certificate_id), db_text(db_array(mem, &target_id, 1)), db_text(created_by)), NULL,
		err);
}

/* What one transaction needs, and what it found out. */
struct reporting {
	TALLOC_CTX *mem;
	const struct deployment_report *in;
	const json_t *report;
	struct db_result *job; /* one row of report_job */
	const char *state;
};

static const char *job_text(const struct reporting *work, const char *column)
{
	return db_get_text(work->job, 0, column);
}

/* Reports get lost and repeated: the same end again is fine, another one is not. */
static int answer_ended(struct db *db, struct reporting *work, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_run(db, work->mem, &query_report_job_ended,
		DB_VALUES(db_text(work->in->job_id), db_text(work->in->agent_id)), &rows, err);

	if (rc < 0)
		return rc;
	if (db_rows(rows) == 0)
		return certctl_fail(err, CERTCTL_E_NOT_FOUND, "job '%s' is not there", work->in->job_id);
	work->state = db_get_text(rows, 0, "state");
	if (strcmp(work->state, work->in->state) != 0)
		return certctl_fail(err, CERTCTL_E_CONFLICT, "fenced: the job has ended %s", work->state);
	return 0;
}

/* The agent's error object, as far as it makes sense. */
static void read_error(const json_t *report, struct certctl_error *ret)
{
	const json_t *error = json_object_get(report, "error");

	certctl_fail(ret, certctl_code_from_name(certctl_json_text_or(error, "code", "internal")), "%s",
		certctl_json_text_or(error, "what", "the agent gave no reason"));
	certctl_hint(ret, "%s", certctl_json_text_or(error, "hint", ""));
	ret->retryable = json_is_true(json_object_get(error, "retryable"));
}

/* --- Completed ------------------------------------------------------------------------------------------------------- */

/* Done means that the endpoint serves the new certificate; without a probe it is counted as not verified. */
static bool is_proven(const struct reporting *work, struct certctl_error *why)
{
	const char *served = certctl_json_text_or(work->report, "served_fingerprint", NULL);
	const char *wanted = job_text(work, "fingerprint_sha256");

	if (!served && !json_is_true(json_object_get(work->report, "verified")))
		return true;
	if (served && strcmp(served, wanted) == 0)
		return true;
	certctl_fail(why, CERTCTL_E_CONFLICT, "reported as completed, but serves %s",
		served ? served : "nothing known");
	return false;
}

static int record_deployed(struct db *db, const struct reporting *work, bool is_verified, struct certctl_error *err)
{
	struct audit_actor agent = { .name = work->in->agent_id, .type = "agent" };
	const char *target = job_text(work, "target_id"), *type = job_text(work, "target_type");
	CERTCTL_AUTO(json_decref)
	json_t *details = json_pack("{s:s, s:s*, s:s*, s:s, s:s, s:b}", "agent_id", work->in->agent_id, "target_id",
		target, "target_type", type, "version_id", job_text(work, "version_id"), "job_id", work->in->job_id,
		"verified", is_verified);
	struct audit_event event = { .action = "certificate_deployed",
		.resource_type = "certificate",
		.resource_id = job_text(work, "certificate_id"),
		.details = details ? certctl_json_text(work->mem, details, NULL) : NULL };

	return audit_record(db, &agent, &event, err);
}

static int complete(struct db *db, struct reporting *work, struct certctl_error *err)
{
	const char *served = certctl_json_text_or(work->report, "served_fingerprint", NULL);
	bool is_verified = served != NULL;
	int rc = 0;

	if (job_text(work, "target_id"))
		rc = db_run(db, NULL, &query_binding_deployed,
			DB_VALUES(db_text(job_text(work, "certificate_id")), db_text(job_text(work, "target_id")),
				db_text(job_text(work, "version_id")),
				db_integer(db_get_integer(work->job, 0, "sequence")), db_boolean(is_verified),
				db_text(served), db_boolean(db_get_boolean(work->job, 0, "is_rollback"))),
			NULL, err);
	if (rc == 0)
		rc = record_deployed(db, work, is_verified, err);
	work->state = "Completed";
	return rc < 0 ? rc
		      : job_end(db, work->in->job_id, work->in->token,
				&(struct job_end){ .state = work->state, .report_json = work->in->json }, err);
}

/* --- Failed ---------------------------------------------------------------------------------------------------------- */

static int try_again(struct db *db, struct reporting *work, const struct certctl_error *why, struct certctl_error *err)
{
	bool is_csr = strcmp(job_text(work, "step"), "csr") == 0;
	uint64_t random = 0;
	int rc = certctl_random(&random, sizeof(random), err);
	struct job_release later = { .state = is_csr ? "AwaitingCSR" : "Pending",
		.step = job_text(work, "step"),
		.delay_s = job_backoff_s(db_get_integer(work->job, 0, "attempts"),
			db_get_integer(work->job, 0, "remaining_s"), why->retry_after_s, random),
		.error_json = job_error_json(work->mem, why) };

	work->state = later.state;
	/* A request that could not be made was an attempt too; a deployment was counted when it was handed out. */
	if (rc == 0 && is_csr)
		rc = db_run(db, NULL, &query_attempt_count,
			DB_VALUES(db_text(work->in->job_id), db_integer(work->in->token)), NULL, err);
	return rc < 0 ? rc : job_release(db, work->in->job_id, work->in->token, &later, err);
}

static int fail(struct db *db, struct reporting *work, const struct certctl_error *why, struct certctl_error *err)
{
	int rc = 0;

	if (job_text(work, "target_id"))
		rc = db_run(db, NULL, &query_binding_observed,
			DB_VALUES(db_text(job_text(work, "certificate_id")), db_text(job_text(work, "target_id")),
				db_text(certctl_json_text_or(work->report, "served_fingerprint", NULL))),
			NULL, err);
	if (rc < 0)
		return rc;
	if (why->retryable && db_get_integer(work->job, 0, "attempts") < db_get_integer(work->job, 0, "attempts_max"))
		return try_again(db, work, why, err);
	work->state = "Failed";
	return job_end(db, work->in->job_id, work->in->token,
		&(struct job_end){ .state = work->state,
			.error_json = job_error_json(work->mem, why),
			.report_json = work->in->json },
		err);
}

/* --- The transaction ------------------------------------------------------------------------------------------------- */

static int check_turn(const struct reporting *work, struct certctl_error *err)
{
	bool is_request = strcmp(job_text(work, "step"), "csr") == 0;

	if (db_get_integer(work->job, 0, "token") != work->in->token || db_get_integer(work->job, 0, "token") == 0)
		return certctl_fail(err, CERTCTL_E_CONFLICT, "fenced: this token is no longer the job's");
	if (strcmp(job_text(work, "state"), is_request ? "AwaitingCSR" : "Running") != 0)
		return certctl_fail(err, CERTCTL_E_CONFLICT, "fenced: the job is %s", job_text(work, "state"));
	if (is_request && strcmp(work->in->state, "Failed") != 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "state: only Failed can be reported for this job");
	return 0;
}

static int end_test(struct db *db, struct reporting *work, struct certctl_error *err)
{
	struct certctl_error why = { 0 };
	bool has_passed = strcmp(work->in->state, "Completed") == 0;

	if (!has_passed)
		read_error(work->report, &why);
	work->state = work->in->state;
	return target_test_end(db, work->mem, work->in, job_text(work, "target_id"), work->report,
		has_passed ? NULL : &why, err);
}

/* A newer version came while this one was deployed. */
static int continue_with_newer(struct db *db, const struct reporting *work, struct certctl_error *err)
{
	const char *version = job_text(work, "version_id"), *current = job_text(work, "current_version_id");

	if (!version || !current || strcmp(version, current) == 0)
		return 0;
	return deployment_request(db, job_text(work, "certificate_id"), job_text(work, "placement_id"), "certctld",
		err);
}

static int take_report(struct db *db, void *arg, struct certctl_error *err)
{
	struct reporting *work = arg;
	struct certctl_error why = { 0 };
	int rc = db_run(db, work->mem, &query_report_job,
		DB_VALUES(db_text(work->in->job_id), db_text(work->in->agent_id)), &work->job, err);

	if (rc < 0)
		return rc;
	if (db_rows(work->job) == 0)
		return answer_ended(db, work, err);
	rc = check_turn(work, err);
	if (rc < 0)
		return rc;
	if (strcmp(job_text(work, "type"), "Validation") == 0)
		return end_test(db, work, err);
	if (strcmp(work->in->state, "Completed") == 0 && is_proven(work, &why))
		rc = complete(db, work, err);
	else {
		if (why.code == CERTCTL_OK)
			read_error(work->report, &why);
		rc = fail(db, work, &why, err);
	}
	return rc < 0 ? rc : continue_with_newer(db, work, err);
}

int deployment_report(struct core *core, TALLOC_CTX *mem, const struct deployment_report *in, const char **ret_state,
	struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *report = NULL;
	int rc = certctl_json_parse(in->json, strlen(in->json), NULL, &report, err);
	struct reporting work = { .mem = mem, .in = in, .report = report };

	if (rc == 0)
		rc = db_transaction(core->db, take_report, &work, err);
	if (rc < 0)
		return rc;
	if (strcmp(work.state, "Failed") == 0)
		certctl_log(CERTCTL_LOG_WARNING, "job.failed", "job", in->job_id, "agent", in->agent_id, "what",
			certctl_json_text_or(json_object_get(report, "error"), "what", ""), NULL);
	jobs_wake(core->jobs);
	*ret_state = work.state;
	return 0;
}
