#include "test.h"

#include <certctl/buffer.h>
#include <certctl/json.h>
#include <string.h>

static const char *quoted(const char *text, size_t len)
{
	struct certctl_buffer buffer;
	struct certctl_error err;

	certctl_buffer_init(&buffer, test_mem(), 1 << 20);
	certctl_buffer_json_string(&buffer, text, len);
	ASSERT_OK(certctl_buffer_finish(&buffer, &err), err);
	return buffer.data;
}

static void pieces_become_one_text(void)
{
	struct certctl_buffer buffer;
	struct certctl_error err;
	char expected[3001] = "";

	certctl_buffer_init(&buffer, test_mem(), 100000);
	ASSERT_OK(certctl_buffer_finish(&buffer, &err), err);
	ASSERT_TEXT(buffer.data, "");
	for (int i = 0; i < 1000; i++) {
		certctl_buffer_printf(&buffer, "%03d", i);
		snprintf(expected + 3 * i, 4, "%03d", i);
	}
	certctl_buffer_puts(&buffer, "");
	certctl_buffer_append(&buffer, NULL, 0);
	ASSERT_OK(certctl_buffer_finish(&buffer, &err), err);
	ASSERT_TEXT(buffer.data, expected);
	CU_ASSERT_EQUAL(buffer.len, 3000);
}

static void the_maximum_latches(void)
{
	struct certctl_buffer buffer;
	struct certctl_error err;

	certctl_buffer_init(&buffer, test_mem(), 10);
	certctl_buffer_puts(&buffer, "1234567890");
	ASSERT_OK(certctl_buffer_finish(&buffer, &err), err);
	certctl_buffer_printf(&buffer, "%d", 1);
	certctl_buffer_puts(&buffer, "");
	CU_ASSERT(buffer.failed);
	ASSERT_FAILS(certctl_buffer_finish(&buffer, &err), CERTCTL_E_LIMIT, "10 bytes", err);
	ASSERT_TEXT(buffer.data, "1234567890");
}

static void out_of_memory_latches(void)
{
	struct certctl_buffer buffer;
	struct certctl_error err;
	/* talloc refuses a chunk of 256 MiB and more, before the data is looked at. */
	certctl_buffer_init(&buffer, test_mem(), (size_t)1 << 30);
	certctl_buffer_append(&buffer, "", (size_t)1 << 29);
	certctl_buffer_puts(&buffer, "more");
	ASSERT_FAILS(certctl_buffer_finish(&buffer, &err), CERTCTL_E_NO_MEMORY, "out of memory", err);
}

static void json_strings_show_nothing_that_hides(void)
{
	static const struct {
		const char *text;
		size_t len;
		const char *expected;
	} rows[] = {
		{ "", 0, "\"\"" },
		{ "plain text of more than eight", 29, "\"plain text of more than eight\"" },
		{ "a\"b\\c/d", 7, "\"a\\\"b\\\\c/d\"" },
		{ "\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"" },
		{ "\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\\u007f\"" },
		{ "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x94\x91", 15,
			"\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x94\x91\"" },
		{ "\xc2\x80\xc2\x9b\xc2\xa0", 6, "\"\\u0080\\u009b\xc2\xa0\"" },
		{ "\xe2\x80\xa8\xe2\x80\xa9", 6, "\"\\u2028\\u2029\"" },
		{ "\xe2\x80\xae\xe2\x81\xa6\xe2\x80\x8f\xd8\x9c", 11, "\"\\u202e\\u2066\\u200f\\u061c\"" },
		{ "\xff\xc3(\xe2\x82", 5, "\"\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ "\xed\xa0\x80\xc0\xaf", 5, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++)
		ASSERT_TEXT(quoted(rows[i].text, rows[i].len), rows[i].expected);
}

/* The scan looks at eight bytes at a time: every byte at every place of a word must be found. */
static void every_byte_reads_back_at_every_place(void)
{
	for (int byte = 1; byte < 0x80; byte++)
		for (size_t place = 0; place < 17; place++) {
			char text[18] = "0123456789abcdefg";

			text[place] = (char)byte;
			CERTCTL_AUTO(json_decref)
			json_t *value = json_loads(quoted(text, 17), JSON_DECODE_ANY, NULL);

			ASSERT_TEXT(json_string_value(value), text);
		}
}

static void integers_are_decimal_to_both_ends(void)
{
	static const struct {
		int64_t number;
		const char *text;
	} rows[] = { { 0, "0" }, { -1, "-1" }, { 10, "10" }, { 4711, "4711" }, { INT64_MAX, "9223372036854775807" },
		{ INT64_MIN, "-9223372036854775808" } };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_buffer buffer;

		certctl_buffer_init(&buffer, test_mem(), 100);
		certctl_buffer_integer(&buffer, rows[i].number);
		CU_ASSERT_EQUAL(certctl_buffer_finish(&buffer, NULL), 0);
		ASSERT_TEXT(buffer.data, rows[i].text);
	}
}

const struct test tests[] = {
	TEST(integers_are_decimal_to_both_ends),
	TEST(pieces_become_one_text),
	TEST(the_maximum_latches),
	TEST(out_of_memory_latches),
	TEST(json_strings_show_nothing_that_hides),
	TEST(every_byte_reads_back_at_every_place),
	{ 0 },
};
