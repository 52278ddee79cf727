/* Points in time and clocks.  Durations and sizes are in quantity.c. */
#include <certctl/time.h>

#include "utf8.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY_S 86400

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar.  The year is taken to begin in March, so that the
 * leap day is the last of its year; 400 years are 146097 days. */
static int64_t days_of_date(int64_t year, int month, int day)
{
	int64_t shifted = year - (month <= 2), era = shifted / 400, of_era = shifted - era * 400;
	int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_of_days(int64_t days, int *year, int *month, int *day)
{
	days += 719468; /* 0000-03-01; positive in our range */
	int64_t era = days / 146097, of_era = days % 146097;
	int64_t years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int of_year = (int)(of_era - (365 * years + years / 4 - years / 100)), shifted = (5 * of_year + 2) / 153;

	*day = of_year - (153 * shifted + 2) / 5 + 1;
	*month = shifted < 10 ? shifted + 3 : shifted - 9;
	*year = (int)(years + era * 400) + (*month <= 2);
}

static int days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && is_leap);
}

const char *certctl_time_format(int64_t unix_s, char text[CERTCTL_TIME_TEXT])
{
	if (unix_s < CERTCTL_TIME_MIN_UNIX_S)
		unix_s = CERTCTL_TIME_MIN_UNIX_S;
	if (unix_s > CERTCTL_TIME_MAX_UNIX_S)
		unix_s = CERTCTL_TIME_MAX_UNIX_S;
	int64_t since = unix_s - CERTCTL_TIME_MIN_UNIX_S; /* positive: division rounds the right way */
	int second = (int)(since % DAY_S), year, month, day;

	date_of_days(since / DAY_S + CERTCTL_TIME_MIN_UNIX_S / DAY_S, &year, &month, &day);
	snprintf(text, CERTCTL_TIME_TEXT, "%04d-%02d-%02dT%02d:%02d:%02dZ", year, month, day, second / 3600,
		second / 60 % 60, second % 60);
	return text;
}

/* `digits` digits with a value of min..max; moves *at behind them. */
static bool read_number(const char **at, int digits, int min, int max, int *ret)
{
	int number = 0;

	for (int i = 0; i < digits; i++, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		number = number * 10 + (**at - '0');
	}
	*ret = number;
	return number >= min && number <= max;
}

static bool skip(const char **at, const char *one_of)
{
	if (!**at || !strchr(one_of, **at))
		return false;
	(*at)++;
	return true;
}

static bool read_date(const char **at, int64_t *ret_days)
{
	int year, month, day;

	if (!read_number(at, 4, 1, 9999, &year) || !skip(at, "-") || !read_number(at, 2, 1, 12, &month) ||
		!skip(at, "-") || !read_number(at, 2, 1, days_in_month(year, month), &day))
		return false;
	*ret_days = days_of_date(year, month, day);
	return true;
}

static bool read_clock(const char **at, int *ret_seconds)
{
	int hour, minute, second;

	if (!read_number(at, 2, 0, 23, &hour) || !skip(at, ":") || !read_number(at, 2, 0, 59, &minute) ||
		!skip(at, ":") || !read_number(at, 2, 0, 60, &second))
		return false;
	if (skip(at, ".") && !skip(at, "0123456789"))
		return false;
	while (skip(at, "0123456789"))
		;
	*ret_seconds = hour * 3600 + minute * 60 + (second > 59 ? 59 : second);
	return true;
}

static bool read_offset(const char **at, int *ret_seconds)
{
	int hour, minute, sign = **at == '-' ? -1 : 1;

	*ret_seconds = 0;
	if (skip(at, "Zz"))
		return true;
	if (!skip(at, "+-") || !read_number(at, 2, 0, 23, &hour) || !skip(at, ":") ||
		!read_number(at, 2, 0, 59, &minute))
		return false;
	*ret_seconds = sign * (hour * 3600 + minute * 60);
	return true;
}

int certctl_time_parse(const char *text, int64_t *ret_unix_s, struct certctl_error *err)
{
	const char *at = text;
	int64_t days = 0;
	int seconds = 0, offset = 0;
	bool ok = read_date(&at, &days);

	if (ok && *at)
		ok = skip(&at, "Tt ") && read_clock(&at, &seconds) && read_offset(&at, &offset) && !*at;
	int64_t unix_s = days * DAY_S + seconds - offset;

	if (!ok || unix_s < CERTCTL_TIME_MIN_UNIX_S || unix_s > CERTCTL_TIME_MAX_UNIX_S) {
		char shown[40];

		return certctl_fail(err, CERTCTL_E_INVALID,
			"a time such as 2026-11-23T14:05:00Z, years 0001 to 9999, expected, got \"%s\"",
			certctl_utf8_show(text, strlen(text), shown, sizeof(shown)));
	}
	*ret_unix_s = unix_s;
	return 0;
}

static int64_t system_now_s(const struct certctl_clock *clock)
{
	(void)clock;
	return time(NULL);
}

const struct certctl_clock *certctl_clock_system(void)
{
	static const struct certctl_clock system_clock = { .now_s = system_now_s };

	return &system_clock;
}

int64_t certctl_clock_now_s(const struct certctl_clock *clock)
{
	return clock ? clock->now_s(clock) : system_now_s(NULL);
}

int64_t certctl_monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
