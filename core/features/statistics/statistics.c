/* Counts and trends: each one query, kept for a moment when it was dear. */
#include "statistics.h"
#include "core/features/access/access.h"
#include "core/features/statistics/statistics.sql.h"
#include "core/platform/resource/resource.h"
#include "statistics_routes.h"

#include <stdlib.h>
#include <string.h>

#define DAYS_MAX 366

/* --- From a query to a reply ----------------------------------------------------------------------------------------- */

struct asking {
	struct http_request *request;
	const struct db_query *query;
	const struct certctl_field *fields;
	int64_t days; /* 0: the query takes none */
};

static int make_reply(void *arg, TALLOC_CTX *mem, const char **ret, struct certctl_error *err)
{
	const struct asking *asking = arg;
	struct db_value values[2] = { db_integer(asking->days) }, scope = db_text(asking->request->scope);
	struct db_result *rows = NULL;
	struct certctl_buffer out;
	size_t count = asking->days ? 1 : 0;

	values[count++] = scope;
	int rc = db_once(core_of(asking->request)->db, mem, asking->query, values, count, &rows, err);

	if (rc < 0)
		return rc;
	certctl_buffer_init(&out, mem, 1 << 20);
	resource_write(&out, asking->fields, rows, 0);
	rc = certctl_buffer_finish(&out, err);
	if (rc == 0)
		*ret = out.data;
	return rc;
}

static int answer(struct http_request *request, struct http_reply *reply, const struct asking *asking,
	struct certctl_error *err)
{
	const char *text = NULL, *scope = request->scope ? request->scope : "";
	char *key = talloc_asprintf(request, "%s %lld %s", asking->query->name, (long long)asking->days, scope);
	int rc = key ? cache_get(core_of(request)->statistics->cache, key, 0, make_reply, (void *)(uintptr_t)asking,
			       request, &text, err)
		     : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	return rc < 0 ? rc : http_reply_text(reply, 200, "application/json", text);
}

static int read_days(const struct http_request *request, int64_t fallback, int64_t *ret, struct certctl_error *err)
{
	const char *text = http_query(request, "days");
	size_t len = text ? strlen(text) : 0;
	int64_t days = text ? strtol(text, NULL, 10) : fallback;

	if (text && (len == 0 || len > 3 || strspn(text, "0123456789") < len || days < 1 || days > DAYS_MAX))
		return certctl_fail(err, CERTCTL_E_INVALID, "days: 1..%d expected", DAYS_MAX);
	*ret = days;
	return 0;
}

/* --- Routes ---------------------------------------------------------------------------------------------------------- */

static const struct certctl_field summary_fields[] = {
	{ .name = "total", .type = CERTCTL_INTEGER, .flags = RESOURCE_READ_ONLY, .help = "Without archived ones." },
	RESOURCE_SHOWN("by_status", CERTCTL_OBJECT),
	RESOURCE_SHOWN("by_issuer", CERTCTL_OBJECT),
	RESOURCE_SHOWN("agents_by_status", CERTCTL_OBJECT),
	RESOURCE_SHOWN("jobs_by_status", CERTCTL_OBJECT),
	RESOURCE_SHOWN("as_of", CERTCTL_TIME),
	{ 0 },
};
static const struct http_body summary_body = { "StatisticsSummary", summary_fields };

static const struct certctl_field by_status_fields[] = { RESOURCE_SHOWN("by_status", CERTCTL_OBJECT), { 0 } };
static const struct http_body by_status_body = { "CertificatesByStatus", by_status_fields };

/* `data`: a list of objects, as each route says. */
static const struct certctl_field series_fields[] = {
	RESOURCE_SHOWN("days", CERTCTL_INTEGER),
	RESOURCE_SHOWN("as_of", CERTCTL_TIME),
	RESOURCE_SHOWN("data", CERTCTL_LIST),
	{ 0 },
};
static const struct http_body series_body = { "StatisticsSeries", series_fields };

static int summary(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	return answer(request, reply, &(struct asking){ request, &query_statistics_summary, summary_fields, 0 }, err);
}

static int by_status(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	return answer(request, reply, &(struct asking){ request, &query_statistics_by_status, by_status_fields, 0 },
		err);
}

static int series(struct http_request *request, struct http_reply *reply, const struct db_query *query,
	int64_t fallback, struct certctl_error *err)
{
	struct asking asking = { request, query, series_fields, 0 };
	int rc = read_days(request, fallback, &asking.days, err);

	return rc < 0 ? rc : answer(request, reply, &asking, err);
}

static int expirations(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	return series(request, reply, &query_statistics_expirations, 90, err);
}

static int job_trends(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	return series(request, reply, &query_statistics_job_trends, 30, err);
}

static int issuance_rate(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	return series(request, reply, &query_statistics_issuance_rate, 30, err);
}

#define DAYS_PARAMETER(fallback_)                                                                                      \
	{                                                                                                              \
		{ .name = "days",                                                                                      \
			.type = CERTCTL_INTEGER,                                                                       \
			.min = 1,                                                                                      \
			.max = DAYS_MAX,                                                                               \
			.fallback = (fallback_),                                                                       \
			.help = "How many days." },                                                                    \
		{                                                                                                      \
			0                                                                                              \
		}                                                                                                      \
	}

static const struct certctl_field days_of_future[] = DAYS_PARAMETER("90");
static const struct certctl_field days_of_past[] = DAYS_PARAMETER("30");

const struct http_route statistics_routes[] = {
	{ "GET", "/api/v1/stats/summary", PERMISSION_CERTIFICATES_READ, summary,
		.summary = "Count certificates, agents and jobs", .gives = &summary_body },
	{ "GET", "/api/v1/stats/certificates-by-status", PERMISSION_CERTIFICATES_READ, by_status,
		.summary = "Count certificates by status", .gives = &by_status_body },
	{ "GET", "/api/v1/stats/expiration-timeline", PERMISSION_CERTIFICATES_READ, expirations,
		.summary = "Count what expires, a week: from, until, count", .gives = &series_body,
		.parameters = days_of_future },
	{ "GET", "/api/v1/stats/job-trends", PERMISSION_JOBS_READ, job_trends,
		.summary = "Count ended jobs, a day: date, completed, failed, cancelled, success_rate, by_type",
		.gives = &series_body, .parameters = days_of_past },
	{ "GET", "/api/v1/stats/issuance-rate", PERMISSION_CERTIFICATES_READ, issuance_rate,
		.summary = "Count certificates issued, a day: date, issued, renewed", .gives = &series_body,
		.parameters = days_of_past },
	{ "GET", "/metrics", PERMISSION_SYSTEM_READ, metrics_get, HTTP_SCRAPE, .summary = "Get metrics for Prometheus",
		.media = "text/plain" },
	{ "GET", "/api/v1/metrics", PERMISSION_SYSTEM_READ, metrics_get, HTTP_SCRAPE,
		.summary = "Get metrics for Prometheus", .media = "text/plain" },
	{ 0 },
};

/* --- The feature ----------------------------------------------------------------------------------------------------- */

static int start(struct core *core, TALLOC_CTX *mem, struct certctl_error *err)
{
	struct statistics *statistics = talloc_zero(mem, struct statistics);
	int rc = statistics ? cache_new(statistics, &statistics->cache, err)
			    : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	core->statistics = statistics;
	return rc;
}

static void stop(struct core *core)
{
	TALLOC_FREE(core->statistics);
}

static const struct job_timer timers[] = {
	{ .name = "statistics.days", .interval_s = 3600, .query = &query_job_days_count },
	{ 0 },
};

const struct metric inventory_metrics[] = {
	{ "certctl_certificates", "Certificates by status.", METRIC_GAUGE, { "status" },
		.query = &query_metric_certificates, .every_s = 60 },
	{ "certctl_agents", "Agents by status.", METRIC_GAUGE, { "status" }, .query = &query_metric_agents,
		.every_s = 10 },
	{ "certctl_jobs", "Jobs that have not ended.", METRIC_GAUGE, { "type", "state" }, .query = &query_metric_jobs,
		.every_s = 10 },
	{ "certctl_job_waiting_seconds", "How long the job has waited that could have begun first.", METRIC_GAUGE,
		{ 0 }, .query = &query_metric_job_waiting, .every_s = 10 },
	{ "certctl_job_ends_total", "Jobs that have ended, on all servers of this database.", METRIC_COUNTER,
		{ "type", "state" }, .query = &query_metric_job_ends, .every_s = 10 },
	{ "certctl_alarms", "Open alarms.", METRIC_GAUGE, { "kind", "severity" }, .query = &query_metric_alarms,
		.every_s = 10 },
	{ 0 },
};

const struct feature statistics_feature = { .name = "statistics",
	.about = "Counts, trends, metrics.",
	.routes = statistics_routes,
	.timers = timers,
	.metrics = inventory_metrics,
	.start = start,
	.stop = stop };
