/* What agents hand in: requests for certificates and reports.  The rules are issuance's and deployment's. */
#include "core/features/deployment/deployment.h"
#include "core/features/fleet/fleet.sql.h"
#include "core/features/issuance/issuance.h"
#include "work.h"

#include <stdlib.h>
#include <string.h>

#define PREFER_WAIT_MAX_S 30

static const struct certctl_field state_fields[] = {
	RESOURCE_SHOWN("job_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("state", CERTCTL_TEXT),
	{ 0 },
};
const struct http_body fleet_state_body = { "JobState", state_fields };

/* A request whose job has ended: the certificate, or why there is none. */
static const struct certctl_field outcome_fields[] = {
	RESOURCE_SHOWN("id", CERTCTL_TEXT),
	RESOURCE_SHOWN("type", CERTCTL_TEXT),
	RESOURCE_SHOWN("status", CERTCTL_TEXT),
	RESOURCE_SHOWN("certificate_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("csr_sha256", CERTCTL_TEXT),
	RESOURCE_SHOWN("version_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("certificate", CERTCTL_TEXT), /* PEM */
	RESOURCE_SHOWN("chain", CERTCTL_TEXT),
	RESOURCE_SHOWN("error", CERTCTL_OBJECT),
	RESOURCE_SHOWN("ended_at", CERTCTL_TIME),
	{ 0 },
};
const struct http_body fleet_outcome_body = { "JobOutcome", outcome_fields };

static int reply_state(struct http_reply *reply, unsigned status, const char *job_id, const char *state)
{
	certctl_buffer_puts(&reply->body, "{\"job_id\":");
	certctl_buffer_json_string(&reply->body, job_id, strlen(job_id));
	certctl_buffer_puts(&reply->body, ",\"state\":");
	certctl_buffer_json_string(&reply->body, state, strlen(state));
	certctl_buffer_puts(&reply->body, "}");
	return http_reply_json(reply, status);
}

/* "fenced" is a word that agents look for. */
static void mark_fenced(struct http_reply *reply, const struct certctl_error *err)
{
	if (err->code == CERTCTL_E_CONFLICT && strncmp(err->what, "fenced", 6) == 0)
		reply->code = "fenced";
}

static bool has_ended(const char *state)
{
	return strcmp(state, "Completed") == 0 || strcmp(state, "Failed") == 0 || strcmp(state, "Cancelled") == 0;
}

/* `Prefer: wait=5` (RFC 7240) */
static int64_t preferred_wait_s(const struct http_request *request)
{
	const char *prefer = http_header(request, "Prefer");
	long wait_s = prefer && strncmp(prefer, "wait=", 5) == 0 ? strtol(prefer + 5, NULL, 10) : 0;

	return wait_s < 0 ? 0 : wait_s > PREFER_WAIT_MAX_S ? PREFER_WAIT_MAX_S : wait_s;
}

/* @param ret_state  NULL: reply in any case; else only when the job has ended, and what state it is in otherwise */
static int reply_outcome(struct http_request *request, struct http_reply *reply, const char *job_id,
	const char **ret_state, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_once(core_of(request)->db, request, &query_csr_outcome,
		DB_VALUES(db_text(job_id), db_text(request->actor)), &rows, err);

	if (rc < 0)
		return rc;
	if (ret_state && db_rows(rows) > 0 && !has_ended(db_get_text(rows, 0, "status"))) {
		*ret_state = db_get_text(rows, 0, "status");
		return 0;
	}
	return resource_reply(reply, 200, outcome_fields, rows, "job", job_id, err);
}

/* What a waiting request is woken by. */
static const char *waits_for(struct http_request *request, const char *job_id)
{
	return talloc_asprintf(request, "job/%s", job_id);
}

void fleet_job_ended(struct core *core, const char *job_id)
{
	char *key = talloc_asprintf(NULL, "job/%s", job_id);

	if (key)
		http_wake(core->http, key);
	talloc_free(key);
}

/* Its request was taken, and it was woken or its time is up. */
static int go_on_waiting(struct http_request *request, struct http_reply *reply, const char *job_id,
	struct certctl_error *err)
{
	const char *state = NULL;
	int rc = reply_outcome(request, reply, job_id, &state, err);

	if (rc < 0 || !state)
		return rc;
	return request->is_time_up ? reply_state(reply, 202, job_id, state)
				   : http_wait(request, waits_for(request, job_id), 0);
}

/* --- Requests -------------------------------------------------------------------------------------------------------- */

struct csr_body {
	const char *job_id, *csr;
	int64_t token;
};

static const struct certctl_field csr_fields[] = {
	CERTCTL_OPTION(struct csr_body, job_id, CERTCTL_REFERENCE, .required = true, .refers_to = "job"),
	CERTCTL_OPTION(struct csr_body, token, CERTCTL_INTEGER, .required = true, .min = 1, .max = INT64_MAX),
	CERTCTL_OPTION(struct csr_body, csr, CERTCTL_TEXT, .required = true, .max = 16384,
		.flags = RESOURCE_TEXT_BLOCK),
	{ 0 },
};
const struct http_body fleet_csr_body = { "JobCsr", csr_fields };

int fleet_csr(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct csr_body body = { 0 };
	const char *state = NULL;
	int64_t wait_s = preferred_wait_s(request);
	int rc = resource_read(request, reply, csr_fields, &body, err);
	struct issuance_csr csr = {
		.agent_id = request->actor, .job_id = body.job_id, .pem = body.csr, .token = body.token
	};

	if (rc < 0)
		return rc;
	if (request->wait_until_ms != 0)
		return go_on_waiting(request, reply, body.job_id, err);
	rc = issuance_accept_csr(core_of(request), request, &csr, &state, err);
	if (rc < 0) {
		mark_fenced(reply, err);
		/* Well-formed, and not what was ordered. */
		reply->status = rc == CERTCTL_E_DENIED ? 422 : 0;
		return rc;
	}
	if (has_ended(state))
		return reply_outcome(request, reply, body.job_id, NULL, err);
	if (wait_s > 0 && !request->is_time_up)
		return http_wait(request, waits_for(request, body.job_id), wait_s * 1000);
	return reply_state(reply, 202, body.job_id, state);
}

/* --- Reports --------------------------------------------------------------------------------------------------------- */

struct status_body {
	int64_t token;
	int state;
	const char *report; /* JSON */
};

static const struct certctl_choice states[] = { { "Completed", 1, NULL }, { "Failed", 2, NULL }, { 0 } };

static const struct certctl_field status_fields[] = {
	CERTCTL_OPTION(struct status_body, token, CERTCTL_INTEGER, .required = true, .min = 1, .max = INT64_MAX),
	CERTCTL_OPTION(struct status_body, state, CERTCTL_ENUM, .required = true, .choices = states),
	CERTCTL_OPTION(struct status_body, report, CERTCTL_TEXT, .fallback = "{}", .max = 1048576,
		.flags = RESOURCE_DOCUMENT),
	{ 0 },
};
const struct http_body fleet_status_body = { "JobReport", status_fields };

int fleet_status(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct status_body body = { 0 };
	const char *state = NULL;
	int rc = resource_read(request, reply, status_fields, &body, err);

	if (rc < 0)
		return rc;
	struct deployment_report report = { .agent_id = request->actor,
		.job_id = http_path(request, "job"),
		.state = states[body.state - 1].name,
		.token = body.token,
		.json = body.report };

	rc = deployment_report(core_of(request), request, &report, &state, err);
	if (rc < 0) {
		mark_fenced(reply, err);
		return rc;
	}
	return reply_state(reply, 200, report.job_id, state);
}
