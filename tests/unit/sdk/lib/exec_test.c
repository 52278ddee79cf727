#include "test.h"

#include <certctl/exec.h>
#include <certctl/time.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int run(const struct certctl_command *command, struct certctl_command_result *ret, struct certctl_error *err)
{
	*ret = (struct certctl_command_result){ 0 };
	return certctl_command_run(test_mem(), command, NULL, NULL, ret, err);
}

/* A script, with defaults; the result is checked by the caller. */
static struct certctl_command_result run_script(const char *script)
{
	const char *argv[] = { "/bin/sh", "-c", script, NULL };
	struct certctl_command_result result;
	struct certctl_error err;

	ASSERT_OK(run(&(struct certctl_command){ .argv = argv }, &result, &err), err);
	return result;
}

/* Gone, or a zombie that a container's lazy init has not reaped. */
static bool is_alive(long pid)
{
	char *path = talloc_asprintf(test_mem(), "/proc/%ld/stat", pid), line[500] = "";
	FILE *file = fopen(path, "re");

	if (!file)
		return false;
	char *got = fgets(line, sizeof(line), file);
	const char *state = got ? strrchr(line, ')') : NULL;

	fclose(file);
	return state && state[2] != 'Z';
}

static bool ends_soon(long pid)
{
	for (int i = 0; i < 1000 && is_alive(pid); i++)
		usleep(10000);
	return !is_alive(pid);
}

static void output_and_exit_code_come_back(void)
{
	struct certctl_command_result result = run_script("echo out; echo err >&2; exit 3");

	CU_ASSERT_EQUAL(result.exit_code, 3);
	CU_ASSERT_EQUAL(result.signal, 0);
	CU_ASSERT_FALSE(result.timed_out);
	CU_ASSERT_FALSE(result.output_cut);
	ASSERT_TEXT(result.output, "out\nerr\n");
	CU_ASSERT_EQUAL(result.output_len, 8);
	result = run_script("kill -9 $$");
	CU_ASSERT_EQUAL(result.exit_code, -1);
	CU_ASSERT_EQUAL(result.signal, SIGKILL);
	ASSERT_TEXT(result.output, "");
}

static void what_cannot_start_says_why(void)
{
	static const struct {
		const char *argv0, *directory, *words;
		int code;
	} rows[] = {
		{ "/no/such/program", NULL, "/no/such/program", CERTCTL_E_NOT_FOUND },
		{ "/etc/passwd", NULL, "/etc/passwd", CERTCTL_E_DENIED },
		{ "/bin/true", "/no/such/directory", "/bin/true", CERTCTL_E_NOT_FOUND },
		{ "true", NULL, "absolute path", CERTCTL_E_INVALID },
		{ "./true", NULL, "absolute path", CERTCTL_E_INVALID },
		{ NULL, NULL, "absolute path", CERTCTL_E_INVALID },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		const char *argv[] = { rows[i].argv0, NULL };
		struct certctl_command command = { .argv = argv, .directory = rows[i].directory };
		struct certctl_command_result result;
		struct certctl_error err;

		ASSERT_FAILS(run(&command, &result, &err), rows[i].code, rows[i].words, err);
		CU_ASSERT_PTR_NULL(result.output);
	}
}

static void the_environment_is_empty_but_for_path_and_what_is_given(void)
{
	static const char *const argv[] = { "/usr/bin/env", NULL }, *const extra[] = { "A=1", "B=", NULL };
	static const char *const bad[][2] = { { "PATH=/tmp", NULL }, { "=x", NULL }, { "novalue", NULL } };
	struct certctl_command_result result;
	struct certctl_error err;

	setenv("CERTCTL_TEST_LEAK", "1", 1);
	ASSERT_OK(run(&(struct certctl_command){ .argv = argv }, &result, &err), err);
	ASSERT_TEXT(result.output, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n");
	ASSERT_OK(run(&(struct certctl_command){ .argv = argv, .environment = extra }, &result, &err), err);
	ASSERT_TEXT(result.output, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nA=1\nB=\n");
	for (size_t i = 0; i < CERTCTL_COUNT(bad); i++)
		ASSERT_FAILS(run(&(struct certctl_command){ .argv = argv, .environment = bad[i] }, &result, &err),
			CERTCTL_E_INVALID, "NAME=value", err);
}

static void nothing_else_is_inherited(void)
{
	sigset_t block, before;
	int open_one = open("/etc/passwd", O_RDONLY); /* NOLINT: without O_CLOEXEC on purpose */
	void (*handler)(int) = signal(SIGPIPE, SIG_IGN);

	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &block, &before);
	struct certctl_command_result fds = run_script("exec ls /proc/self/fd");
	struct certctl_command_result blocked = run_script("exec grep SigBlk /proc/self/status");
	struct certctl_command_result ignored = run_script("exec grep SigIgn /proc/self/status");
	struct certctl_command_result group = run_script("set -- $(cat /proc/$$/stat); [ \"$1\" = \"$5\" ] && pwd");

	pthread_sigmask(SIG_SETMASK, &before, NULL);
	signal(SIGPIPE, handler);
	close(open_one);
	ASSERT_TEXT(fds.output, "0\n1\n2\n3\n"); /* 3 is the directory that ls reads */
	ASSERT_TEXT(blocked.output, "SigBlk:\t0000000000000000\n");
	CU_ASSERT_EQUAL(strncmp(ignored.output, "SigIgn:\t", 8), 0);
	/* Signals 32 and 33 are glibc's own: posix_spawn leaves them ignored. */
	CU_ASSERT_EQUAL(strtoull(ignored.output + 8, NULL, 16) & ~(UINT64_C(3) << 31), 0);
	ASSERT_TEXT(group.output, "/\n");
}

static void input_is_read_or_not(void)
{
	static const char *const cat[] = { "/bin/cat", NULL }, *const nothing[] = { "/bin/true", NULL };
	size_t len = 1000000;
	char *input = talloc_size(test_mem(), len);
	struct certctl_command command = { .argv = cat, .input = input, .input_len = len, .output_max = 2000000 };
	struct certctl_command_result result;
	struct certctl_error err;

	memset(input, 'i', len);
	ASSERT_OK(run(&command, &result, &err), err);
	CU_ASSERT_EQUAL(result.output_len, len);
	command.argv = nothing;
	ASSERT_OK(run(&command, &result, &err), err);
	CU_ASSERT_EQUAL(result.exit_code, 0);
	ASSERT_OK(run(&(struct certctl_command){ .argv = cat }, &result, &err), err);
	ASSERT_TEXT(result.output, "");
	ASSERT_OK(run(&(struct certctl_command){ .argv = cat, .input = "" }, &result, &err), err);
	ASSERT_TEXT(result.output, "");
}

static void a_flood_is_cut_and_the_command_still_ends_well(void)
{
	static const char *const argv[] = { "/bin/sh", "-c", "yes | head -c 5000000; exit 4", NULL };
	struct certctl_command_result result;
	struct certctl_error err;

	ASSERT_OK(run(&(struct certctl_command){ .argv = argv, .output_max = 1000 }, &result, &err), err);
	CU_ASSERT_EQUAL(result.exit_code, 4);
	CU_ASSERT_EQUAL(result.output_len, 1000);
	CU_ASSERT_TRUE(result.output_cut);
	ASSERT_OK(run(&(struct certctl_command){ .argv = argv }, &result, &err), err);
	CU_ASSERT_EQUAL(result.output_len, 64 * 1024);
}

static void output_is_valid_utf8_whatever_it_was(void)
{
	static const struct {
		const char *script, *text;
		uint32_t max;
		bool is_cut;
	} rows[] = {
		{ "printf 'caf\\303\\251'", "caf\xc3\xa9", 100, false },
		{ "printf 'a\\377b\\000c'",
			"a\xef\xbf\xbd"
			"b\xef\xbf\xbd"
			"c",
			100, false },
		{ "printf '\\303'", "\xef\xbf\xbd", 100, false },
		{ "printf 'abc\\303\\251'", "abc", 4, true },
		{ "printf '\\377\\377'", "\xef\xbf\xbd", 5, true },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		const char *argv[] = { "/bin/sh", "-c", rows[i].script, NULL };
		struct certctl_command_result result;
		struct certctl_error err;

		ASSERT_OK(run(&(struct certctl_command){ .argv = argv, .output_max = rows[i].max }, &result, &err),
			err);
		ASSERT_TEXT(result.output, rows[i].text);
		CU_ASSERT_EQUAL(result.output_len, strlen(rows[i].text));
		CU_ASSERT_EQUAL(result.output_cut, rows[i].is_cut);
	}
}

static void a_command_past_its_time_is_ended(void)
{
	static const struct {
		const char *script;
		int signal;
	} rows[] = {
		{ "echo started; sleep 1000", SIGTERM },
		{ "echo started; trap '' TERM; while :; do sleep 1000; done", SIGKILL },
		{ "echo started; kill -STOP $$", SIGTERM },
		{ "echo started; yes", SIGTERM },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		const char *argv[] = { "/bin/sh", "-c", rows[i].script, NULL };
		struct certctl_command_result result;
		struct certctl_error err;

		ASSERT_FAILS(run(&(struct certctl_command){ .argv = argv, .timeout_s = 1 }, &result, &err),
			CERTCTL_E_TIMEOUT, "after 1 s", err);
		CU_ASSERT_TRUE(result.timed_out);
		CU_ASSERT_EQUAL(result.exit_code, -1);
		CU_ASSERT_EQUAL(result.signal, rows[i].signal);
		CU_ASSERT_TRUE(result.elapsed_ms >= 1000);
		CU_ASSERT_EQUAL(strncmp(result.output, "started\n", 8), 0);
	}
}

static bool third_question(void *arg)
{
	return ++*(int *)arg == 3;
}

static void the_caller_can_change_its_mind(void)
{
	static const char *const argv[] = { "/bin/sleep", "1000", NULL };
	struct certctl_command_result result = { .exit_code = 77 };
	struct certctl_error err;
	int questions = 0;

	ASSERT_FAILS(certctl_command_run(test_mem(), &(struct certctl_command){ .argv = argv }, third_question,
			     &questions, &result, &err),
		CERTCTL_E_CANCELLED, "/bin/sleep", err);
	CU_ASSERT_EQUAL(questions, 3);
	CU_ASSERT_EQUAL(result.exit_code, 77);
}

static void what_the_command_leaves_in_its_group_is_killed(void)
{
	int64_t before_ms = certctl_monotonic_ms();
	struct certctl_command_result result = run_script("sleep 1000 & echo $!");

	CU_ASSERT_TRUE(ends_soon(strtol(result.output, NULL, 10)));
	CU_ASSERT_TRUE(certctl_monotonic_ms() - before_ms < 30000); /* not the 60 s of the time limit */
}

static void what_may_stay_stays(void)
{
	static const char *const argv[] = { "/bin/sh", "-c", "sleep 1000 & echo $!", NULL };
	struct certctl_command command = { .argv = argv, .leave_descendants = true };
	struct certctl_command_result result;
	struct certctl_error err;

	ASSERT_OK(run(&command, &result, &err), err);
	long pid = strtol(result.output, NULL, 10);

	CU_ASSERT_TRUE_FATAL(pid > 1);
	CU_ASSERT_TRUE(is_alive(pid));
	kill((pid_t)pid, SIGKILL);
}

static void what_left_the_group_does_not_hold_us(void)
{
	struct certctl_command_result result = run_script("setsid sh -c 'echo $$; exec sleep 1000' & sleep 0.3");
	long pid = strtol(result.output, NULL, 10);

	CU_ASSERT_TRUE_FATAL(pid > 1);
	CU_ASSERT_EQUAL(result.exit_code, 0);
	CU_ASSERT_TRUE(result.elapsed_ms < 30000);
	kill((pid_t)pid, SIGKILL);
}

static void other_children_are_left_to_their_parent(void)
{
	pid_t other = fork();
	int status = 0;

	if (other == 0)
		_exit(42);
	CU_ASSERT_EQUAL(run_script("exit 1").exit_code, 1);
	CU_ASSERT_EQUAL(waitpid(other, &status, 0), other);
	CU_ASSERT_EQUAL(WEXITSTATUS(status), 42);
}

static void a_status_that_somebody_else_took_is_an_error(void)
{
	static const char *const argv[] = { "/bin/true", NULL };
	struct certctl_command_result result;
	struct certctl_error err;
	void (*handler)(int) = signal(SIGCHLD, SIG_IGN); /* the kernel reaps */

	ASSERT_FAILS(run(&(struct certctl_command){ .argv = argv }, &result, &err), CERTCTL_E_IO, "status is lost",
		err);
	signal(SIGCHLD, handler);
}

static void *run_many(void *arg)
{
	long bad = 0, number = (long)arg;

	for (int i = 0; i < 10; i++) {
		TALLOC_CTX *mem = talloc_new(NULL);
		char *text = talloc_asprintf(mem, "%ld-%d", number, i);
		const char *argv[] = { "/bin/echo", text, NULL };
		struct certctl_command_result result = { 0 };
		struct certctl_error err;

		bad += certctl_command_run(mem, &(struct certctl_command){ .argv = argv }, NULL, NULL, &result, &err) !=
			       0 ||
		       strncmp(result.output, text, strlen(text)) != 0 || result.output_len != strlen(text) + 1;
		talloc_free(mem);
	}
	return (void *)bad;
}

static void threads_run_commands_side_by_side(void)
{
	pthread_t threads[8];

	for (long i = 0; i < 8; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, run_many, (void *)i), 0);
	for (int i = 0; i < 8; i++) {
		void *bad = NULL;

		pthread_join(threads[i], &bad);
		CU_ASSERT_PTR_NULL(bad);
	}
}

/* A daemon that closed its standard descriptors gets the numbers 0 to 2 for pipes. */
static void closed_standard_descriptors_do_no_harm(void)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		static const char *const argv[] = { "/bin/cat", NULL };
		struct certctl_command command = { .argv = argv, .input = "through", .input_len = 7 };
		struct certctl_command_result result = { 0 };

		close(0), close(1), close(2);
		_exit(certctl_command_run(NULL, &command, NULL, NULL, &result, NULL) ||
			strcmp(result.output, "through") != 0);
	}
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	CU_ASSERT_EQUAL(status, 0);
}

const struct test tests[] = {
	TEST(output_and_exit_code_come_back),
	TEST(what_cannot_start_says_why),
	TEST(the_environment_is_empty_but_for_path_and_what_is_given),
	TEST(nothing_else_is_inherited),
	TEST(input_is_read_or_not),
	TEST(a_flood_is_cut_and_the_command_still_ends_well),
	TEST(output_is_valid_utf8_whatever_it_was),
	TEST(a_command_past_its_time_is_ended),
	TEST(the_caller_can_change_its_mind),
	TEST(what_the_command_leaves_in_its_group_is_killed),
	TEST(what_may_stay_stays),
	TEST(what_left_the_group_does_not_hold_us),
	TEST(other_children_are_left_to_their_parent),
	TEST(a_status_that_somebody_else_took_is_an_error),
	TEST(threads_run_commands_side_by_side),
	TEST(closed_standard_descriptors_do_no_harm),
	{ 0 },
};
