/* Health, readiness, version.  Inline routes: they answer when everything else is stuck, so they ask nobody. */
#include "system.h"

static int health(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	(void)request, (void)err;
	return http_reply_text(reply, 200, "application/json", "{\"status\":\"ok\"}");
}

static int ready(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	(void)err;
	if (jobs_is_connected(core_of(request)->jobs))
		return http_reply_text(reply, 200, "application/json", "{\"status\":\"ready\",\"database\":\"ok\"}");
	return http_reply_text(reply, 503, "application/json",
		"{\"status\":\"not_ready\",\"database\":\"unavailable\"}");
}

static int version(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	(void)request, (void)err;
	return http_reply_text(reply, 200, "application/json", "{\"version\":\"" CERTCTL_VERSION "\"}");
}

static const struct http_route routes[] = {
	{ "GET", "/health", HTTP_PERMISSION_PUBLIC, health, HTTP_INLINE },
	{ "GET", "/ready", HTTP_PERMISSION_PUBLIC, ready, HTTP_INLINE },
	{ "GET", "/api/v1/version", HTTP_PERMISSION_PUBLIC, version, HTTP_INLINE },
	{ 0 },
};

/* Load balancers in front of either listener ask for them. */
const struct feature system_feature = { .name = "system", .routes = routes, .agent_routes = routes };
