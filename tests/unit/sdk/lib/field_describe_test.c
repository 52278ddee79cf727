#include "field_fixture.h"
#include "test.h"

#include <certctl/json.h>
#include <string.h>

static void a_description_gives_the_same_table(void)
{
	CERTCTL_AUTO(json_decref) json_t *first = certctl_fields_describe(config_fields, ROW_SIZE);
	const struct certctl_field *fields = NULL;
	struct certctl_error err;
	size_t size = 0;

	ASSERT_OK(certctl_fields_from_description(test_mem(), first, &fields, &size, &err), err);
	CU_ASSERT(size > 0 && size <= sizeof(struct config));
	CERTCTL_AUTO(json_decref) json_t *second = certctl_fields_describe(fields, ROW_SIZE);

	CU_ASSERT(json_equal(first, second));
	CERTCTL_AUTO(json_decref) json_t *in = json_pack("{s:s, s:i}", "name", "corp", "timeout_s", 0);
	struct config config = { 0 };

	ASSERT_FAILS(certctl_fields_parse(test_mem(), fields, ROW_SIZE, in, NULL, &config, &err), CERTCTL_E_INVALID,
		"timeout_s: 1..600 expected, got 0", err);
}

static void an_empty_table_is_described_too(void)
{
	static const struct certctl_field none[] = { { 0 } };
	CERTCTL_AUTO(json_decref) json_t *json = certctl_fields_describe(none, ROW_SIZE);
	const struct certctl_field *fields = NULL;
	struct certctl_error err;
	size_t size = 1;

	ASSERT_OK(certctl_fields_from_description(test_mem(), json, &fields, &size, &err), err);
	CU_ASSERT_EQUAL(size, 0);
	CU_ASSERT_PTR_NULL(fields[0].name);
}

static void hostile_descriptions_are_refused(void)
{
	static const struct {
		const char *text, *words;
	} rows[] = {
		{ "null", "description: object expected" },
		{ "{}", "description.fields: required" },
		{ "{\"fields\":[{}]}", "description.fields[0].name: required" },
		{ "{\"fields\":[{\"name\":\"a\",\"type\":-1}]}", "fields[0].type: 0..4294967295 expected, got -1" },
		{ "{\"fields\":[{\"name\":\"a\",\"type\":99}]}", "type 99 is none" },
		{ "{\"fields\":[{\"name\":\"a\",\"type\":2,\"length\":8}]}", "ends behind" },
		{ "{\"config_size\":99999999999,\"fields\":[]}", "config_size: 0..16777216" },
		{ "{\"config_size\":8,\"fields\":[{\"name\":\"a\",\"type\":2,\"length\":8,\"offset\":4294967295}]}",
			"ends behind" },
		{ "{\"config_size\":16,\"fields\":[{\"name\":\"a\",\"type\":12,\"item_type\":13,\"length\":16}]}",
			"needs nested" },
		{ "{\"config_size\":8,\"fields\":[{\"name\":\"a\",\"type\":2,\"length\":8,\"surprise\":1}]}",
			"surprise: unknown" },
		{ "{\"config_size\":8,\"fields\":[{\"name\":\"a\",\"type\":10,\"length\":4,\"choices\":[{\"name\":\"b\",\"value\":4294967296}]}]}",
			"value: -2147483648..2147483647 expected" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		CERTCTL_AUTO(json_decref) json_t *in = json_loads(rows[i].text, JSON_DECODE_ANY, NULL);
		const struct certctl_field *fields = NULL;
		struct certctl_error err;
		size_t size = 0;

		ASSERT_FAILS(certctl_fields_from_description(test_mem(), in, &fields, &size, &err), CERTCTL_E_INVALID,
			rows[i].words, err);
		CU_ASSERT_PTR_NULL(fields);
	}
}

static void the_schema_says_what_the_table_says(void)
{
	CERTCTL_AUTO(json_decref) json_t *schema = certctl_fields_schema(config_fields, ROW_SIZE);
	json_t *properties = json_object_get(schema, "properties");
	static const struct {
		const char *name, *schema;
	} rows[] = {
		{ "name", "{\"type\":\"string\",\"minLength\":1,\"maxLength\":8,\"x-certctl-type\":\"text\","
			  "\"description\":\"What it is called.\"}" },
		{ "timeout_s",
			"{\"type\":\"integer\",\"minimum\":1,\"maximum\":600,\"x-certctl-type\":\"integer\",\"default\":30,"
			"\"description\":\"Request timeout in seconds.\"}" },
		{ "token", "{\"type\":\"string\",\"writeOnly\":true,\"x-certctl-type\":\"secret\","
			   "\"description\":\"The password | of the CA.\"}" },
		{ "mode",
			"{\"type\":\"string\",\"enum\":[\"slow\",\"fast\"],\"x-certctl-type\":\"enum\",\"default\":\"slow\","
			"\"description\":\"How fast.\"}" },
		{ "since",
			"{\"type\":\"string\",\"format\":\"date-time\",\"x-certctl-type\":\"time\",\"description\":\"Not before.\"}" },
		{ "ports",
			"{\"type\":\"array\",\"minItems\":1,\"maxItems\":3,\"items\":{\"type\":\"integer\","
			"\"x-certctl-type\":\"integer\"},\"x-certctl-type\":\"list\",\"default\":[80,443],\"description\":\"Ports.\"}" },
	};

	ASSERT_TEXT(certctl_json_text_or(schema, "$schema", ""), "https://json-schema.org/draft/2020-12/schema");
	ASSERT_TEXT(certctl_json_text(test_mem(), json_object_get(schema, "required"), NULL), "[\"name\"]");
	CU_ASSERT(json_is_false(json_object_get(schema, "additionalProperties")));
	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++)
		ASSERT_TEXT(certctl_json_text(test_mem(), json_object_get(properties, rows[i].name), NULL),
			rows[i].schema);
	json_t *tls = json_object_get(properties, "tls");

	CU_ASSERT(json_is_false(json_object_get(tls, "additionalProperties")));
	ASSERT_TEXT(certctl_json_text(test_mem(), json_object_get(tls, "required"), NULL), "[\"cert\"]");
	CU_ASSERT_EQUAL(json_object_size(properties), CERTCTL_COUNT(config_fields) - 1);
}

const struct test tests[] = {
	TEST(a_description_gives_the_same_table),
	TEST(an_empty_table_is_described_too),
	TEST(hostile_descriptions_are_refused),
	TEST(the_schema_says_what_the_table_says),
	{ 0 },
};
