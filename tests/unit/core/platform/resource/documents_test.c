/* What changes are made of: merge patches, differences, values as the database writes them, statements. */
#include "core/platform/resource/engine.h"
#include "test.h"

#include <certctl/json.h>
#include <string.h>

static json_t *parse(const char *text)
{
	struct certctl_error err = { 0 };
	json_t *document = NULL;

	ASSERT_OK(certctl_json_parse(text, strlen(text), NULL, &document, &err), err);
	return document;
}

/* RFC 7396, appendix A, as far as both are objects. */
static void patches_merge_as_the_rfc_says(void)
{
	static const struct {
		const char *target, *patch, *result;
	} rows[] = {
		{ "{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
		{ "{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}" },
		{ "{\"a\":\"b\"}", "{\"a\":null}", "{}" },
		{ "{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}" },
		{ "{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
		{ "{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}" },
		{ "{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}" },
		{ "{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}" },
		{ "{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}" },
		{ "{\"a\":\"foo\"}", "{\"b\":null}", "{\"a\":\"foo\"}" },
		{ "{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		CERTCTL_AUTO(json_decref) json_t *target = parse(rows[i].target), *patch = parse(rows[i].patch);

		CU_ASSERT_EQUAL(resource_merge(target, patch), 0);
		ASSERT_TEXT(certctl_json_text(test_mem(), target, NULL), rows[i].result);
		ASSERT_TEXT(certctl_json_text(test_mem(), patch, NULL), rows[i].patch);
	}
}

struct thing {
	const char *id, *name, *kept;
	struct certctl_list tags, sizes;
	int64_t size;
	bool is_on;
	struct certctl_time created_at;
};

static const struct certctl_field fields[] = {
	CERTCTL_OPTION(struct thing, id, CERTCTL_REFERENCE, .refers_to = "thing"),
	CERTCTL_OPTION(struct thing, name, CERTCTL_TEXT, .required = true,
		.flags = RESOURCE_FILTERED | RESOURCE_SORTED | RESOURCE_SEARCHED),
	CERTCTL_OPTION(struct thing, tags, CERTCTL_LIST, .item_type = CERTCTL_TEXT, .flags = RESOURCE_FILTERED),
	CERTCTL_OPTION(struct thing, sizes, CERTCTL_LIST, .item_type = CERTCTL_INTEGER),
	CERTCTL_OPTION(struct thing, size, CERTCTL_INTEGER, .flags = RESOURCE_FILTERED | RESOURCE_SORTED),
	CERTCTL_OPTION(struct thing, is_on, CERTCTL_BOOLEAN, .fallback = "true"),
	CERTCTL_OPTION(struct thing, kept, CERTCTL_TEXT, .flags = RESOURCE_DERIVED),
	CERTCTL_OPTION(struct thing, created_at, CERTCTL_TIME, .flags = RESOURCE_READ_ONLY | RESOURCE_FILTERED),
	{ 0 },
};

static const struct resource things = { .kind = "thing",
	.body = "Thing",
	.path = "/api/v1/many-things",
	.id_prefix = "th-",
	.table = "things",
	.fields = fields,
	.size = sizeof(struct thing),
	.verbs = RESOURCE_ALL,
	.read = 4,
	.write = 8 };

static const struct resource_bound *bound(void)
{
	struct certctl_error err = { 0 };
	struct resource_bound *made = NULL;

	ASSERT_OK(resource_bind(test_mem(), &things, NULL, &made, &err), err);
	return made;
}

static void events_say_what_differs_and_nothing_else(void)
{
	CERTCTL_AUTO(json_decref)
	json_t *before = parse("{\"id\":\"th-a\",\"name\":\"a\",\"tags\":[],\"size\":null,\"created_at\":\"x\"}");
	CERTCTL_AUTO(json_decref)
	json_t *after = parse("{\"id\":\"th-a\",\"name\":\"b\",\"tags\":[\"t\"],\"size\":null,\"created_at\":\"y\"}");

	ASSERT_TEXT(resource_difference(test_mem(), bound(), before, after),
		"{\"fields\":[\"name\",\"tags\"],\"before\":{\"name\":\"a\",\"tags\":[]},\"after\":{\"name\":\"b\",\"tags\":["
		"\"t\"]}}");
	ASSERT_TEXT(resource_difference(test_mem(), bound(), before, before), "{\"fields\":[]}");
	ASSERT_TEXT(resource_difference(test_mem(), bound(), NULL, before),
		"{\"fields\":[\"name\",\"tags\"],\"after\":{\"name\":\"a\",\"tags\":[]}}");
	ASSERT_TEXT(resource_difference(test_mem(), bound(), before, NULL),
		"{\"fields\":[\"name\",\"tags\"],\"before\":{\"name\":\"a\",\"tags\":[]}}");
}

/* --- Values ---------------------------------------------------------------------------------------------------------- */

static const struct certctl_field *field(const char *name)
{
	const struct certctl_field *row = fields;

	while (strcmp(row->name, name) != 0)
		row++;
	return row;
}

static void members_become_values_of_the_database(void)
{
	const char *tags[] = { "a b", "c\"d", "e\\f", "g,h", "{}", "" };
	int64_t sizes[] = { -1, 7 };
	const struct thing thing = { .name = "x",
		.tags = { 6, tags },
		.sizes = { 2, sizes },
		.size = -5,
		.is_on = true,
		.created_at = { 1700000000 } };

	ASSERT_TEXT(resource_value_text(test_mem(), field("name"), &thing), "x");
	CU_ASSERT_PTR_NULL(resource_value_text(test_mem(), field("id"), &thing));
	ASSERT_TEXT(resource_value_text(test_mem(), field("tags"), &thing),
		"{\"a b\",\"c\\\"d\",\"e\\\\f\",\"g,h\",\"{}\",\"\"}");
	ASSERT_TEXT(resource_value_text(test_mem(), field("sizes"), &thing), "{\"-1\",\"7\"}");
	ASSERT_TEXT(resource_value_text(test_mem(), field("size"), &thing), "-5");
	ASSERT_TEXT(resource_value_text(test_mem(), field("is_on"), &thing), "true");
	ASSERT_TEXT(resource_value_text(test_mem(), field("created_at"), &thing), "2023-11-14T22:13:20Z");
}

static void values_of_the_database_become_members(void)
{
	static const struct {
		const char *name, *text, *json;
	} rows[] = {
		{ "name", "it's \"x\"", "\"it's \\\"x\\\"\"" },
		{ "name", NULL, "null" },
		{ "size", "12", "12" },
		{ "is_on", "f", "false" },
		{ "tags", "{}", "[]" },
		{ "tags", "{a,\"b c\",NULL,\"NULL\",\"q\\\"\\\\\",\"\",\"{,}\"}",
			"[\"a\",\"b c\",null,\"NULL\",\"q\\\"\\\\\",\"\",\"{,}\"]" },
		{ "tags", "[\"from\",\"json\"]", "[\"from\",\"json\"]" },
		{ "sizes", "{1,-2}", "[1,-2]" },
		{ "created_at", "2026-11-23 14:20:09.123+00", "\"2026-11-23T14:20:09Z\"" },
		{ "created_at", "infinity", "null" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_error err = { 0 };
		struct certctl_buffer out;

		certctl_buffer_init(&out, test_mem(), 4096);
		resource_write_value(&out, field(rows[i].name), rows[i].text);
		ASSERT_OK(certctl_buffer_finish(&out, &err), err);
		ASSERT_TEXT(out.data, rows[i].json);
	}
}

/* --- Declarations ---------------------------------------------------------------------------------------------------- */

static void a_declaration_becomes_routes(void)
{
	static const struct {
		const char *method, *path, *summary;
		uint64_t permission;
	} expected[] = {
		{ "GET", "/api/v1/many-things", "List many things", 4 },
		{ "POST", "/api/v1/many-things", "Create a thing", 8 },
		{ "GET", "/api/v1/many-things/{id}", "Get a thing", 4 },
		{ "PUT", "/api/v1/many-things/{id}", "Replace a thing; what is absent gets its default", 8 },
		{ "PATCH", "/api/v1/many-things/{id}", "Change some members of a thing", 8 },
		{ "DELETE", "/api/v1/many-things/{id}", "Delete a thing", 8 },
	};
	const struct resource *const resources[] = { &things, NULL };
	const struct http_route *routes = NULL;
	struct certctl_error err = { 0 };

	ASSERT_OK(resource_routes(test_mem(), resources, NULL, &routes, &err), err);
	for (size_t i = 0; i < CERTCTL_COUNT(expected); i++) {
		ASSERT_TEXT(routes[i].method, expected[i].method);
		ASSERT_TEXT(routes[i].path, expected[i].path);
		ASSERT_TEXT(routes[i].summary, expected[i].summary);
		CU_ASSERT_EQUAL(routes[i].permission, expected[i].permission);
	}
	CU_ASSERT_PTR_NULL(routes[CERTCTL_COUNT(expected)].path);
}

static void fields_become_parameters_of_the_list(void)
{
	static const char *const expected[] = { "name", "tags", "size", "size_before", "size_after", "created_before",
		"created_after", "q", "sort", "page", "per_page" };
	const struct certctl_field *row = bound()->parameters;

	for (size_t i = 0; i < CERTCTL_COUNT(expected); i++, row++)
		ASSERT_TEXT(row->name, expected[i]);
	CU_ASSERT_PTR_NULL(row->name);
	/* What hooks keep is neither shown nor asked for. */
	for (size_t i = 0; i < bound()->shown_count; i++)
		CU_ASSERT_STRING_NOT_EQUAL(bound()->shown[i].field->name, "kept");
}

static void placeholders_get_their_number(void)
{
	struct statement statement;

	statement_init(&statement, test_mem());
	statement_put(&statement, "a = $v", statement_value(&statement, "x"));
	statement_put(&statement, " AND $v IN (b, $v)", statement_value(&statement, NULL));
	ASSERT_TEXT(statement.text.data, "a = $1 AND $2 IN (b, $2)");
	CU_ASSERT_EQUAL(statement.values[1].type, DB_NULL);
}

const struct test tests[] = {
	TEST(patches_merge_as_the_rfc_says),
	TEST(events_say_what_differs_and_nothing_else),
	TEST(members_become_values_of_the_database),
	TEST(values_of_the_database_become_members),
	TEST(a_declaration_becomes_routes),
	TEST(fields_become_parameters_of_the_list),
	TEST(placeholders_get_their_number),
	{ 0 },
};
