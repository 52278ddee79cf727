#include "test.h"

#include <certctl/time.h>

static void times_read_and_print(void)
{
	static const struct {
		const char *text;
		int64_t unix_s;
		const char *printed; /* NULL: as written */
	} rows[] = {
		{ "1970-01-01T00:00:00Z", 0, NULL },
		{ "2026-11-23T14:05:00Z", 1795442700, NULL },
		{ "2000-02-29T23:59:59Z", 951868799, NULL },
		{ "1969-12-31T23:59:59Z", -1, NULL },
		{ "0001-01-01T00:00:00Z", CERTCTL_TIME_MIN_UNIX_S, NULL },
		{ "9999-12-31T23:59:59Z", CERTCTL_TIME_MAX_UNIX_S, NULL },
		{ "2026-11-23t14:05:00.987654321z", 1795442700, "2026-11-23T14:05:00Z" },
		{ "2026-11-23 16:05:00+02:00", 1795442700, "2026-11-23T14:05:00Z" },
		{ "2026-11-23T08:35:00-05:30", 1795442700, "2026-11-23T14:05:00Z" },
		{ "2016-12-31T23:59:60Z", 1483228799, "2016-12-31T23:59:59Z" },
		{ "2026-11-23", 1795392000, "2026-11-23T00:00:00Z" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_error err;
		int64_t unix_s = 0;
		char text[CERTCTL_TIME_TEXT];

		ASSERT_OK(certctl_time_parse(rows[i].text, &unix_s, &err), err);
		CU_ASSERT_EQUAL(unix_s, rows[i].unix_s);
		ASSERT_TEXT(certctl_time_format(unix_s, text), rows[i].printed ? rows[i].printed : rows[i].text);
	}
}

static void what_is_no_time_is_refused(void)
{
	static const char *const rows[] = { "", "now", "2026", "2026-13-01", "2026-00-01", "2026-02-29", "1900-02-29",
		"2026-04-31", "0000-01-01", "2026-11-23T", "2026-11-23T24:00:00Z", "2026-11-23T14:60:00Z",
		"2026-11-23T14:05:61Z", "2026-11-23T14:05:00", "2026-11-23T14:05Z", "2026-11-23T14:05:00.Z",
		"2026-11-23T14:05:00+24:00", "2026-11-23T14:05:00+02", "2026-11-23T14:05:00Zx", "12026-11-23",
		"2026-11-23Z", "+026-11-23", "2026-1-23", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01",
		"2026-11-23T14:05:00Z\n" };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_error err;
		int64_t unix_s = 42;

		ASSERT_FAILS(certctl_time_parse(rows[i], &unix_s, &err), CERTCTL_E_INVALID, "expected", err);
		CU_ASSERT_EQUAL(unix_s, 42);
	}
}

static void times_out_of_range_are_clamped(void)
{
	char text[CERTCTL_TIME_TEXT];

	ASSERT_TEXT(certctl_time_format(INT64_MIN, text), "0001-01-01T00:00:00Z");
	ASSERT_TEXT(certctl_time_format(INT64_MAX, text), "9999-12-31T23:59:59Z");
}

/* Every day of four centuries, and the ends: no table of known dates finds an off-by-one in March. */
static void every_day_reads_back(void)
{
	for (int64_t day = -134774; day < 146097; day++) {
		struct certctl_error err;
		char text[CERTCTL_TIME_TEXT];
		int64_t unix_s = 1;

		if (certctl_time_parse(certctl_time_format(day * 86400 + 3661, text), &unix_s, &err) < 0 ||
			unix_s != day * 86400 + 3661) {
			ASSERT_TEXT(text, "the same time");
			return;
		}
	}
	CU_PASS("all days");
}

static void durations_read_and_print(void)
{
	static const struct {
		const char *text;
		int64_t seconds;
		const char *printed;
	} rows[] = {
		{ "0", 0, "0s" },
		{ "90", 90, "1m30s" },
		{ "90d", 7776000, "90d" },
		{ "1h30m", 5400, "1h30m" },
		{ "1y2w3d4h5m6s", 31536000 + 1209600 + 259200 + 14400 + 300 + 6, "382d4h5m6s" },
		{ "9223372036854775807", INT64_MAX, "106751991167300d15h30m7s" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_error err;
		int64_t seconds = -1;
		char text[CERTCTL_TIME_TEXT];

		ASSERT_OK(certctl_duration_parse(rows[i].text, &seconds, &err), err);
		CU_ASSERT_EQUAL(seconds, rows[i].seconds);
		ASSERT_TEXT(certctl_duration_format(seconds, text), rows[i].printed);
	}
	char text[CERTCTL_TIME_TEXT];

	ASSERT_TEXT(certctl_duration_format(-5, text), "0s");
}

static void what_is_no_duration_is_refused(void)
{
	static const char *const rows[] = { "", "d", "-1d", "+1d", "1.5h", "30m1h", "1d1d", "1x", "1d ", " 1d", "1h30",
		"9223372036854775808", "99999999999999999999", "400000000000y", "106751991167300d15h30m8s", "1d\n" };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_error err;
		int64_t seconds = 42;

		ASSERT_FAILS(certctl_duration_parse(rows[i], &seconds, &err), CERTCTL_E_INVALID, "duration", err);
		CU_ASSERT_EQUAL(seconds, 42);
	}
}

static void sizes_read_and_print(void)
{
	static const struct {
		const char *text;
		uint64_t bytes;
		const char *printed;
	} rows[] = {
		{ "0", 0, "0" },
		{ "10", 10, "10" },
		{ "10B", 10, "10" },
		{ "64KiB", 65536, "64KiB" },
		{ "1024KiB", 1048576, "1MiB" },
		{ "2GiB", UINT64_C(2147483648), "2GiB" },
		{ "1TiB", UINT64_C(1099511627776), "1TiB" },
		{ "5kB", 5000, "5000" },
		{ "5MB", 5000000, "5000000" },
		{ "18446744073709551615", UINT64_MAX, "18446744073709551615" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_error err;
		uint64_t bytes = 1;
		char text[CERTCTL_TIME_TEXT];

		ASSERT_OK(certctl_size_parse(rows[i].text, &bytes, &err), err);
		CU_ASSERT_EQUAL(bytes, rows[i].bytes);
		ASSERT_TEXT(certctl_size_format(bytes, text), rows[i].printed);
	}
}

static void what_is_no_size_is_refused(void)
{
	static const char *const rows[] = { "", "KiB", "-1", "1.5MiB", "1 MiB", "1mib", "1K", "1KiB1",
		"18446744073709551616", "99999999TiB", "10\n" };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_error err;
		uint64_t bytes = 42;

		ASSERT_FAILS(certctl_size_parse(rows[i], &bytes, &err), CERTCTL_E_INVALID, "size", err);
		CU_ASSERT_EQUAL(bytes, 42);
	}
}

static int64_t fixed_now_s(const struct certctl_clock *clock)
{
	return *(const int64_t *)clock->arg;
}

static void a_clock_can_be_replaced(void)
{
	int64_t now_s = 1000;
	struct certctl_clock clock = { .now_s = fixed_now_s, .arg = &now_s };

	CU_ASSERT_EQUAL(certctl_clock_now_s(&clock), 1000);
	CU_ASSERT(certctl_clock_now_s(NULL) > 1700000000);
	CU_ASSERT(certctl_clock_now_s(certctl_clock_system()) > 1700000000);
	CU_ASSERT(certctl_monotonic_ms() > 0);
}

const struct test tests[] = {
	TEST(times_read_and_print),
	TEST(what_is_no_time_is_refused),
	TEST(times_out_of_range_are_clamped),
	TEST(every_day_reads_back),
	TEST(durations_read_and_print),
	TEST(what_is_no_duration_is_refused),
	TEST(sizes_read_and_print),
	TEST(what_is_no_size_is_refused),
	TEST(a_clock_can_be_replaced),
	{ 0 },
};
