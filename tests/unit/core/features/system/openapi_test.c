/* The API and what is said of it: every route is described, and nothing else. */
#include "core/features/system/openapi.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void visit_fn(const struct http_route *route, void *arg);

static size_t visit_routes(visit_fn *visit, void *arg)
{
	struct certctl_error err = { 0 };
	struct feature_routes *tables = NULL;
	size_t count = 0;

	ASSERT_OK(features_routes(test_mem(), NULL, &tables, &err), err);
	for (; tables->feature; tables++)
		for (const struct http_route *route = tables->routes; route->path; route++, count++)
			visit(route, arg);
	for (size_t i = 0; features[i]; i++)
		for (const struct http_route *route = features[i]->agent_routes;
			/* The tables at both doors may be the same. */
			route && features[i]->agent_routes != features[i]->routes && route->path; route++, count++)
			visit(route, arg);
	return count;
}

/* --- Tables ---------------------------------------------------------------------------------------------------------- */

static void check_route(const struct http_route *route, void *arg)
{
	bool is_write = route->method[0] == 'P'; /* POST, PUT, PATCH */

	(void)arg;
	if (!route->summary || !route->summary[0] || route->summary[strlen(route->summary) - 1] == '.')
		fprintf(stderr, "%s %s: a summary without a full stop is needed\n", route->method, route->path);
	CU_ASSERT_FATAL(route->summary && route->summary[0]);
	CU_ASSERT(route->summary[strlen(route->summary) - 1] != '.');
	CU_ASSERT(!route->is_list || route->gives);
	CU_ASSERT(!route->also_gives || route->also);
	/* Who answers 200 says with what. */
	CU_ASSERT(route->gives || route->media || route->status == 204);
	CU_ASSERT(is_write || !route->takes);
}

static void every_route_says_what_it_takes_and_gives(void)
{
	CU_ASSERT(visit_routes(check_route, NULL) > 20);
}

static void check_callers(const struct http_route *route, void *arg)
{
	const struct openapi_source *source = arg;

	if (!(route->permission & (HTTP_PERMISSION_PUBLIC | HTTP_PERMISSION_AGENT)))
		CU_ASSERT_PTR_NOT_NULL(source->callers(test_mem(), route->permission));
}

static void every_route_can_be_called_by_somebody(void)
{
	visit_routes(check_callers, (void *)(uintptr_t)openapi_source_of_features());
}

/* --- The document ---------------------------------------------------------------------------------------------------- */

static json_t *document(void)
{
	struct certctl_error err = { 0 };
	json_t *made = NULL;

	ASSERT_OK(openapi_document(openapi_source_of_features(), &made, &err), err);
	return made;
}

static void check_described(const struct http_route *route, void *arg)
{
	char method[16] = "";
	json_t *path = json_object_get(json_object_get(arg, "paths"), route->path);

	for (size_t i = 0; route->method[i] && i < sizeof(method) - 1; i++)
		method[i] = (char)(route->method[i] | ' ');
	ASSERT_TEXT(json_string_value(json_object_get(json_object_get(path, method), "summary")), route->summary);
	json_object_del(path, method);
}

/* Both lists are walked: what a route has described is taken out, and in the end nothing is left. */
static void registered_and_documented_routes_are_the_same(void)
{
	json_t *made = document(), *path;
	json_t *rest = json_deep_copy(made);
	const char *name;

	visit_routes(check_described, rest);
	json_object_foreach(json_object_get(rest, "paths"), name, path) CU_ASSERT_EQUAL(json_object_size(path), 0);
	json_decref(rest);
	json_decref(made);
}

static void operations_have_ids_of_their_own(void)
{
	json_t *made = document(), *seen = json_object(), *path, *operation;
	const char *name, *method;

	json_object_foreach(json_object_get(made, "paths"), name, path)
	{
		json_object_foreach(path, method, operation)
		{
			const char *id = json_string_value(json_object_get(operation, "operationId"));

			CU_ASSERT_PTR_NOT_NULL_FATAL(id);
			CU_ASSERT_PTR_NULL(json_object_get(seen, id));
			json_object_set_new(seen, id, json_true());
		}
	}
	json_decref(seen);
	json_decref(made);
}

static const json_t *schema(const json_t *made, const char *name)
{
	return json_object_get(json_object_get(json_object_get(made, "components"), "schemas"), name);
}

static void what_is_only_shown_is_not_taken_and_the_other_way_round(void)
{
	json_t *made = document();
	const json_t *taken = json_object_get(schema(made, "CertificateRequest"), "properties");
	const json_t *shown = json_object_get(schema(made, "Certificate"), "properties");

	CU_ASSERT_PTR_NOT_NULL(json_object_get(shown, "not_after"));
	CU_ASSERT_PTR_NULL(json_object_get(taken, "not_after"));
	CU_ASSERT_PTR_NOT_NULL(json_object_get(taken, "binding_options"));
	CU_ASSERT_PTR_NULL(json_object_get(shown, "binding_options"));
	ASSERT_TEXT(json_string_value(json_object_get(json_object_get(taken, "binding_options"), "type")), "object");
	json_decref(made);
}

/* --- What is committed ------------------------------------------------------------------------------------------------ */

static char *read_reference(const char *name)
{
	char *path = talloc_asprintf(test_mem(), "%s/docs/reference/%s", test_source_dir(), name);
	FILE *file = fopen(path, "re");
	char *text = talloc_zero_size(test_mem(), 4 << 20);

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT(fread(text, 1, (4 << 20) - 1, file) > 0);
	fclose(file);
	return text;
}

/* On a difference: cmake --build BUILD --target reference. */
static void the_committed_document_is_the_generated_one(void)
{
	struct certctl_error err = { 0 };
	struct certctl_buffer out;

	certctl_buffer_init(&out, test_mem(), 4 << 20);
	ASSERT_OK(openapi_write(&out, &err), err);
	ASSERT_OK(certctl_buffer_finish(&out, &err), err);
	CU_ASSERT(strcmp(read_reference("openapi.yaml"), out.data) == 0);
}

static void the_committed_table_of_routes_is_the_generated_one(void)
{
	static const char begin[] = "<!-- routes -->\n\n", end[] = "\n<!-- end of routes -->";
	struct certctl_error err = { 0 };
	struct certctl_buffer out;
	char *page = read_reference("api.md");
	char *from = strstr(page, begin), *to = strstr(page, end);

	CU_ASSERT_FATAL(from && to && from < to);
	*to = '\0';
	certctl_buffer_init(&out, test_mem(), 4 << 20);
	openapi_write_table(&out, openapi_source_of_features());
	ASSERT_OK(certctl_buffer_finish(&out, &err), err);
	CU_ASSERT(strcmp(from + strlen(begin), out.data) == 0);
}

const struct test tests[] = {
	TEST(every_route_says_what_it_takes_and_gives),
	TEST(every_route_can_be_called_by_somebody),
	TEST(registered_and_documented_routes_are_the_same),
	TEST(operations_have_ids_of_their_own),
	TEST(what_is_only_shown_is_not_taken_and_the_other_way_round),
	TEST(the_committed_document_is_the_generated_one),
	TEST(the_committed_table_of_routes_is_the_generated_one),
	{ 0 },
};
