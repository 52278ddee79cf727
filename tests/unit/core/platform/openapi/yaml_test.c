/* YAML as we write it: what other readers would take for something else is quoted. */
#include "core/platform/openapi/openapi.h"
#include "test.h"

static const char *yaml_of(const char *json)
{
	json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
	struct certctl_error err = { 0 };
	struct certctl_buffer out;

	CU_ASSERT_PTR_NOT_NULL_FATAL(value);
	certctl_buffer_init(&out, test_mem(), 65536);
	openapi_write_yaml(&out, value);
	ASSERT_OK(certctl_buffer_finish(&out, &err), err);
	json_decref(value);
	return out.data;
}

static void nested_values_are_indented(void)
{
	ASSERT_TEXT(yaml_of("{\"a\":{\"b\":[1,{\"c\":\"d\",\"e\":null},[true,false]]},\"f\":[]}"),
		"a:\n  b:\n    - 1\n    - c: d\n      e: null\n    -\n      - true\n      - false\nf: []\n");
}

static void texts_stay_texts(void)
{
	static const struct {
		const char *json, *yaml;
	} rows[] = {
		{ "{\"k\":\"plain words, (and) more\"}", "k: plain words, (and) more\n" },
		{ "{\"k\":\"no\"}", "k: \"no\"\n" },
		{ "{\"k\":\"Null\"}", "k: \"Null\"\n" },
		{ "{\"k\":\"\"}", "k: \"\"\n" },
		{ "{\"k\":\"12\"}", "k: \"12\"\n" },
		{ "{\"k\":\"1.0\"}", "k: \"1.0\"\n" },
		{ "{\"k\":\"a: b\"}", "k: \"a: b\"\n" },
		{ "{\"k\":\"a #b\"}", "k: \"a #b\"\n" },
		{ "{\"k\":\"- a\"}", "k: \"- a\"\n" },
		{ "{\"k\":\"{a}\"}", "k: \"{a}\"\n" },
		{ "{\"k\":\" a\"}", "k: \" a\"\n" },
		{ "{\"k\":\"a \"}", "k: \"a \"\n" },
		{ "{\"k\":\"a\\nb\"}", "k: \"a\\nb\"\n" },
		{ "{\"200\":\"/a/{id}\"}", "\"200\": /a/{id}\n" },
		{ "{\"y\":1}", "\"y\": 1\n" },
		{ "[]", " []\n" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++)
		ASSERT_TEXT(yaml_of(rows[i].json), rows[i].yaml);
}

const struct test tests[] = { TEST(nested_values_are_indented), TEST(texts_stay_texts), { 0 } };
