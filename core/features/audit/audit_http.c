/* The routes of the trail.  Nothing here changes it. */
#include "audit.h"
#include "core/features/access/access.h"
#include "core/features/audit/audit.sql.h"
#include "core/platform/resource/resource.h"

static const struct certctl_field event_fields[] = {
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

static int list(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	static const char *const filters[] = { "type", "actor", "resource_type", "resource_id", NULL };
	static const struct resource_list events = {
		.fields = event_fields, .query = &query_audit_list, .filters = filters
	};

	return resource_reply_list(request, reply, core_of(request)->db, &events, err);
}

static const struct http_route routes[] = {
	{ "GET", "/api/v1/audit", PERMISSION_AUDIT_READ, list },
	{ 0 },
};

const struct feature audit_feature = { .name = "audit", .routes = routes };
