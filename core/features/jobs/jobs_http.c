/* The routes of jobs.  Reads only: what happens to a job is the engine's and the features'. */
#include "core/features/access/access.h"
#include "core/features/jobs/jobs.sql.h"
#include "core/platform/resource/resource.h"
#include "jobs.h"

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
	int rc = db_once(core_of(request)->db, request, &query_jobs_get, DB_VALUES(db_text(id)), &rows, err);

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

static const char *const filters[] = { "type", "status", "certificate_id", "agent_id", NULL };

static int list(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	static const struct resource_list jobs = {
		.fields = job_fields, .query = &query_jobs_list, .filters = filters
	};

	return resource_reply_list(request, reply, core_of(request)->db, &jobs, err);
}

static const struct http_route routes[] = {
	{ "GET", "/api/v1/jobs", PERMISSION_JOBS_READ, list, .summary = "List jobs, newest first", .gives = &jobs_body,
		.is_list = true, .filters = filters },
	{ "GET", "/api/v1/jobs/{id}", PERMISSION_JOBS_READ, get, .summary = "Get a job", .gives = &jobs_body },
	{ 0 },
};

const struct feature jobs_feature = {
	.name = "jobs", .about = "What is being done, and how it ended.", .routes = routes
};
