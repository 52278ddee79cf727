/* Durations (`1h30m`) and sizes (`64KiB`) as operators write them. */
#include <certctl/time.h>

#include "utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

/* Largest first: the order in which the parts of a duration must stand. */
static const struct unit duration_units[] = {
	{ "y", 365 * 86400 },
	{ "w", 7 * 86400 },
	{ "d", 86400 },
	{ "h", 3600 },
	{ "m", 60 },
	{ "s", 1 },
};

static const struct unit size_units[] = {
	{ "TiB", UINT64_C(1) << 40 },
	{ "GiB", UINT64_C(1) << 30 },
	{ "MiB", UINT64_C(1) << 20 },
	{ "KiB", UINT64_C(1) << 10 },
	{ "TB", UINT64_C(1000000000000) },
	{ "GB", UINT64_C(1000000000) },
	{ "MB", UINT64_C(1000000) },
	{ "kB", UINT64_C(1000) },
	{ "B", 1 },
};

/* Digits, at least one; moves *at behind them. */
static bool read_digits(const char **at, uint64_t *ret)
{
	const char *begin = *at;
	uint64_t number = 0;

	for (; **at >= '0' && **at <= '9'; (*at)++)
		if (__builtin_mul_overflow(number, 10, &number) ||
			__builtin_add_overflow(number, (uint64_t)(**at - '0'), &number))
			return false;
	*ret = number;
	return *at > begin;
}

/* The unit at *at among the `count` of `units`, or NULL; moves *at behind it. */
static const struct unit *read_unit(const char **at, const struct unit *units, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(units[i].name);

		if (strncmp(*at, units[i].name, len) == 0) {
			*at += len;
			return &units[i];
		}
	}
	return NULL;
}

/* The sum of the parts, each of a smaller unit than the one before. */
static bool read_duration(const char *text, uint64_t *ret)
{
	const struct unit *end = duration_units + CERTCTL_COUNT(duration_units), *left = duration_units;
	uint64_t sum = 0, number;

	do {
		if (!read_digits(&text, &number))
			return false;
		const struct unit *unit = read_unit(&text, left, (size_t)(end - left));

		if (!unit || __builtin_mul_overflow(number, unit->factor, &number) ||
			__builtin_add_overflow(sum, number, &sum))
			return false;
		left = unit + 1;
	} while (*text);
	*ret = sum;
	return true;
}

/* The whole text is digits, and the number fits. */
static bool read_bare(const char *text, uint64_t *ret)
{
	return read_digits(&text, ret) && !*text;
}

int certctl_duration_parse(const char *text, int64_t *ret_seconds, struct certctl_error *err)
{
	uint64_t seconds;

	if ((!read_bare(text, &seconds) && !read_duration(text, &seconds)) || seconds > INT64_MAX) {
		char shown[40];

		return certctl_fail(err, CERTCTL_E_INVALID, "a duration such as 90d or 1h30m expected, got \"%s\"",
			certctl_utf8_show(text, strlen(text), shown, sizeof(shown)));
	}
	*ret_seconds = (int64_t)seconds;
	return 0;
}

const char *certctl_duration_format(int64_t seconds, char text[CERTCTL_TIME_TEXT])
{
	/* Without years and weeks: nobody reads 12w6d as 90d. */
	const struct unit *unit = duration_units + 2;
	uint64_t left = seconds > 0 ? (uint64_t)seconds : 0;
	size_t len = 0;

	snprintf(text, CERTCTL_TIME_TEXT, "0s");
	for (; left > 0; unit++)
		if (left >= unit->factor) {
			len += (size_t)snprintf(text + len, CERTCTL_TIME_TEXT - len, "%" PRIu64 "%s",
				left / unit->factor, unit->name);
			left %= unit->factor;
		}
	return text;
}

int certctl_size_parse(const char *text, uint64_t *ret_bytes, struct certctl_error *err)
{
	const char *at = text;
	uint64_t number;
	bool ok = read_digits(&at, &number);

	if (ok && *at) {
		const struct unit *unit = read_unit(&at, size_units, CERTCTL_COUNT(size_units));

		ok = unit && !*at && !__builtin_mul_overflow(number, unit->factor, &number);
	}
	if (!ok) {
		char shown[40];

		return certctl_fail(err, CERTCTL_E_INVALID, "a size such as 64KiB or 1MiB expected, got \"%s\"",
			certctl_utf8_show(text, strlen(text), shown, sizeof(shown)));
	}
	*ret_bytes = number;
	return 0;
}

const char *certctl_size_format(uint64_t bytes, char text[CERTCTL_TIME_TEXT])
{
	for (size_t i = 0; i < CERTCTL_COUNT(size_units) && size_units[i].name[1] == 'i'; i++)
		if (bytes > 0 && bytes % size_units[i].factor == 0) {
			snprintf(text, CERTCTL_TIME_TEXT, "%" PRIu64 "%s", bytes / size_units[i].factor,
				size_units[i].name);
			return text;
		}
	snprintf(text, CERTCTL_TIME_TEXT, "%" PRIu64, bytes);
	return text;
}
