/* The routes of alarms, and the timer that finds ends that come near.  Who else raises one does it in SQL: raise_alarm(). */
#include "alarms.h"
#include "core/features/access/access.h"
#include "core/features/alarms/alarms.sql.h"
#include "core/platform/resource/resource.h"

#include <string.h>

static const struct certctl_field alarm_fields[] = {
	RESOURCE_SHOWN("id", CERTCTL_TEXT),
	RESOURCE_SHOWN("kind", CERTCTL_TEXT),
	RESOURCE_SHOWN("severity", CERTCTL_TEXT),
	RESOURCE_SHOWN("status", CERTCTL_TEXT),
	RESOURCE_SHOWN("certificate_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("version_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("target_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("job_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("threshold_days", CERTCTL_INTEGER),
	RESOURCE_SHOWN("what", CERTCTL_TEXT),
	RESOURCE_SHOWN("occurrences", CERTCTL_INTEGER),
	RESOURCE_SHOWN("opened_at", CERTCTL_TIME),
	RESOURCE_SHOWN("updated_at", CERTCTL_TIME),
	RESOURCE_SHOWN("resolved_at", CERTCTL_TIME),
	{ 0 },
};
static const struct http_body alarm_body = { "Alarm", alarm_fields };

static int get(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	const char *id = http_path(request, "id");
	struct db_result *rows = NULL;
	int rc = db_once(core_of(request)->db, request, &query_alarms_get,
		DB_VALUES(db_text(id), db_text(request->scope)), &rows, err);

	return rc < 0 ? rc : resource_reply(reply, 200, alarm_fields, rows, "alarm", id, err);
}

static const char *const filters[] = { "status", "kind", "severity", "certificate_id", NULL };

static int read_filter(struct http_request *request, const char *name, const char *text, const char **ret,
	struct certctl_error *err)
{
	(void)request;
	if (strcmp(name, "status") == 0 && strcmp(text, "open") != 0 && strcmp(text, "resolved") != 0 &&
		strcmp(text, "all") != 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "status: open, resolved or all expected, got '%s'", text);
	*ret = text;
	return 0;
}

static int list(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	static const struct resource_list alarms = { .fields = alarm_fields,
		.query = &query_alarms_list,
		.filters = filters,
		.read_filter = read_filter,
		.is_scoped = true };

	return resource_reply_list(request, reply, core_of(request)->db, &alarms, err);
}

static const struct http_route routes[] = {
	{ "GET", "/api/v1/alarms", PERMISSION_CERTIFICATES_READ, list,
		.summary = "List alarms, newest first: open ones unless status says otherwise", .gives = &alarm_body,
		.is_list = true, .filters = filters },
	{ "GET", "/api/v1/alarms/{id}", PERMISSION_CERTIFICATES_READ, get, .summary = "Get an alarm",
		.gives = &alarm_body },
	{ 0 },
};

static const struct job_timer timers[] = {
	{ .name = "alarms.scan", .interval_s = 30, .query = &query_alarms_scan },
	{ 0 },
};

const struct feature alarms_feature = {
	.name = "alarms", .about = "What somebody must hear of.", .routes = routes, .timers = timers
};
