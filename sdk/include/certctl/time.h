/**
 * Time: RFC 3339 in UTC, durations such as `90d` or `1h30m`, and a clock that tests replace.
 * Points in time are seconds since the epoch (`..._unix_s`, int64_t); timeouts use the monotonic clock (`..._ms`).
 */
#ifndef CERTCTL_TIME_H
#define CERTCTL_TIME_H

#include <certctl/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Years 0001 to 9999, what RFC 3339 and GeneralizedTime can say. */
#define CERTCTL_TIME_MIN_UNIX_S INT64_C(-62135596800)
#define CERTCTL_TIME_MAX_UNIX_S INT64_C(253402300799)
#define CERTCTL_TIME_TEXT       32

/** Types that a plugin's configuration embeds.  Frozen since ABI 1.0. */
struct certctl_duration {
	int64_t seconds;
};
struct certctl_time {
	int64_t unix_s;
};
struct certctl_size {
	uint64_t bytes;
};

/** "2026-11-23T14:05:00Z"; a time outside the range is clamped.  Returns `text`. */
CERTCTL_API const char *certctl_time_format(int64_t unix_s, char text[CERTCTL_TIME_TEXT]);

/** RFC 3339 with any offset; fractions are dropped; leap second 60 is read as 59.  A bare date is midnight UTC. */
CERTCTL_API int certctl_time_parse(const char *text, int64_t *ret_unix_s, struct certctl_error *err) CERTCTL_CHECKED;

/** `s m h d w` and `y` (365 d), each at most once, largest first: `90d`, `1h30m`; a bare number is seconds; never negative. */
CERTCTL_API int certctl_duration_parse(const char *text, int64_t *ret_seconds,
	struct certctl_error *err) CERTCTL_CHECKED;
CERTCTL_API const char *certctl_duration_format(int64_t seconds, char text[CERTCTL_TIME_TEXT]);

/** `10`, `64KiB`, `1MiB`, `2GiB`, `1TiB`; also kB, MB, GB, TB in thousands. */
CERTCTL_API int certctl_size_parse(const char *text, uint64_t *ret_bytes, struct certctl_error *err) CERTCTL_CHECKED;
CERTCTL_API const char *certctl_size_format(uint64_t bytes, char text[CERTCTL_TIME_TEXT]);

/** Where decisions get their time.  `now_s` may be called from any thread. */
struct certctl_clock {
	int64_t (*now_s)(const struct certctl_clock *clock);
	void *arg;
};
/** The system's clock; what `now_s(NULL)`-like callers get by default. */
CERTCTL_API const struct certctl_clock *certctl_clock_system(void);
CERTCTL_API int64_t certctl_clock_now_s(const struct certctl_clock *clock);

/** CLOCK_MONOTONIC in milliseconds, for deadlines. */
CERTCTL_API int64_t certctl_monotonic_ms(void);

#ifdef __cplusplus
}
#endif
#endif
