/* The routes of jobs, and how one is shown. */
#include "core/features/access/access.h"
#include "core/features/jobs/jobs.sql.h"
#include "core/platform/resource/resource.h"
#include "decisions.h"
#include "jobs.h"

#include <string.h>

static const struct certctl_field job_fields[] = {
	RESOURCE_SHOWN("id", CERTCTL_TEXT),
	RESOURCE_SHOWN("type", CERTCTL_TEXT),
	RESOURCE_SHOWN("status", CERTCTL_TEXT),
	RESOURCE_SHOWN("step", CERTCTL_TEXT),
	RESOURCE_SHOWN("certificate_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("agent_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("issuer_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("target_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("version_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("is_rollback", CERTCTL_BOOLEAN),
	RESOURCE_SHOWN("worker", CERTCTL_TEXT),
	RESOURCE_SHOWN("token", CERTCTL_INTEGER),
	RESOURCE_SHOWN("claims", CERTCTL_INTEGER),
	RESOURCE_SHOWN("attempts", CERTCTL_INTEGER),
	RESOURCE_SHOWN("attempts_max", CERTCTL_INTEGER),
	RESOURCE_SHOWN("hold_reason", CERTCTL_TEXT),
	{ .name = "waits_for",
		.type = CERTCTL_TEXT,
		.flags = RESOURCE_READ_ONLY,
		.help = "Who does not come to fetch it: an agent that is offline.  Null: nobody in particular." },
	RESOURCE_SHOWN("priority", CERTCTL_INTEGER),
	RESOURCE_SHOWN("approve_until", CERTCTL_TIME),
	RESOURCE_SHOWN("approved_by", CERTCTL_TEXT),
	RESOURCE_SHOWN("ended_by", CERTCTL_TEXT),
	RESOURCE_SHOWN("key_made_by", CERTCTL_TEXT),
	RESOURCE_SHOWN("serial_before", CERTCTL_TEXT),
	RESOURCE_SHOWN("serial_after", CERTCTL_TEXT),
	RESOURCE_SHOWN("csr_sha256", CERTCTL_TEXT),
	RESOURCE_SHOWN("error", CERTCTL_OBJECT),
	RESOURCE_SHOWN("report", CERTCTL_OBJECT),
	RESOURCE_SHOWN("created_by", CERTCTL_TEXT),
	RESOURCE_SHOWN("created_at", CERTCTL_TIME),
	RESOURCE_SHOWN("run_at", CERTCTL_TIME),
	RESOURCE_SHOWN("lease_until", CERTCTL_TIME),
	RESOURCE_SHOWN("started_at", CERTCTL_TIME),
	RESOURCE_SHOWN("updated_at", CERTCTL_TIME),
	RESOURCE_SHOWN("ended_at", CERTCTL_TIME),
	{ 0 },
};

const struct http_body jobs_body = { "Job", job_fields };

int jobs_reply(struct http_request *request, struct http_reply *reply, unsigned status, const char *id,
	struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_once(core_of(request)->db, request, &query_jobs_get,
		DB_VALUES(db_text(id), db_text(request->scope)), &rows, err);

	return rc < 0 ? rc : resource_reply(reply, status, job_fields, rows, "job", id, err);
}

int jobs_reply_accepted(struct http_reply *reply, const struct db_result *rows)
{
	char *location = talloc_asprintf((void *)(uintptr_t)rows, "/api/v1/jobs/%s", db_get_text(rows, 0, "id"));

	certctl_buffer_puts(&reply->body, "{\"data\":[");
	for (size_t row = 0; row < db_rows(rows); row++) {
		certctl_buffer_puts(&reply->body, row ? "," : "");
		resource_write(&reply->body, job_fields, rows, row);
	}
	certctl_buffer_puts(&reply->body, "]}");
	http_reply_header(reply, "Location", location);
	return http_reply_json(reply, 202);
}

static int get(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	return jobs_reply(request, reply, 200, http_path(request, "id"), err);
}

static const char *const filters[] = { "type", "status", "certificate_id", "agent_id", "issuer_id", "target_id",
	"created_by", NULL };
static const char *const types[] = { "Issuance", "Renewal", "Deployment", "Validation", "Revocation", NULL };
static const char *const states[] = { "Pending", "AwaitingApproval", "AwaitingCSR", "Running", "Completed", "Failed",
	"Cancelled", NULL };

static bool is_one_of(const char *const *words, const char *text, size_t len)
{
	for (; *words; words++)
		if (strlen(*words) == len && strncmp(*words, text, len) == 0)
			return true;
	return false;
}

/* One word, or several separated by commas. */
static int read_filter(struct http_request *request, const char *name, const char *text, const char **ret,
	struct certctl_error *err)
{
	const char *const *words = strcmp(name, "type") == 0 ? types : strcmp(name, "status") == 0 ? states : NULL;

	(void)request;
	for (const char *at = text; words; at++) {
		size_t len = strcspn(at, ",");

		if (!is_one_of(words, at, len))
			return certctl_fail(err, CERTCTL_E_INVALID, "%s: there is no '%.*s'", name, (int)len, at);
		at += len;
		if (!*at)
			break;
	}
	*ret = text;
	return 0;
}

static int list(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	static const struct resource_list jobs = { .fields = job_fields,
		.query = &query_jobs_list,
		.filters = filters,
		.read_filter = read_filter,
		.is_scoped = true };

	return resource_reply_list(request, reply, core_of(request)->db, &jobs, err);
}

#define DECISION(path_, permission_, run_, summary_)                                                                   \
	{                                                                                                              \
		"POST", "/api/v1/jobs/{id}/" path_, permission_, run_, .summary = (summary_),                          \
								       .takes = &jobs_reason_body, .gives = &jobs_body \
	}

static const struct http_route routes[] = {
	{ "GET", "/api/v1/jobs", PERMISSION_JOBS_READ, list, .summary = "List jobs, newest first", .gives = &jobs_body,
		.is_list = true, .filters = filters },
	{ "GET", "/api/v1/jobs/{id}", PERMISSION_JOBS_READ, get, .summary = "Get a job", .gives = &jobs_body },
	DECISION("approve", PERMISSION_JOBS_APPROVE, jobs_approve, "Let a job begin that waits for approval"),
	DECISION("reject", PERMISSION_JOBS_APPROVE, jobs_reject, "Cancel a job that waits for approval"),
	DECISION("cancel", PERMISSION_JOBS_WRITE, jobs_cancel, "Cancel a job that has not ended"),
	{ "POST", "/api/v1/jobs/{id}/retry", PERMISSION_JOBS_WRITE, jobs_retry,
		.summary = "Try now what waits; make a new job in the place of one that failed",
		.takes = &jobs_reason_body, .gives = &jobs_body, .also = 202 },
	{ 0 },
};

const struct feature jobs_feature = {
	.name = "jobs", .about = "What is being done, and how it ended.", .routes = routes, .timers = jobs_timers
};
