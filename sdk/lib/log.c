/* Log records: one event, its pairs, one write.  Every value goes through the one JSON encoder.  Never decides what is
 * worth logging. */
#include <certctl/buffer.h>
#include <certctl/log.h>
#include <certctl/time.h>

#include "utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A record is cut rather than lost: no value and no record may fill a disk on its own. */
#define KEY_MAX    64
#define VALUE_MAX  4096
#define PAIRS_MAX  64
#define RECORD_MAX 32768 /* no pair is added beyond */

static struct certctl_log_options setup = { .fd = STDERR_FILENO };
/* These two may change while others log. */
static atomic_int log_format = CERTCTL_LOG_LOGFMT, log_level = CERTCTL_LOG_INFO;

/* One record on its way: a change of format in between must not mix the two. */
struct record {
	struct certctl_buffer text;
	bool is_json;
};

static const char *const level_names[] = {
	[CERTCTL_LOG_ERROR] = "error",
	[CERTCTL_LOG_WARNING] = "warning",
	[CERTCTL_LOG_NOTICE] = "notice",
	[CERTCTL_LOG_INFO] = "info",
	[CERTCTL_LOG_DEBUG] = "debug",
};

void certctl_log_setup(const struct certctl_log_options *options)
{
	setup = *options;
	if (setup.fd <= 0)
		setup.fd = STDERR_FILENO;
	certctl_log_change(options->format, options->level);
}

void certctl_log_change(enum certctl_log_format format, enum certctl_log_level level)
{
	atomic_store(&log_format, format ? (int)format : CERTCTL_LOG_LOGFMT);
	atomic_store(&log_level, level ? (int)level : CERTCTL_LOG_INFO);
}

bool certctl_log_enabled(enum certctl_log_level level)
{
	return (int)level <= atomic_load(&log_level);
}

const char *certctl_log_level_name(enum certctl_log_level level)
{
	return level >= CERTCTL_LOG_ERROR && level <= CERTCTL_LOG_DEBUG ? level_names[level] : "unknown";
}

enum certctl_log_level certctl_log_level_from_name(const char *name)
{
	for (int level = CERTCTL_LOG_ERROR; name && level <= CERTCTL_LOG_DEBUG; level++)
		if (strcmp(level_names[level], name) == 0)
			return (enum certctl_log_level)level;
	return (enum certctl_log_level)0;
}

const char *certctl_num_format(char buffer[24], long long number)
{
	snprintf(buffer, 24, "%lld", number);
	return buffer;
}

/* "2026-11-23T14:05:00.123Z": seconds are too coarse to order what several processes wrote. */
static void format_now(char text[CERTCTL_TIME_TEXT])
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	certctl_time_format(now.tv_sec, text);
	size_t len = strlen(text) - 1;

	snprintf(text + len, CERTCTL_TIME_TEXT - len, ".%03ldZ", now.tv_nsec / 1000000);
}

/* What logfmt shows without quotes; the text null is quoted, so that it is not taken for no value. */
static bool is_bare(const char *value, size_t len)
{
	static const char bare[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/@+-,*()[]";

	return len > 0 && strspn(value, bare) == len && strcmp(value, "null") != 0;
}

static void put_value(struct record *record, const char *value)
{
	if (!value) {
		certctl_buffer_puts(&record->text, "null");
		return;
	}
	size_t len = strlen(value), keep = certctl_utf8_cut(value, len, VALUE_MAX);

	if (!record->is_json && keep == len && is_bare(value, len))
		certctl_buffer_append(&record->text, value, len);
	else
		certctl_buffer_json_string(&record->text, value, keep);
}

/* Keys are ours or a plugin's; what a key must not contain becomes "_". */
static void put_pair(struct record *record, const char *key, const char *value)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	bool is_first = record->text.len == 0;
	char name[KEY_MAX];
	size_t len = strnlen(key, sizeof(name) - 1);

	for (size_t i = 0; i < len; i++)
		name[i] = key[i] && strchr(allowed, key[i]) ? key[i] : '_';
	name[len] = 0;
	if (record->is_json)
		certctl_buffer_printf(&record->text, "%s\"%s\":", is_first ? "{" : ",", name);
	else
		certctl_buffer_printf(&record->text, "%s%s=", is_first ? "" : " ", len > 0 ? name : "_");
	put_value(record, value);
}

/* A pair may not pose as what every record begins with. */
static const char *own_key(const char *key)
{
	static const char *const taken[][2] = { { "time", "time_" }, { "level", "level_" }, { "event", "event_" },
		{ "program", "program_" } };

	for (size_t i = 0; i < CERTCTL_COUNT(taken); i++)
		if (strcmp(key, taken[i][0]) == 0)
			return taken[i][1];
	return key;
}

static void write_record(enum certctl_log_level level, const char *record, size_t len)
{
	if (setup.sink) {
		setup.sink(setup.sink_arg, level, record, len);
		return;
	}
	/* A log that cannot be written has nowhere to be reported. */
	while (write(setup.fd, record, len) < 0 && errno == EINTR)
		;
}

static void put_head(struct record *record, enum certctl_log_level level, const char *event)
{
	char now[CERTCTL_TIME_TEXT];

	format_now(now);
	put_pair(record, "time", now);
	put_pair(record, "level", certctl_log_level_name(level));
	if (setup.program)
		put_pair(record, "program", setup.program);
	put_pair(record, "event", event);
}

void certctl_log_pairs(enum certctl_log_level level, const char *event, const char *const *pairs, size_t count)
{
	static const char lost[] = "level=error event=log.no_memory\n";
	struct record record = { .is_json = atomic_load(&log_format) == CERTCTL_LOG_JSON };

	if (!certctl_log_enabled(level))
		return;
	/* A root of its own: any thread may log, and a talloc tree belongs to one. */
	TALLOC_CTX *mem = talloc_new(NULL);

	certctl_buffer_init(&record.text, mem, RECORD_MAX + 8 * (KEY_MAX + VALUE_MAX));
	put_head(&record, level, event);
	size_t i = 0;

	for (; i + 1 < count && record.text.len < RECORD_MAX; i += 2)
		put_pair(&record, own_key(pairs[i]), pairs[i + 1]);
	if (i + 1 < count)
		put_pair(&record, "record_cut", "true");
	certctl_buffer_puts(&record.text, record.is_json ? "}\n" : "\n");
	if (mem && certctl_buffer_finish(&record.text, NULL) == 0)
		write_record(level, record.text.data, record.text.len);
	else
		write_record(level, lost, sizeof(lost) - 1);
	talloc_free(mem);
}

/* Pairs until a NULL key; how many strings there are. */
static size_t collect(const char *pairs[2 * PAIRS_MAX], va_list args)
{
	size_t count = 0;

	for (const char *key = va_arg(args, const char *); key && count < 2 * PAIRS_MAX;
		key = va_arg(args, const char *)) {
		pairs[count++] = key;
		pairs[count++] = va_arg(args, const char *);
	}
	return count;
}

void certctl_log(enum certctl_log_level level, const char *event, ...)
{
	const char *pairs[2 * PAIRS_MAX];
	va_list args;

	if (!certctl_log_enabled(level))
		return;
	va_start(args, event);
	size_t count = collect(pairs, args);

	va_end(args);
	certctl_log_pairs(level, event, pairs, count);
}

void certctl_log_error(enum certctl_log_level level, const char *event, const struct certctl_error *err, ...)
{
	const char *pairs[2 * PAIRS_MAX + 8];
	char seconds[24];
	va_list args;

	if (!certctl_log_enabled(level))
		return;
	va_start(args, err);
	size_t count = collect(pairs, args);

	va_end(args);
	const char *const own[][2] = { { "code", certctl_code_name(err->code) }, { "what", err->what },
		{ "hint", err->hint[0] ? err->hint : NULL },
		{ "retry_after_s", err->retry_after_s ? certctl_num_format(seconds, err->retry_after_s) : NULL } };

	for (size_t i = 0; i < CERTCTL_COUNT(own); i++)
		if (own[i][1]) {
			pairs[count++] = own[i][0];
			pairs[count++] = own[i][1];
		}
	certctl_log_pairs(level, event, pairs, count);
}
