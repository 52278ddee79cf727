/* Health, readiness, version.  Inline routes: they answer when everything else is stuck, so they ask nobody. */
#include "system.h"
#include "core/features/audit/audit.h"
#include "core/platform/resource/resource.h"
#include "openapi.h"

static const struct certctl_field health_fields[] = {
	RESOURCE_SHOWN("status", CERTCTL_TEXT),
	RESOURCE_SHOWN("database", CERTCTL_TEXT),
	RESOURCE_SHOWN("audit", CERTCTL_TEXT),
	{ 0 },
};
static const struct http_body health_body = { "Health", health_fields };
static const struct certctl_field version_fields[] = { RESOURCE_SHOWN("version", CERTCTL_TEXT), { 0 } };
static const struct http_body version_body = { "ServerVersion", version_fields };

static int health(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	(void)request, (void)err;
	return http_reply_text(reply, 200, "application/json", "{\"status\":\"ok\"}");
}

static int ready(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	(void)err;
	const struct core *core = core_of(request);
	bool is_connected = jobs_is_connected(core->jobs);

	/* Only said: the trail is written all the same, and whoever runs the database may want it so. */
	certctl_buffer_printf(&reply->body, "{\"status\":\"%s\",\"database\":\"%s\",\"audit\":\"%s\"}",
		is_connected ? "ready" : "not_ready", is_connected ? "ok" : "unavailable",
		audit_is_protected(core->audit) ? "protected" : "not protected from the application");
	return http_reply_json(reply, is_connected ? 200 : 503);
}

static int version(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	(void)request, (void)err;
	return http_reply_text(reply, 200, "application/json", "{\"version\":\"" CERTCTL_VERSION "\"}");
}

static const struct http_route routes[] = {
	{ "GET", "/health", HTTP_PERMISSION_PUBLIC, health, HTTP_INLINE, .summary = "Is the process alive",
		.gives = &health_body },
	{ "GET", "/ready", HTTP_PERMISSION_PUBLIC, ready, HTTP_INLINE, .summary = "Can it serve", .gives = &health_body,
		.also = 503, .also_gives = &health_body },
	{ "GET", "/api/v1/version", HTTP_PERMISSION_PUBLIC, version, HTTP_INLINE, .summary = "Get the server's version",
		.gives = &version_body },
	{ "GET", "/api/v1/openapi.json", HTTP_PERMISSION_PUBLIC, openapi_json,
		.summary = "Get this description as JSON", .media = "application/json" },
	{ "GET", "/api/v1/openapi.yaml", HTTP_PERMISSION_PUBLIC, openapi_yaml,
		.summary = "Get this description as YAML", .media = "application/yaml" },
	{ 0 },
};

/* Load balancers in front of either listener ask for them. */
const struct feature system_feature = {
	.name = "system", .about = "The server itself.", .routes = routes, .agent_routes = routes
};
