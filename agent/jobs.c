/*
 * Jobs: requests made and sent, deployments and tests made and reported.  Whatever is lost on the way is handed out again, and everything
 * here may be done twice.
 */
#include "agent.h"
#include "agent/shared/link.h"
#include "spool.h"

#include <certctl/log.h>
#include <string.h>

#define CSR_WAIT_MS    INT64_C(60000)
#define DEPLOY_WAIT_MS INT64_C(1800000)

/* --- Building what is said ----------------------------------------------------------------------------------------- */

/* The worker refuses members it does not know; a newer control plane may send some. */
static json_t *pick(const json_t *from, const char *const *names)
{
	json_t *picked = json_object();

	if (!json_is_object(from)) {
		json_decref(picked);
		return json_null();
	}
	for (; *names; names++)
		if (json_object_get(from, *names))
			json_object_set(picked, *names, json_object_get(from, *names));
	return picked;
}

static json_t *pick_certificate(const json_t *job)
{
	static const char *const names[] = { "id", "common_name", "key_type", "must_staple", "reuse_key", "names",
		NULL };

	return pick(json_object_get(job, "certificate"), names);
}

json_t *certctl_jobs_deployment(const json_t *job)
{
	static const char *const version[] = { "id", "sequence", "leaf", "chain", "fingerprint_sha256",
		"public_key_sha256", "not_after", NULL };
	static const char *const target[] = { "id", "plugin", "options", NULL };
	static const char *const binding[] = { "id", "options", NULL };

	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:b}", "job_id", certctl_json_text_or(job, "id", ""), "certificate",
		pick_certificate(job), "version", pick(json_object_get(job, "version"), version), "target",
		pick(json_object_get(job, "target"), target), "binding", pick(json_object_get(job, "binding"), binding),
		"is_rollback", json_is_true(json_object_get(job, "is_rollback")));
}

json_t *certctl_jobs_status(const json_t *job, const json_t *report)
{
	static const char *const members[] = { "outcome", "verified", "served_fingerprint", "steps", "certificates",
		"error", NULL };
	const char *outcome = certctl_json_text_or(report, "outcome", "");
	bool is_good = strcmp(outcome, "completed") == 0 || strcmp(outcome, "unchanged") == 0 ||
		       strcmp(outcome, "passed") == 0;

	return json_pack("{s:I, s:s, s:o}", "token", (json_int_t)certctl_json_integer_or(job, "token", 0), "state",
		is_good ? "Completed" : "Failed", "report", pick(report, members));
}

static json_t *refusal(const struct certctl_error *why)
{
	return json_pack("{s:s, s:b, s:n, s:[], s:o}", "outcome", "refused", "verified", 0, "served_fingerprint",
		"steps", "error", certctl_link_error_json(why));
}

/* --- Reports -------------------------------------------------------------------------------------------------------- */

static enum certctl_spool_verdict send_report(void *arg, const char *job_id, json_t *body, struct certctl_error *err)
{
	const struct certctl_jobs_context *context = arg;
	int rc = certctl_control_status(context->control, job_id, body, err);

	if (rc == 0) {
		certctl_log(CERTCTL_LOG_INFO, "report.sent", "job", job_id, "state",
			certctl_json_text_or(body, "state", ""), NULL);
		return CERTCTL_SPOOL_TAKEN;
	}
	/* Denied is about this agent, not about the report. */
	if (err->retryable || rc == CERTCTL_E_CANCELLED || rc == CERTCTL_E_DENIED)
		return CERTCTL_SPOOL_LATER;
	certctl_log_error(CERTCTL_LOG_WARNING, "report.dropped", err, "job", job_id, NULL);
	return CERTCTL_SPOOL_TAKEN;
}

int certctl_jobs_flush(const struct certctl_jobs_context *context, struct certctl_error *err)
{
	return certctl_spool_flush(context->spool, send_report, (void *)context, err);
}

/* Into the spool first: what was done must not be forgotten.  With a full disk, straight to the control plane. */
static int report(const struct certctl_jobs_context *context, const json_t *job, const json_t *what,
	struct certctl_error *err)
{
	const char *job_id = certctl_json_text_or(job, "id", "");
	CERTCTL_AUTO(json_decref) json_t *body = certctl_jobs_status(job, what);
	int rc = body ? certctl_spool_add(context->spool, job_id, body, err)
		      : certctl_fail(err, CERTCTL_E_NO_MEMORY, "report");

	if (rc < 0 && body) {
		certctl_log_error(CERTCTL_LOG_ERROR, "spool.failed", err, "job", job_id, NULL);
		rc = send_report((void *)context, job_id, body, err) == CERTCTL_SPOOL_TAKEN ? 0 : err->code;
	}
	return rc;
}

/* --- Requests -------------------------------------------------------------------------------------------------------- */

int certctl_jobs_ask_worker(const struct certctl_jobs_context *context, const char *operation, json_t *argument,
	int64_t wait_ms, json_t **ret, struct certctl_error *err)
{
	return certctl_link_ask(&(struct certctl_link_call){ .socket = context->socket,
					.operation = operation,
					.argument = argument,
					.timeout_ms = wait_ms,
					.is_cancelled = context->is_cancelled,
					.arg = context->arg },
		ret, err);
}

static int submit(const struct certctl_jobs_context *context, const json_t *job, const json_t *made,
	struct certctl_error *err)
{
	const char *job_id = certctl_json_text_or(job, "id", "");
	int rc = certctl_control_csr(context->control, job_id, certctl_json_integer_or(job, "token", 0),
		certctl_json_text_or(made, "csr", ""), err);

	if (rc == 0) {
		certctl_log(CERTCTL_LOG_INFO, "csr.submitted", "job", job_id, "public_key_sha256",
			certctl_json_text_or(made, "public_key_sha256", ""), NULL);
		return 0;
	}
	if (err->retryable || rc == CERTCTL_E_CANCELLED || rc == CERTCTL_E_DENIED)
		return rc;
	certctl_log_error(CERTCTL_LOG_WARNING, "csr.refused", err, "job", job_id, NULL);
	return 0;
}

int certctl_jobs_request(const struct certctl_jobs_context *context, const json_t *job, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *made = NULL;
	CERTCTL_AUTO(json_decref)
	json_t *argument = json_pack("{s:s, s:o}", "job_id", certctl_json_text_or(job, "id", ""), "certificate",
		pick_certificate(job));
	int rc = certctl_jobs_ask_worker(context, "csr", argument, CSR_WAIT_MS, &made, err);

	if (rc == 0)
		return submit(context, job, made, err);
	if (err->retryable || rc == CERTCTL_E_CANCELLED)
		return rc;
	CERTCTL_AUTO(json_decref) json_t *why = refusal(err);

	return report(context, job, why, err);
}

/* --- Deployments ------------------------------------------------------------------------------------------------------ */

/* `reports` are in the order of `jobs`; fewer than jobs would be a worker that breaks the protocol. */
static int report_all(const struct certctl_jobs_context *context, const json_t *jobs, const json_t *reports,
	struct certctl_error *err)
{
	int result = 0;

	if (json_array_size(reports) != json_array_size(jobs))
		return certctl_fail(err, CERTCTL_E_PROTOCOL, "worker: %zu reports for %zu deployments",
			json_array_size(reports), json_array_size(jobs));
	for (size_t i = 0; i < json_array_size(jobs); i++) {
		int rc = report(context, json_array_get(jobs, i), json_array_get(reports, i), err);

		if (rc < 0)
			result = rc;
	}
	return result;
}

static int refuse_all(const struct certctl_jobs_context *context, const json_t *jobs, const struct certctl_error *why,
	struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *what = refusal(why);
	int result = 0;

	for (size_t i = 0; i < json_array_size(jobs); i++) {
		int rc = report(context, json_array_get(jobs, i), what, err);

		if (rc < 0)
			result = rc;
	}
	return result;
}

static int deploy(const struct certctl_jobs_context *context, const json_t *jobs, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *list = json_array();
	CERTCTL_AUTO(json_decref) json_t *answer = NULL;

	for (size_t i = 0; i < json_array_size(jobs); i++)
		json_array_append_new(list, certctl_jobs_deployment(json_array_get(jobs, i)));
	CERTCTL_AUTO(json_decref) json_t *argument = json_pack("{s:O}", "deployments", list);
	int rc = certctl_jobs_ask_worker(context, "deploy", argument, DEPLOY_WAIT_MS, &answer, err);

	if (rc == 0)
		return report_all(context, jobs, json_object_get(answer, "reports"), err);
	if (err->retryable || rc == CERTCTL_E_CANCELLED)
		return rc;
	struct certctl_error why = *err;

	return refuse_all(context, jobs, &why, err);
}

static int test(const struct certctl_jobs_context *context, const json_t *job, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *what = NULL;
	int rc = certctl_target_test(context, job, &what, err);

	if (rc < 0 && (err->retryable || rc == CERTCTL_E_CANCELLED))
		return rc;
	if (rc < 0)
		what = refusal(err);
	return report(context, job, what, err);
}

int certctl_jobs_make(const struct certctl_jobs_context *context, const json_t *jobs, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *deployments = json_array();
	CERTCTL_AUTO(json_decref) json_t *tests = json_array();

	for (size_t i = 0; i < json_array_size(jobs); i++) {
		json_t *job = json_array_get(jobs, i);

		json_array_append(strcmp(certctl_json_text_or(job, "step", ""), "test") == 0 ? tests : deployments,
			job);
	}
	int rc = json_array_size(deployments) > 0 ? deploy(context, deployments, err) : 0;

	for (size_t i = 0; rc == 0 && i < json_array_size(tests); i++)
		rc = test(context, json_array_get(tests, i), err);
	return rc;
}
