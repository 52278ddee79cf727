/* The socket between agent and worker: both ends, and what each does about a bad other end. */
#include "agent/shared/link.h"

#include "test.h"

#include <certctl/time.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char *socket_path(void)
{
	return talloc_asprintf(test_mem(), "%s/s", test_temporary_dir());
}

/* Answers one connection: with `raw` as it is, or by the operation asked for. */
struct other_end {
	int listen_fd;
	const char *raw;
	size_t raw_len;
	pthread_t thread;
};

/* The request is taken first: closing with it unread would reset the connection and lose what was said. */
static void answer_raw(int fd, const char *raw, size_t len)
{
	struct certctl_link_request request = { 0 };
	struct certctl_error err = { 0 };

	ASSERT_OK(certctl_link_receive(fd, certctl_monotonic_ms() + 10000, &request, &err), err);
	json_decref(request.frame);
	if (write(fd, raw, len) < 0)
		perror("write");
}

static void answer(int fd)
{
	struct certctl_link_request request = { 0 };
	struct certctl_error err = { 0 };
	CERTCTL_AUTO(json_decref) json_t *result = NULL;
	int rc = certctl_link_receive(fd, certctl_monotonic_ms() + 10000, &request, &err);

	if (rc == 0 && strcmp(request.operation, "echo") == 0)
		result = json_incref(request.argument);
	else if (rc == 0)
		certctl_fail(&err, CERTCTL_E_DENIED, "no %s here", request.operation);
	json_decref(request.frame);
	if (certctl_link_reply(fd, result, &err, certctl_monotonic_ms() + 10000, &err) < 0)
		return;
}

static void *serve_one(void *arg)
{
	struct other_end *end = arg;
	int fd;

	do
		fd = accept(end->listen_fd, NULL, NULL);
	while (fd < 0); /* the listener does not block */
	if (end->raw)
		answer_raw(fd, end->raw, end->raw_len);
	else
		answer(fd);
	close(fd);
	return NULL;
}

static struct other_end start(const char *path, const char *raw, size_t raw_len)
{
	struct other_end end = { .raw = raw, .raw_len = raw_len };
	struct certctl_error err = { 0 };

	ASSERT_OK(certctl_link_listen(path, getuid(), &end.listen_fd, &err), err);
	return end;
}

static int ask(const char *path, const char *operation, struct other_end *end, json_t **ret, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *argument = json_pack("{s:s}", "say", "hello");
	struct certctl_link_call call = {
		.socket = path, .operation = operation, .argument = argument, .timeout_ms = 10000
	};

	pthread_create(&end->thread, NULL, serve_one, end);
	int rc = certctl_link_ask(&call, ret, err);

	pthread_join(end->thread, NULL);
	close(end->listen_fd);
	return rc;
}

static void a_result_comes_back(void)
{
	const char *path = socket_path();
	struct other_end end = start(path, NULL, 0);
	CERTCTL_AUTO(json_decref) json_t *result = NULL;
	struct certctl_error err = { 0 };

	ASSERT_OK(ask(path, "echo", &end, &result, &err), err);
	ASSERT_TEXT(certctl_json_text_or(result, "say", ""), "hello");
}

static void the_workers_error_comes_back_as_it_was(void)
{
	const char *path = socket_path();
	struct other_end end = start(path, NULL, 0);
	CERTCTL_AUTO(json_decref) json_t *result = NULL;
	struct certctl_error err = { 0 };

	ASSERT_FAILS(ask(path, "shell", &end, &result, &err), CERTCTL_E_DENIED, "no shell here", err);
	CU_ASSERT_FALSE(err.retryable);
}

static void a_worker_that_is_away_is_worth_another_try(void)
{
	CERTCTL_AUTO(json_decref) json_t *result = NULL;
	struct certctl_error err = { 0 };
	struct certctl_link_call call = { .socket = socket_path(), .operation = "echo", .timeout_ms = 1000 };

	ASSERT_FAILS(certctl_link_ask(&call, &result, &err), CERTCTL_E_UNAVAILABLE, "worker at", err);
	CU_ASSERT_TRUE(err.retryable);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "certctl-agent-worker"));
}

static void garbage_from_the_other_end_is_an_error_and_no_crash(void)
{
	static const struct {
		const char *bytes;
		size_t len;
		int code;
	} rows[] = {
		{ "", 0, CERTCTL_E_UNAVAILABLE },
		{ "\0\0", 2, CERTCTL_E_UNAVAILABLE },
		{ "\xff\xff\xff\xff", 4, CERTCTL_E_LIMIT },
		{ "\0\0\0\2[]", 6, CERTCTL_E_PROTOCOL },
		{ "\0\0\0\2{}", 6, CERTCTL_E_PROTOCOL },
		{ "\0\0\0\3{x}", 7, CERTCTL_E_PROTOCOL },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		const char *path = socket_path();
		struct other_end end = start(path, rows[i].bytes, rows[i].len);
		CERTCTL_AUTO(json_decref) json_t *result = NULL;
		struct certctl_error err = { 0 };

		ASSERT_FAILS(ask(path, "echo", &end, &result, &err), rows[i].code, NULL, err);
	}
}

static bool always(void *arg)
{
	(void)arg;
	return true;
}

static void a_call_can_be_given_up(void)
{
	const char *path = socket_path();
	struct other_end end = start(path, NULL, 0);
	CERTCTL_AUTO(json_decref) json_t *result = NULL;
	struct certctl_error err = { 0 };
	struct certctl_link_call call = {
		.socket = path, .operation = "echo", .timeout_ms = 10000, .is_cancelled = always
	};

	ASSERT_FAILS(certctl_link_ask(&call, &result, &err), CERTCTL_E_CANCELLED, NULL, err);
	close(end.listen_fd);
}

static void requests_that_are_none_are_refused(void)
{
	static const struct {
		const char *json, *words;
		int code;
	} rows[] = {
		{ "{}", "protocol", CERTCTL_E_NOT_FOUND },
		{ "{\"protocol\":2,\"operation\":\"echo\",\"argument\":{}}", "this worker speaks 1",
			CERTCTL_E_UNSUPPORTED },
		{ "{\"protocol\":1,\"argument\":{}}", "operation", CERTCTL_E_NOT_FOUND },
		{ "{\"protocol\":1,\"operation\":\"echo\"}", "argument", CERTCTL_E_INVALID },
		{ "{\"protocol\":1,\"operation\":\"echo\",\"argument\":[]}", "argument", CERTCTL_E_INVALID },
		{ "{\"protocol\":1,\"operation\":\"echo\",\"argument\":{},\"more\":1}", "expected", CERTCTL_E_INVALID },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		int pair[2];
		struct certctl_link_request request;
		struct certctl_error err = { 0 };
		unsigned char length[4] = { 0, 0, 0, (unsigned char)strlen(rows[i].json) };

		CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		CU_ASSERT_EQUAL(write(pair[0], length, 4), 4);
		CU_ASSERT_EQUAL(write(pair[0], rows[i].json, strlen(rows[i].json)), (ssize_t)strlen(rows[i].json));
		ASSERT_FAILS(certctl_link_receive(pair[1], certctl_monotonic_ms() + 10000, &request, &err),
			rows[i].code, rows[i].words, err);
		close(pair[0]);
		close(pair[1]);
	}
}

static void the_socket_is_private_and_a_stale_one_is_replaced(void)
{
	const char *path = socket_path();
	struct other_end first = start(path, NULL, 0);
	struct stat status;

	close(first.listen_fd); /* the file stays, as after a crash */
	struct other_end second = start(path, NULL, 0);

	CU_ASSERT_EQUAL_FATAL(stat(path, &status), 0);
	CU_ASSERT_EQUAL(status.st_mode & 07777, 0600);
	close(second.listen_fd);
}

static void only_the_user_of_the_settings_may_ask(void)
{
	int pair[2];
	struct certctl_error err = { 0 };

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ASSERT_OK(certctl_link_check_peer(pair[0], getuid(), &err), err);
	ASSERT_FAILS(certctl_link_check_peer(pair[0], getuid() + 1, &err), CERTCTL_E_DENIED, "may not talk", err);
	close(pair[0]);
	close(pair[1]);
}

const struct test tests[] = {
	TEST(a_result_comes_back),
	TEST(the_workers_error_comes_back_as_it_was),
	TEST(a_worker_that_is_away_is_worth_another_try),
	TEST(garbage_from_the_other_end_is_an_error_and_no_crash),
	TEST(a_call_can_be_given_up),
	TEST(requests_that_are_none_are_refused),
	TEST(the_socket_is_private_and_a_stale_one_is_replaced),
	TEST(only_the_user_of_the_settings_may_ask),
	{ 0 },
};
