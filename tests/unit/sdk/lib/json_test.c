#include "test.h"

#include <certctl/json.h>
#include <string.h>

static void good_texts_are_read(void)
{
	static const char *const rows[] = { "{}", "[]", "null", "true", "-0", "1.5e3", "\"text\"",
		" {\"a\":[1,{\"b\":null}]}\n", "9223372036854775807", "-9223372036854775808",
		"\"\\u00fc\\ud83d\\udd11\"", "\"\xc3\xbc\"" };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		CERTCTL_AUTO(json_decref) json_t *value = NULL;
		struct certctl_error err;

		ASSERT_OK(certctl_json_parse(rows[i], strlen(rows[i]), NULL, &value, &err), err);
		CU_ASSERT_PTR_NOT_NULL(value);
	}
}

static void bad_texts_are_refused_with_their_place(void)
{
	static const struct {
		const char *text;
		size_t len; /* 0: strlen */
		const char *words;
	} rows[] = {
		{ "", 0, "JSON 1:0" },
		{ "{", 0, "JSON 1:1" },
		{ "{\n  \"a\": 1,\n  \"a\": 2 }", 0, "JSON 3:5: duplicate member \"a\"" },
		{ "{\"a\": 1} x", 0, "end of file expected" },
		{ "{\"a\": 1,}", 0, "JSON 1:9" },
		{ "[1 2]", 0, "']' expected" },
		{ "{'a': 1}", 0, "string or '}' expected" },
		{ "NaN", 0, "invalid token" },
		{ "[Infinity]", 0, "invalid token" },
		{ "[-]", 0, "invalid token" },
		{ "[01]", 0, "invalid token" },
		{ "[+1]", 0, "invalid token" },
		{ "[.5]", 0, "invalid token" },
		{ "[0x10]", 0, "']' expected" },
		{ "9223372036854775808", 0, "too big integer" },
		{ "-9223372036854775809", 0, "too big negative integer" },
		{ "1e999", 0, "real number overflow" },
		{ "\"\\u0000\"", 0, "\\u0000 is not allowed" },
		{ "{\"a\\u0000b\": 1}", 0, "\\u0000 is not allowed" },
		{ "\"a\0b\"", 5, "control character 0x0" },
		{ "[1]\0", 4, "end of file expected" },
		{ "\"a\nb\"", 0, "unexpected newline" },
		{ "\"a\x01\"", 0, "control character 0x1" },
		{ "\"\xff\"", 0, "unable to decode byte 0xff" },
		{ "\"\xc0\xaf\"", 0, "unable to decode byte 0xc0" },
		{ "\"\xed\xa0\x80\"", 0, "unable to decode byte 0xed" },
		{ "\"\\ud800\"", 0, "invalid Unicode" },
		{ "\"\\x41\"", 0, "invalid escape" },
		{ "\xef\xbb\xbf{}", 0, "invalid token" },
		{ "// no\n{}", 0, "invalid token" },
		{ "::::", 0, "unexpected token" },
		{ "]]]]", 0, "unexpected token" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_error err;
		json_t *value = NULL;
		size_t len = rows[i].len ? rows[i].len : strlen(rows[i].text);

		ASSERT_FAILS(certctl_json_parse(rows[i].text, len, NULL, &value, &err), CERTCTL_E_INVALID,
			rows[i].words, err);
		CU_ASSERT_PTR_NULL(value);
	}
}

/* What stands beside a syntax error may be a password. */
static void messages_do_not_repeat_values(void)
{
	static const char *const rows[] = { "{\"password\": \"hunter2", "{\"password\": hunter2}",
		"{\"password\" \"hunter2\"}", "[\"hunter2\" 1]" };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_error err;
		json_t *value = NULL;

		ASSERT_FAILS(certctl_json_parse(rows[i], strlen(rows[i]), NULL, &value, &err), CERTCTL_E_INVALID, NULL,
			err);
		CU_ASSERT_PTR_NULL(strstr(err.what, "hunter2"));
	}
}

static void limits_are_exact(void)
{
	static const struct {
		const char *text;
		struct certctl_json_limits limits;
		const char *words; /* NULL: accepted */
	} rows[] = {
		{ "[[[]]]", { .max_depth = 3 }, NULL },
		{ "[[[[]]]]", { .max_depth = 3 }, "deeper than 3" },
		{ "{\"a\":{\"b\":[]}}", { .max_depth = 2 }, "deeper than 2" },
		{ "[\"[[[[\",\"{{{\\\"{\"]", { .max_depth = 1 }, NULL },
		{ "[1,2,3]", { .max_nodes = 4 }, NULL },
		{ "[1,2,3]", { .max_nodes = 3 }, "more than 3" },
		{ "[1,2,\"3\"]", { .max_nodes = 3 }, "more than 3" },
		{ "{\"a\":1,\"b\":\"x\"}", { .max_nodes = 3 }, NULL },
		{ "{\"a\":1,\"b\":\"x\"}", { .max_nodes = 2 }, "more than 2" },
		{ "{\"a\":{},\"b\":[]}", { .max_nodes = 2 }, "more than 2" },
		{ "[ ]", { .max_bytes = 3 }, NULL },
		{ "[ ] ", { .max_bytes = 3 }, "longer than 3" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		CERTCTL_AUTO(json_decref) json_t *value = NULL;
		struct certctl_error err;
		int rc = certctl_json_parse(rows[i].text, strlen(rows[i].text), &rows[i].limits, &value, &err);

		if (rows[i].words)
			ASSERT_FAILS(rc, CERTCTL_E_LIMIT, rows[i].words, err);
		else
			ASSERT_OK(rc, err);
	}
}

static size_t allocations;

static void *count_and_allocate(size_t size)
{
	allocations++;
	return malloc(size);
}

/* Colons in a row must not talk the count down, and a bomb must not be built before it is refused. */
static void a_bomb_is_refused_before_it_is_built(void)
{
	size_t len = 400000;
	char *text = talloc_array(test_mem(), char, (unsigned)len);
	static const char *const units[] = { "[", "1,", "\"\":", "[]," };

	for (size_t unit = 0; unit < CERTCTL_COUNT(units); unit++) {
		struct certctl_error err;
		json_t *value = NULL;
		size_t step = strlen(units[unit]);

		memset(text, ':', len);
		text[0] = '[';
		for (size_t at = 1; at + step < len / 2; at += step)
			memcpy(text + at, units[unit], step);
		json_set_alloc_funcs(count_and_allocate, free);
		allocations = 0;
		int rc = certctl_json_parse(text, len, NULL, &value, &err);

		json_set_alloc_funcs(malloc, free);
		CU_ASSERT(rc == CERTCTL_E_LIMIT || rc == CERTCTL_E_INVALID);
		CU_ASSERT(allocations < 100);
	}
}

static int64_t budget; /* allocations left before the next one fails */

static void *fail_when_spent(size_t size)
{
	return budget-- > 0 ? malloc(size) : NULL;
}

static void fail_every_allocation(const char *text)
{
	int rc = CERTCTL_E_NO_MEMORY;

	for (int64_t allowed = 0; rc == CERTCTL_E_NO_MEMORY && allowed < 1000; allowed++) {
		struct certctl_error err;
		json_t *value = NULL;

		budget = allowed;
		json_set_alloc_funcs(fail_when_spent, free);
		rc = certctl_json_parse(text, strlen(text), NULL, &value, &err);
		CU_ASSERT_EQUAL(value != NULL, rc == 0);
		json_decref(value);
		json_set_alloc_funcs(malloc, free);
		/* Jansson reports some of its own failures as bad input, but never as success. */
		if (rc == CERTCTL_E_INVALID)
			rc = CERTCTL_E_NO_MEMORY;
	}
	CU_ASSERT_EQUAL(rc, 0);
}

static void every_allocation_may_fail(void)
{
	fail_every_allocation("{\"name\":\"a\",\"list\":[1,2.5,true,null,{\"x\":\"\\u00fc\"}]}");
	fail_every_allocation("{\"name\":\"a\",\"list\":[1,true,null,{\"x\":\"a\\nb\"}]}");
}

static void members_are_read_by_type(void)
{
	CERTCTL_AUTO(json_decref)
	json_t *object =
		json_pack("{s:s, s:I, s:n, s:b}", "name", "corp", "days", (json_int_t)99999999999, "none", "flag", 1);
	struct certctl_error err;
	const char *text = NULL;
	int64_t number = 7;

	ASSERT_OK(certctl_json_get_text(object, "name", &text, &err), err);
	ASSERT_TEXT(text, "corp");
	ASSERT_FAILS(certctl_json_get_text(object, "days", &text, &err), CERTCTL_E_INVALID, "days: text expected", err);
	ASSERT_FAILS(certctl_json_get_text(object, "none", &text, &err), CERTCTL_E_INVALID, "none: text expected", err);
	ASSERT_FAILS(certctl_json_get_text(object, "absent", &text, &err), CERTCTL_E_NOT_FOUND, "absent: missing", err);
	ASSERT_OK(certctl_json_get_integer(object, "days", 0, INT64_MAX, &number, &err), err);
	CU_ASSERT_EQUAL(number, 99999999999);
	ASSERT_FAILS(certctl_json_get_integer(object, "days", 1, 825, &number, &err), CERTCTL_E_INVALID,
		"days: 1..825 expected, got 99999999999", err);
	ASSERT_FAILS(certctl_json_get_integer(object, "flag", 0, 1, &number, &err), CERTCTL_E_INVALID,
		"integer expected", err);
	CU_ASSERT_EQUAL(number, 99999999999);
	ASSERT_TEXT(certctl_json_text_or(object, "name", "x"), "corp");
	ASSERT_TEXT(certctl_json_text_or(object, "days", "x"), "x");
	CU_ASSERT_PTR_NULL(certctl_json_text_or(NULL, "name", NULL));
	CU_ASSERT_EQUAL(certctl_json_integer_or(object, "none", 3), 3);
}

const struct test tests[] = {
	TEST(good_texts_are_read),
	TEST(bad_texts_are_refused_with_their_place),
	TEST(messages_do_not_repeat_values),
	TEST(limits_are_exact),
	TEST(a_bomb_is_refused_before_it_is_built),
	TEST(every_allocation_may_fail),
	TEST(members_are_read_by_type),
	{ 0 },
};
