/* From documents to structs: what is taken, what is refused, and that every bad member is named. */
#include "core/platform/resource/resource.h"
#include "test.h"

#include <certctl/json.h>
#include <string.h>

struct thing {
	const char *id, *name, *options, *rows, *pem;
	int64_t size;
};

static const struct certctl_field fields[] = {
	CERTCTL_OPTION(struct thing, id, CERTCTL_REFERENCE, .refers_to = "thing"),
	CERTCTL_OPTION(struct thing, name, CERTCTL_TEXT, .required = true, .max = 10),
	CERTCTL_OPTION(struct thing, size, CERTCTL_INTEGER, .fallback = "5", .min = 1, .max = 9),
	CERTCTL_OPTION(struct thing, options, CERTCTL_TEXT, .fallback = "{}", .max = 1000, .flags = RESOURCE_DOCUMENT),
	CERTCTL_OPTION(struct thing, rows, CERTCTL_TEXT, .max = 1000, .flags = RESOURCE_DOCUMENT_LIST),
	CERTCTL_OPTION(struct thing, pem, CERTCTL_TEXT, .max = 20, .flags = RESOURCE_TEXT_BLOCK),
	RESOURCE_SHOWN("created_at", CERTCTL_TIME),
	{ 0 },
};

static int parse(const char *text, json_t *problems, struct thing *ret, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *document = NULL;

	ASSERT_OK(certctl_json_parse(text, strlen(text), NULL, &document, err), *err);
	return resource_parse(test_mem(), fields, NULL, document, problems, ret, err);
}

static void members_defaults_documents_and_blocks_arrive(void)
{
	struct certctl_error err = { 0 };
	struct thing thing = { 0 };

	ASSERT_OK(
		parse("{\"name\":\"a\",\"options\":{\"x\":{\"y\":[1,\"\\n\"]}},\"rows\":[1,2],\"pem\":\"a\\nb\\r\\n\"}",
			NULL, &thing, &err),
		err);
	CU_ASSERT_PTR_NULL(thing.id);
	CU_ASSERT_EQUAL(thing.size, 5);
	ASSERT_TEXT(thing.options, "{\"x\":{\"y\":[1,\"\\n\"]}}");
	ASSERT_TEXT(thing.rows, "[1,2]");
	ASSERT_TEXT(thing.pem, "a\nb\r\n");
	thing = (struct thing){ 0 };
	ASSERT_OK(parse("{\"name\":\"a\"}", NULL, &thing, &err), err);
	ASSERT_TEXT(thing.options, "{}");
	CU_ASSERT_PTR_NULL(thing.pem);
}

static void bad_documents_are_refused_and_named(void)
{
	static const struct {
		const char *text, *words;
	} rows[] = {
		{ "[]", "object" },
		{ "{}", "name" },
		{ "{\"name\":\"a\",\"created_at\":\"2026-01-01T00:00:00Z\"}", "created_at" },
		{ "{\"name\":\"a\",\"options\":[]}", "options: an object expected" },
		{ "{\"name\":\"a\",\"options\":\"{}\"}", "options: an object expected" },
		{ "{\"name\":\"a\",\"rows\":{}}", "rows: a list expected" },
		{ "{\"name\":\"a\",\"pem\":7}", "pem: text" },
		{ "{\"name\":\"a\",\"pem\":\"\"}", "pem: text" },
		{ "{\"name\":\"a\",\"pem\":\"\\u0001\"}", "pem: text" },
		{ "{\"name\":\"a\",\"pem\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}", "pem: text" },
		{ "{\"name\":\"a\\nb\"}", "name" },
		{ "{\"name\":\"a\",\"id\":\"../x\"}", "id" },
		{ "{\"name\":\"a\",\"size\":10}", "size" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_error err = { 0 };
		struct thing thing = { 0 };

		ASSERT_FAILS(parse(rows[i].text, NULL, &thing, &err), CERTCTL_E_INVALID, rows[i].words, err);
	}
}

static void every_problem_is_told(void)
{
	CERTCTL_AUTO(json_decref) json_t *problems = json_array();
	struct certctl_error err = { 0 };
	struct thing thing = { 0 };

	ASSERT_FAILS(parse("{\"size\":0,\"colour\":1}", problems, &thing, &err), CERTCTL_E_INVALID, NULL, err);
	CU_ASSERT_EQUAL(json_array_size(problems), 3);
}

const struct test tests[] = {
	TEST(members_defaults_documents_and_blocks_arrive),
	TEST(bad_documents_are_refused_and_named),
	TEST(every_problem_is_told),
	{ 0 },
};
