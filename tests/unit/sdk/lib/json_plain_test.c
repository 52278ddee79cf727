/* The quick way through JSON, seen from outside: whatever way a text takes, the tree and the verdict are Jansson's. */
#include "test.h"

#include <certctl/json.h>
#include <string.h>

static const char *const texts[] = {
	/* plain */
	"{}",
	"[]",
	"0",
	"-0",
	"-1",
	"123456789012345678",
	"-999999999999999999",
	"true",
	"false",
	"null",
	"\"\"",
	"\"text\"",
	" { } ",
	"\t[\r\n]\n",
	"{\"b\":1,\"a\":[{\"c\":null},\"x\",[]],\"\":{}}",
	"\"-----BEGIN-----\\nMIIB\\/+==\\n\"",
	"\"\\\"\\\\\\b\\f\\n\\r\\t\"",
	"[\"\\n\",\"second\\n\",\"x\\\"y\"]",
	"\"\x7f\"",
	"\"\xc3\xbc and more than eight bytes \xf0\x9f\x94\x91\"",
	"{\"\xc3\xbc\":1}",
	/* valid, but not plain */
	"1.5",
	"-0.0",
	"1e3",
	"9223372036854775807",
	"1000000000000000000",
	"\"\\u00fc\"",
	"\"\\ud83d\\udd11\"",
	"{\"a\\nb\":1}",
	"{\"\\u0061\":1}",
	/* not valid */
	"",
	" ",
	"{",
	"}",
	"[",
	"]",
	"[1",
	"[1,",
	"[1,]",
	"[,1]",
	"{\"a\"",
	"{\"a\":",
	"{\"a\":1",
	"{\"a\":1,",
	"{\"a\":1,}",
	"{,}",
	"{1:2}",
	"{\"a\" 1}",
	"{\"a\":1,\"a\":1}",
	"{\"a\":1 \"b\":2}",
	"[1 2]",
	"[1}",
	"{\"a\":1]",
	"tru",
	"truex",
	"nul",
	"True",
	"+1",
	"-",
	"--1",
	"01",
	"-01",
	"1x",
	"0x1",
	".5",
	"1.",
	"1e",
	"9223372036854775808",
	"\"",
	"\"a",
	"\"\\\"",
	"\"\\",
	"\"\\x\"",
	"\"\\u\"",
	"\"\\u0000\"",
	"\"\t\"",
	"\"\n\"",
	"\"\xff\"",
	"\"\xc0\xaf\"",
	"\"\xed\xa0\x80\"",
	"\"\xf4\x90\x80\x80\"",
	"\"\xc3\"",
	"\"12345678\x1f\"",
	"{\"\xff\":1}",
	"'a'",
	"{} {}",
	"{}x",
	"\xef\xbb\xbf{}",
	"//\n1",
	"1,",
	"\"a\"\"b\"",
	"nullnull",
};

static void every_text_ends_as_jansson_says(void)
{
	for (size_t i = 0; i < CERTCTL_COUNT(texts); i++) {
		CERTCTL_AUTO(json_decref)
		json_t *wanted = json_loads(texts[i], JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
		CERTCTL_AUTO(json_decref) json_t *got = NULL;
		struct certctl_error err = { 0 };
		int rc = certctl_json_parse(texts[i], strlen(texts[i]), NULL, &got, &err);

		CU_ASSERT_EQUAL(rc == 0, wanted != NULL);
		CU_ASSERT(rc == 0 ? json_equal(got, wanted) == 1 : rc == CERTCTL_E_INVALID);
		if (rc == 0 && wanted) {
			char *a = json_dumps(got, JSON_ENCODE_ANY), *b = json_dumps(wanted, JSON_ENCODE_ANY);

			ASSERT_TEXT(a, b); /* members in the same order */
			free(a);
			free(b);
		}
	}
}

/* No byte behind the end is looked at, wherever the text is cut. */
static void a_text_that_is_cut_anywhere_is_refused(void)
{
	static const char whole[] =
		"{\"name\":\"a\\nb\",\"list\":[1,-2,true,null,\"\xc3\xbc\"],\"more\":{\"x\":false}}";

	for (size_t len = 0; len < sizeof(whole) - 1; len++) {
		char *cut = talloc_memdup(test_mem(), whole, len + (len == 0));
		struct certctl_error err = { 0 };
		json_t *value = NULL;

		ASSERT_FAILS(certctl_json_parse(cut, len, NULL, &value, &err), CERTCTL_E_INVALID, NULL, err);
		talloc_free(cut);
	}
}

static void a_nul_is_no_end(void)
{
	static const struct {
		const char *text;
		size_t len;
	} rows[] = { { "{}\0", 3 }, { "\"a\0b\"", 5 }, { "{\"a\0\":1}", 8 }, { "1\0", 2 }, { "1.5\0", 4 },
		{ "[1,\0 2]", 7 } };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_error err = { 0 };
		json_t *value = NULL;

		ASSERT_FAILS(certctl_json_parse(rows[i].text, rows[i].len, NULL, &value, &err), CERTCTL_E_INVALID, NULL,
			err);
	}
}

static void long_keys_and_deep_trees_are_read_as_well(void)
{
	const struct certctl_json_limits limits = { .max_depth = 200 };
	char key[300], text[700];
	struct certctl_error err = { 0 };
	json_t *value = NULL;

	memset(key, 'k', sizeof(key));
	for (size_t len = 126; len < 130; len++) {
		snprintf(text, sizeof(text), "{\"%.*s\":7}", (int)len, key);
		ASSERT_OK(certctl_json_parse(text, strlen(text), NULL, &value, &err), err);
		CU_ASSERT_EQUAL(strlen(json_object_iter_key(json_object_iter(value))), len);
		json_decref(value);
	}
	for (int depth = 60; depth < 70; depth++) {
		memset(text, '[', (size_t)depth);
		memset(text + depth, ']', (size_t)depth);
		ASSERT_OK(certctl_json_parse(text, 2 * (size_t)depth, &limits, &value, &err), err);
		json_decref(value);
	}
}

const struct test tests[] = {
	TEST(every_text_ends_as_jansson_says),
	TEST(a_text_that_is_cut_anywhere_is_refused),
	TEST(a_nul_is_no_end),
	TEST(long_keys_and_deep_trees_are_read_as_well),
	{ 0 },
};
