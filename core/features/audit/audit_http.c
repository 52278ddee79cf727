/* The routes of the trail.  Nothing here changes it. */
#include "audit_routes.h"
#include "core/features/access/access.h"
#include "core/features/audit/audit.sql.h"
#include "core/platform/resource/resource.h"

#include <certctl/time.h>
#include <string.h>

#define TYPES_MAX 32

const struct certctl_field audit_event_fields[] = {
	RESOURCE_SHOWN("id", CERTCTL_TEXT),
	RESOURCE_SHOWN("timestamp", CERTCTL_TIME),
	RESOURCE_SHOWN("action", CERTCTL_TEXT),
	RESOURCE_SHOWN("actor", CERTCTL_TEXT),
	RESOURCE_SHOWN("actor_type", CERTCTL_TEXT),
	RESOURCE_SHOWN("source_ip", CERTCTL_TEXT),
	RESOURCE_SHOWN("request_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("resource_type", CERTCTL_TEXT),
	RESOURCE_SHOWN("resource_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("details", CERTCTL_OBJECT),
	{ 0 },
};

const char *const audit_filters[] = { "type", "action", "actor", "resource_type", "resource_id", "timestamp_after",
	"timestamp_before", NULL };
_Static_assert(CERTCTL_COUNT(audit_filters) == AUDIT_FILTERS + 1, "a filter is missing");

/* --- Filters --------------------------------------------------------------------------------------------------------- */

/* `certificate_*` as a pattern of LIKE, where the underscore would stand for anything. */
static int read_pattern(TALLOC_CTX *mem, const char *text, size_t len, const char **ret, struct certctl_error *err)
{
	char *pattern = talloc_strdup(mem, "");

	if (len == 0 || len > 64 || strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_*") < len)
		return certctl_fail(err, CERTCTL_E_INVALID,
			"type: names such as certificate_issued or certificate_*, separated by commas, expected");
	for (size_t i = 0; pattern && i < len; i++)
		pattern = text[i] == '*'   ? talloc_strdup_append(pattern, "%")
			  : text[i] == '_' ? talloc_strdup_append(pattern, "\\_")
					   : talloc_asprintf_append(pattern, "%c", text[i]);
	*ret = pattern;
	return pattern ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

static int read_types(struct http_request *request, const char *text, const char **ret, struct certctl_error *err)
{
	const char *patterns[TYPES_MAX];
	size_t count = 0;

	for (;;) {
		size_t len = strcspn(text, ",");

		if (count == TYPES_MAX)
			return certctl_fail(err, CERTCTL_E_LIMIT, "type: at most %d of them", TYPES_MAX);
		int rc = read_pattern(request, text, len, &patterns[count++], err);

		if (rc < 0)
			return rc;
		if (!text[len])
			break;
		text += len + 1;
	}
	*ret = db_array(request, patterns, count);
	return *ret ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

static int read_time(struct http_request *request, const char *name, const char *text, const char **ret,
	struct certctl_error *err)
{
	char formatted[CERTCTL_TIME_TEXT];
	int64_t unix_s = 0;
	int rc = certctl_time_parse(text, &unix_s, err);

	if (rc < 0)
		return certctl_error_prefix(err, "%s", name);
	*ret = talloc_strdup(request, certctl_time_format(unix_s, formatted));
	return *ret ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

int audit_filter_read(struct http_request *request, const char *name, const char *text, const char **ret,
	struct certctl_error *err)
{
	if (strcmp(name, "type") == 0 || strcmp(name, "action") == 0)
		return read_types(request, text, ret, err);
	if (strncmp(name, "timestamp_", 10) == 0)
		return read_time(request, name, text, ret, err);
	*ret = text;
	return 0;
}

/* --- Routes ---------------------------------------------------------------------------------------------------------- */

static int list(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	static const struct resource_list events = { .fields = audit_event_fields,
		.query = &query_audit_list,
		.filters = audit_filters,
		.read_filter = audit_filter_read };

	return resource_reply_list(request, reply, core_of(request)->db, &events, err);
}

static int get(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	const char *id = http_path(request, "id");
	struct db_result *rows = NULL;
	int rc = db_once(core_of(request)->db, request, &query_audit_get, DB_VALUES(db_text(id)), &rows, err);

	return rc < 0 ? rc : resource_reply(reply, 200, audit_event_fields, rows, "event", id, err);
}

static const struct http_body event_body = { "AuditEvent", audit_event_fields };
static const struct certctl_field export_parameters[] = {
	{ .name = "format", .type = CERTCTL_TEXT, .help = "jsonl (the default), json or csv." },
	{ .name = "proof",
		.type = CERTCTL_BOOLEAN,
		.help = "With what `certctld audit verify --offline` needs; jsonl only." },
	{ 0 },
};

const struct http_route audit_routes[] = {
	{ "GET", "/api/v1/audit", PERMISSION_AUDIT_READ, list, .summary = "List events, newest first",
		.gives = &event_body, .is_list = true, .filters = audit_filters },
	{ "GET", "/api/v1/audit/export", PERMISSION_AUDIT_READ, audit_export, .summary = "Export events, oldest first",
		.filters = audit_filters, .parameters = export_parameters, .media = "application/x-ndjson" },
	{ "GET", "/api/v1/audit/{id}", PERMISSION_AUDIT_READ, get, .summary = "Get an event", .gives = &event_body },
	{ 0 },
};
