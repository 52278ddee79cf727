/**
 * Structured logging: one event name, then keys and values.  Libraries and plugins return errors and log at debug
 * only; the loops of the programs log, once.  Event names ("job.failed") are stable: operators search for them.
 *
 *     certctl_log(CERTCTL_LOG_WARNING, "job.failed", "job", job->id, "retry_in_s", certctl_num(delay_s), NULL);
 *
 * Any thread may log.  One record is one write(2).  Secrets cannot be passed: they are no strings.
 */
#ifndef CERTCTL_LOG_H
#define CERTCTL_LOG_H

#include <certctl/error.h>

#ifdef __cplusplus
extern "C" {
#endif

enum certctl_log_level {
	CERTCTL_LOG_ERROR = 1,
	CERTCTL_LOG_WARNING,
	CERTCTL_LOG_NOTICE,
	CERTCTL_LOG_INFO,
	CERTCTL_LOG_DEBUG,
};

enum certctl_log_format {
	CERTCTL_LOG_LOGFMT = 1, /* key=value, quoted where needed */
	CERTCTL_LOG_JSON,       /* one JSON object a line */
};

/** Receives a finished record (with its newline) instead of the descriptor; may be called from any thread. */
typedef void certctl_log_sink_fn(void *arg, enum certctl_log_level level, const char *record, size_t len);

struct certctl_log_options {
	enum certctl_log_format format; /* 0: logfmt */
	enum certctl_log_level level;   /* 0: info */
	int fd;                         /* ignored with a sink; 2 by default */
	certctl_log_sink_fn *sink;
	void *sink_arg;
	const char *program; /* added to every record; NULL: none; borrowed for ever */
};

/** Set once, before threads start. */
CERTCTL_API void certctl_log_setup(const struct certctl_log_options *options);
/** Another format and level from the next record on; any thread, at any time.  0: the default. */
CERTCTL_API void certctl_log_change(enum certctl_log_format format, enum certctl_log_level level);
CERTCTL_API bool certctl_log_enabled(enum certctl_log_level level);

/** `event`, then pairs of key and value (`const char *`; a NULL value prints as null), ended by NULL. */
CERTCTL_API void certctl_log(enum certctl_log_level level, const char *event, ...) __attribute__((sentinel));

/** The same with the pairs in an array of `count` strings (an even number). */
CERTCTL_API void certctl_log_pairs(enum certctl_log_level level, const char *event, const char *const *pairs,
	size_t count);

/** Log an error object: adds code, what, hint and, when set, retry_after_s to the pairs given. */
CERTCTL_API void certctl_log_error(enum certctl_log_level level, const char *event, const struct certctl_error *err,
	...) __attribute__((sentinel));

CERTCTL_API const char *certctl_log_level_name(enum certctl_log_level level);
/** 0 when `name` is none. */
CERTCTL_API enum certctl_log_level certctl_log_level_from_name(const char *name);

/** A number as a value of certctl_log: lives until the end of the statement. */
#define certctl_num(number) certctl_num_format((char[24]){ 0 }, (long long)(number))
CERTCTL_API const char *certctl_num_format(char buffer[24], long long number);

#ifdef __cplusplus
}
#endif
#endif
