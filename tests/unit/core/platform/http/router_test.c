/* The router: what is found, what is not, and which tables do not start a server. */
#include "core/features/feature.h"
#include "core/platform/http/router.h"
#include "test.h"

#include <string.h>

static int answer(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	(void)request, (void)err;
	return http_reply_empty(reply, 204);
}

static const struct http_route things[] = {
	{ "GET", "/things", 4, answer },
	{ "POST", "/things", 8, answer },
	{ "GET", "/things/{id}", 4, answer },
	{ "GET", "/things/{id}/parts/{part}", 4, answer },
	{ 0 },
};
static const struct http_route *const tables[] = { things, NULL };

static int find(const char *method, const char *path, struct http_request *request, const char **ret_allow,
	struct certctl_error *err)
{
	struct http_router *router = NULL;

	ASSERT_OK(router_new(test_mem(), tables, &router, err), *err);
	request->method = method;
	request->path = path;
	return router_find(router, request, ret_allow, err);
}

static void paths_and_their_parts_are_found(void)
{
	struct http_request *request = talloc_zero(test_mem(), struct http_request);
	struct certctl_error err = { 0 };
	const char *allow = NULL;

	ASSERT_OK(find("GET", "/things/a.b/parts/7", request, &allow, &err), err);
	CU_ASSERT_PTR_EQUAL(request->route, &things[3]);
	ASSERT_TEXT(http_path(request, "id"), "a.b");
	ASSERT_TEXT(http_path(request, "part"), "7");
	ASSERT_OK(find("POST", "/things", request, &allow, &err), err);
	CU_ASSERT_PTR_EQUAL(request->route, &things[1]);
}

static void what_is_not_there_is_not_found(void)
{
	static const char *const paths[] = { "/", "/thing", "/things/", "/things/a/", "/things/a/parts",
		"/things/a/parts/", "/things/a/parts/7/8", "/Things" };

	for (size_t i = 0; i < CERTCTL_COUNT(paths); i++) {
		struct http_request *request = talloc_zero(test_mem(), struct http_request);
		struct certctl_error err = { 0 };
		const char *allow = NULL;

		ASSERT_FAILS(find("GET", paths[i], request, &allow, &err), CERTCTL_E_NOT_FOUND, NULL, err);
		CU_ASSERT_PTR_NULL(allow);
	}
}

static void another_method_says_which_are_allowed(void)
{
	struct http_request *request = talloc_zero(test_mem(), struct http_request);
	struct certctl_error err = { 0 };
	const char *allow = NULL;

	ASSERT_FAILS(find("DELETE", "/things", request, &allow, &err), CERTCTL_E_UNSUPPORTED, "DELETE", err);
	ASSERT_TEXT(allow, "GET, POST, HEAD, OPTIONS");
}

static void wrong_tables_are_refused(void)
{
	static const struct http_route rows[][3] = {
		{ { "GET", "/a", 0, answer }, { 0 } },
		{ { "GET", "a", 4, answer }, { 0 } },
		{ { "GET", "/a/{x}", 4, answer }, { "GET", "/a/{y}", 4, answer }, { 0 } },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		const struct http_route *const wrong[] = { rows[i], NULL };
		struct certctl_error err = { 0 };
		struct http_router *router = NULL;

		ASSERT_FAILS(router_new(test_mem(), wrong, &router, &err), CERTCTL_E_INVALID, "route", err);
	}
}

static void every_route_of_every_feature_has_a_permission(void)
{
	size_t count = 0;

	for (size_t i = 0; features[i]; i++) {
		const struct http_route *const both[] = { features[i]->routes, features[i]->agent_routes };

		for (size_t t = 0; t < CERTCTL_COUNT(both); t++)
			for (const struct http_route *route = both[t]; route && route->path; route++, count++)
				CU_ASSERT_NOT_EQUAL(route->permission, 0);
	}
	CU_ASSERT_TRUE(count > 20);
}

const struct test tests[] = {
	TEST(paths_and_their_parts_are_found),
	TEST(what_is_not_there_is_not_found),
	TEST(another_method_says_which_are_allowed),
	TEST(wrong_tables_are_refused),
	TEST(every_route_of_every_feature_has_a_permission),
	{ 0 },
};
