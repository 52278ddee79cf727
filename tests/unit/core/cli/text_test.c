#include "core/cli/text.h"
#include "test.h"

#include <certctl/json.h>

static void what_a_terminal_would_obey_is_shown(void)
{
	static const struct {
		const char *text, *plain, *with_lines;
	} rows[] = {
		{ "shop \xc3\xbc \xf0\x9f\x94\x91", NULL, NULL },
		{ "a\x1b[31mb", "a\\x1b[31mb", "a\\x1b[31mb" },
		{ "a\nb\tc\r", "a\\x0ab\\x09c\\x0d", "a\nb\tc\\x0d" },
		{ "\x7f\xc2\x9b", "\\x7f\\u009b", "\\x7f\\u009b" },
		{ "a\xe2\x80\xae"
		  "b\xe2\x81\xa6",
			"a\\u202eb\\u2066", "a\\u202eb\\u2066" },
		{ "\xe2\x80\xa8\xd8\x9c\xf3\xa0\x80\x81", "\\u2028\\u061c\\ue0001", "\\u2028\\u061c\\ue0001" },
		/* Not UTF-8: alone, cut, overlong, a surrogate, too large */
		{ "\xff", "\\xff", "\\xff" },
		{ "a\xc3", "a\\xc3", "a\\xc3" },
		{ "\xc0\xaf", "\\xc0\\xaf", "\\xc0\\xaf" },
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80", "\\xed\\xa0\\x80" },
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\\xf4\\x90\\x80\\x80" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		ASSERT_TEXT(text_plain(test_mem(), rows[i].text, false), rows[i].plain ? rows[i].plain : rows[i].text);
		ASSERT_TEXT(text_plain(test_mem(), rows[i].text, true),
			rows[i].with_lines ? rows[i].with_lines : rows[i].text);
	}
}

static void json_reads_back_and_hides_nothing(void)
{
	static const char text[] =
		"{\"a\":[1,-2.5,true,false,null,\"\\u202e\\n\"],\"b\":{},\"c\":[],\"d\":{\"e\":\"x\"}}";
	CERTCTL_AUTO(json_decref) json_t *value = json_loads(text, 0, NULL), *again = NULL;
	struct certctl_error err = { 0 };
	struct certctl_buffer out;

	certctl_buffer_init(&out, test_mem(), 1000);
	text_json(&out, value, 0);
	ASSERT_OK(certctl_buffer_finish(&out, &err), err);
	CU_ASSERT_PTR_NULL(strstr(out.data, "\xe2\x80\xae"));
	again = json_loads(out.data, 0, NULL);
	CU_ASSERT_TRUE(json_equal(value, again));
}

static void csv_cells_are_no_formulae(void)
{
	static const struct {
		const char *text, *cell;
	} rows[] = { { "a", "\"a\"" }, { "", "\"\"" }, { "a\"b,c\n", "\"a\"\"b,c\n\"" }, { "=1+1", "\"'=1+1\"" },
		{ "+1", "\"'+1\"" }, { "-1", "\"'-1\"" }, { "@SUM", "\"'@SUM\"" }, { "\t=1", "\"'\t=1\"" } };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_error err = { 0 };
		struct certctl_buffer out;

		certctl_buffer_init(&out, test_mem(), 1000);
		text_csv_cell(&out, rows[i].text, true);
		ASSERT_OK(certctl_buffer_finish(&out, &err), err);
		ASSERT_TEXT(out.data, rows[i].cell);
	}
}

const struct test tests[] = { TEST(what_a_terminal_would_obey_is_shown), TEST(json_reads_back_and_hides_nothing),
	TEST(csv_cells_are_no_formulae), { 0 } };
