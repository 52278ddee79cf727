/* Trees as text. */
#include "test.h"

#include <certctl/buffer.h>
#include <certctl/json.h>
#include <string.h>

static void text_is_compact_and_ordered(void)
{
	CERTCTL_AUTO(json_decref) json_t *object = json_pack("{s:s, s:[i,b,n]}", "z", "\xc3\xbc", "a", 1, 0);
	size_t len = 0;
	char *text = certctl_json_text(test_mem(), object, &len);

	ASSERT_TEXT(text, "{\"z\":\"\xc3\xbc\",\"a\":[1,false,null]}");
	CU_ASSERT_EQUAL(len, strlen(text));
	CU_ASSERT_PTR_NULL(certctl_json_text(test_mem(), NULL, NULL));
}

static void what_is_written_reads_back_the_same(void)
{
	static const char *const rows[] = { "{}", "[]", "[[],{},[{}]]", "\"\"", "0", "-9223372036854775808",
		"9223372036854775807", "1.5", "-0.0", "1e300", "5e-324", "0.1", "true",
		"{\"a\":{\"b\":[1,2,{\"c\":null}]}}", "\"\\u0001\\n\\\"\\\\\\u007f\\u2028\\u202e\\ud83d\\udd11\"",
		"{\"\\n\\u00e9\":1}" };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		CERTCTL_AUTO(json_decref) json_t *value = json_loads(rows[i], JSON_DECODE_ANY, NULL);
		char *text = certctl_json_text(test_mem(), value, NULL);
		CERTCTL_AUTO(json_decref) json_t *again = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;

		CU_ASSERT(again && json_equal(value, again) == 1);
		for (const char *at = text; at && *at; at++)
			CU_ASSERT((unsigned char)*at >= ' ' && *at != 0x7f);
	}
}

static void what_is_not_utf8_is_not_written(void)
{
	static const char *const rows[] = { "\xff", "12345678\xc3", "a\xed\xa0\x80z" };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		CERTCTL_AUTO(json_decref) json_t *text = json_pack("[o]", json_string_nocheck(rows[i]));
		CERTCTL_AUTO(json_decref) json_t *key = json_object();

		json_object_set_new_nocheck(key, rows[i], json_true());
		CU_ASSERT_PTR_NULL(certctl_json_text(test_mem(), text, NULL));
		CU_ASSERT_PTR_NULL(certctl_json_text(test_mem(), key, NULL));
	}
}

static void a_nul_inside_is_written_as_an_escape(void)
{
	CERTCTL_AUTO(json_decref) json_t *value = json_stringn("a\0b", 3);

	ASSERT_TEXT(certctl_json_text(test_mem(), value, NULL), "\"a\\u0000b\"");
}

static void memory_that_is_given_is_never_left(void)
{
	CERTCTL_AUTO(json_decref) json_t *value = json_pack("{s:s}", "a", "0123456789");
	char room[32];

	for (size_t size = 2; size < sizeof(room); size++) {
		struct certctl_buffer buffer = { .data = room, .size = size, .max = size - 1 };

		memset(room, '!', sizeof(room));
		CU_ASSERT(certctl_json_append(&buffer, value));
		CU_ASSERT_EQUAL(buffer.failed != 0, size - 1 < strlen("{\"a\":\"0123456789\"}"));
		CU_ASSERT_PTR_EQUAL(buffer.data, room);
		for (size_t at = size; at < sizeof(room); at++)
			CU_ASSERT_EQUAL(room[at], '!');
	}
}

const struct test tests[] = {
	TEST(text_is_compact_and_ordered),
	TEST(what_is_written_reads_back_the_same),
	TEST(what_is_not_utf8_is_not_written),
	TEST(a_nul_inside_is_written_as_an_escape),
	TEST(memory_that_is_given_is_never_left),
	{ 0 },
};
