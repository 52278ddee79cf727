#include "test.h"

#include <certctl/json.h>
#include <certctl/log.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

static char *last;
static size_t records;

static void keep_record(void *arg, enum certctl_log_level level, const char *record, size_t len)
{
	(void)level;
	CU_ASSERT_EQUAL(*(int *)arg, 42);
	CU_ASSERT_EQUAL(record[len - 1], '\n');
	last = talloc_strndup(test_mem(), record, len - 1);
	records++;
}

static void set_up(enum certctl_log_format format, enum certctl_log_level level)
{
	static int mark = 42;
	struct certctl_log_options options = {
		.format = format, .level = level, .sink = keep_record, .sink_arg = &mark, .program = "certctld"
	};

	certctl_log_setup(&options);
	last = NULL;
	records = 0;
}

static void logfmt_quotes_what_needs_it(void)
{
	set_up(CERTCTL_LOG_LOGFMT, CERTCTL_LOG_INFO);
	certctl_log(CERTCTL_LOG_WARNING, "job.failed", "job", "job-1", "what", "two words", "empty", "", "none", NULL,
		"text", "null", "number", certctl_num(-5), "equals", "a=b", NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(last);
	CU_ASSERT_EQUAL(strncmp(last, "time=20", 7), 0);
	ASSERT_TEXT(strstr(last, " level="),
		" level=warning program=certctld event=job.failed job=job-1 what=\"two words\" "
		"empty=\"\" none=null text=\"null\" number=-5 equals=\"a=b\"");
}

static void json_records_are_json(void)
{
	struct certctl_error err;

	set_up(CERTCTL_LOG_JSON, CERTCTL_LOG_INFO);
	certctl_log(CERTCTL_LOG_ERROR, "job.failed", "what", "line\nbreak \xe2\x80\xae \xff \"", "none", NULL, NULL);
	CERTCTL_AUTO(json_decref) json_t *record = NULL;

	ASSERT_OK(certctl_json_parse(last, strlen(last), NULL, &record, &err), err);
	ASSERT_TEXT(certctl_json_text_or(record, "level", ""), "error");
	ASSERT_TEXT(certctl_json_text_or(record, "program", ""), "certctld");
	ASSERT_TEXT(certctl_json_text_or(record, "event", ""), "job.failed");
	ASSERT_TEXT(certctl_json_text_or(record, "what", ""), "line\nbreak \xe2\x80\xae \xef\xbf\xbd \"");
	CU_ASSERT(json_is_null(json_object_get(record, "none")));
}

static void nobody_can_forge_a_record(void)
{
	static const char *const forged[] = { "x\nlevel=error event=admin.deleted", "x\r\n", "x\x1b[2J",
		"x\xe2\x80\xa8y", "x\xe2\x80\xaey", "x\xc2\x85y", "x\x7f" };

	for (int format = CERTCTL_LOG_LOGFMT; format <= CERTCTL_LOG_JSON; format++)
		for (size_t i = 0; i < CERTCTL_COUNT(forged); i++) {
			set_up((enum certctl_log_format)format, CERTCTL_LOG_INFO);
			certctl_log(CERTCTL_LOG_INFO, forged[i], forged[i], forged[i], "event", "admin.deleted", NULL);
			CU_ASSERT_EQUAL(records, 1);
			CU_ASSERT_EQUAL(strcspn(last, "\r\n\x1b\x7f"), strlen(last));
			CU_ASSERT_PTR_NULL(strstr(last, "\xe2\x80"));
			CU_ASSERT_PTR_NULL(strstr(last, "\xc2\x85"));
			CU_ASSERT_PTR_NOT_NULL(strstr(last, "event_"));
		}
}

static void levels_filter(void)
{
	set_up(CERTCTL_LOG_LOGFMT, CERTCTL_LOG_NOTICE);
	certctl_log(CERTCTL_LOG_INFO, "quiet", NULL);
	CU_ASSERT_EQUAL(records, 0);
	certctl_log(CERTCTL_LOG_NOTICE, "heard", NULL);
	CU_ASSERT_EQUAL(records, 1);
	CU_ASSERT(certctl_log_enabled(CERTCTL_LOG_ERROR) && !certctl_log_enabled(CERTCTL_LOG_DEBUG));
	for (int level = CERTCTL_LOG_ERROR; level <= CERTCTL_LOG_DEBUG; level++) {
		const char *name = certctl_log_level_name((enum certctl_log_level)level);

		CU_ASSERT_EQUAL((int)certctl_log_level_from_name(name), level);
	}
	CU_ASSERT_EQUAL(certctl_log_level_from_name("loud"), 0);
	CU_ASSERT_EQUAL(certctl_log_level_from_name(NULL), 0);
}

static void an_error_logs_what_it_knows(void)
{
	struct certctl_error err;

	set_up(CERTCTL_LOG_LOGFMT, CERTCTL_LOG_INFO);
	certctl_fail(&err, CERTCTL_E_UNAVAILABLE, "no answer");
	certctl_hint(&err, "Wait.");
	err.retry_after_s = 30;
	certctl_log_error(CERTCTL_LOG_WARNING, "ca.away", &err, "issuer", "corp", NULL);
	ASSERT_TEXT(strstr(last, "event="),
		"event=ca.away issuer=corp code=unavailable what=\"no answer\" hint=Wait. retry_after_s=30");
	certctl_fail(&err, CERTCTL_E_DENIED, "no");
	certctl_log_error(CERTCTL_LOG_WARNING, "ca.no", &err, NULL);
	ASSERT_TEXT(strstr(last, "event="), "event=ca.no code=denied what=no");
}

static void long_records_are_cut_not_lost(void)
{
	char *big = talloc_array(test_mem(), char, 100000);
	const char *pairs[400];

	memset(big, '\x01', 99999);
	big[99999] = 0;
	for (size_t i = 0; i < CERTCTL_COUNT(pairs); i += 2) {
		pairs[i] = "value";
		pairs[i + 1] = big;
	}
	set_up(CERTCTL_LOG_LOGFMT, CERTCTL_LOG_INFO);
	certctl_log_pairs(CERTCTL_LOG_INFO, "flood", pairs, CERTCTL_COUNT(pairs));
	CU_ASSERT_EQUAL(records, 1);
	CU_ASSERT(strlen(last) < 65536 + 4096);
	CU_ASSERT_PTR_NOT_NULL(strstr(last, " record_cut=true"));
}

struct shared_pipe {
	int fds[2];
};

static void *log_much(void *arg)
{
	(void)arg;
	for (int i = 0; i < 200; i++)
		certctl_log(CERTCTL_LOG_INFO, "from.thread", "i", certctl_num(i), NULL);
	return NULL;
}

static void threads_do_not_mix_their_records(void)
{
	struct shared_pipe shared;
	pthread_t threads[4];
	static char text[1 << 18];
	size_t len = 0, lines = 0;

	CU_ASSERT_EQUAL_FATAL(pipe(shared.fds), 0);
	struct certctl_log_options options = { .format = CERTCTL_LOG_JSON, .fd = shared.fds[1] };

	certctl_log_setup(&options);
	for (size_t i = 0; i < CERTCTL_COUNT(threads); i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, log_much, NULL), 0);
	while (lines < 800) {
		ssize_t got = read(shared.fds[0], text + len, sizeof(text) - len - 1);

		CU_ASSERT_FATAL(got > 0);
		for (ssize_t i = 0; i < got; i++)
			lines += text[len + (size_t)i] == '\n';
		len += (size_t)got;
	}
	for (size_t i = 0; i < CERTCTL_COUNT(threads); i++)
		pthread_join(threads[i], NULL);
	text[len] = 0;
	for (char *rest = text, *line; (line = strsep(&rest, "\n")) && *line;) {
		CERTCTL_AUTO(json_decref) json_t *record = json_loads(line, 0, NULL);

		CU_ASSERT_PTR_NOT_NULL(record);
	}
	close(shared.fds[0]);
	close(shared.fds[1]);
}

static void format_and_level_change_while_it_runs(void)
{
	set_up(CERTCTL_LOG_LOGFMT, CERTCTL_LOG_INFO);
	certctl_log(CERTCTL_LOG_DEBUG, "job.claimed", NULL);
	CU_ASSERT_EQUAL(records, 0);
	certctl_log_change(CERTCTL_LOG_JSON, CERTCTL_LOG_DEBUG);
	certctl_log(CERTCTL_LOG_DEBUG, "job.claimed", NULL);
	CU_ASSERT_EQUAL(records, 1);
	CU_ASSERT_EQUAL(last[0], '{');
	certctl_log_change(CERTCTL_LOG_LOGFMT, CERTCTL_LOG_ERROR);
	certctl_log(CERTCTL_LOG_WARNING, "job.failed", NULL);
	CU_ASSERT_EQUAL(records, 1);
}

const struct test tests[] = {
	TEST(logfmt_quotes_what_needs_it),
	TEST(json_records_are_json),
	TEST(nobody_can_forge_a_record),
	TEST(levels_filter),
	TEST(format_and_level_change_while_it_runs),
	TEST(an_error_logs_what_it_knows),
	TEST(long_records_are_cut_not_lost),
	TEST(threads_do_not_mix_their_records),
	{ 0 },
};
