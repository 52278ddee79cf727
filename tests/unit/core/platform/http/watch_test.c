/* Connections whose time is up: they end as TLS asks, and in any case. */
#include "core/platform/http/watch.h"
#include "test.h"

#include <certctl/time.h>
#include <sys/socket.h>
#include <unistd.h>

/* A connection, and its client's end. */
struct pair {
	struct watch *watch;
	struct http_connection connection;
	int client;
};

static void open_pair(struct pair *pair)
{
	struct certctl_error err = { 0 };
	int fds[2];

	*pair = (struct pair){ 0 };
	ASSERT_OK(watch_new(test_mem(), 16, &pair->watch, &err), err);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	pair->connection.socket = fds[0];
	pair->client = fds[1];
	watch_add(pair->watch, &pair->connection);
}

static void close_pair(struct pair *pair)
{
	watch_remove(pair->watch, &pair->connection);
	close(pair->connection.socket);
	close(pair->client);
}

static int64_t after(int64_t ms)
{
	return certctl_monotonic_ms() + ms;
}

static bool can_read_nothing(int fd)
{
	char octet;

	return recv(fd, &octet, 1, 0) == 0;
}

static void who_says_nothing_may_still_be_told_good_bye(void)
{
	struct pair pair;

	open_pair(&pair);
	CU_ASSERT_EQUAL(watch_expire(pair.watch, after(0)), 0);
	CU_ASSERT_EQUAL(watch_expire(pair.watch, after(WATCH_HEADERS_MS)), 1);
	CU_ASSERT_TRUE(can_read_nothing(pair.connection.socket));
	CU_ASSERT_EQUAL(send(pair.connection.socket, "x", 1, MSG_NOSIGNAL), 1);
	/* The library had its second. */
	CU_ASSERT_EQUAL(watch_expire(pair.watch, after(WATCH_HEADERS_MS + WATCH_ENDING_MS)), 0);
	CU_ASSERT_EQUAL(send(pair.connection.socket, "x", 1, MSG_NOSIGNAL), -1);
	close_pair(&pair);
}

static void a_request_that_was_sent_in_time_is_answered_and_no_other_waited_for(void)
{
	struct pair pair;

	open_pair(&pair);
	CU_ASSERT_EQUAL(watch_expire(pair.watch, after(WATCH_HEADERS_MS)), 1);
	watch_set(pair.watch, &pair.connection, 0);
	CU_ASSERT_EQUAL(watch_expire(pair.watch, after(INT32_MAX)), 0);
	CU_ASSERT_EQUAL(send(pair.connection.socket, "x", 1, MSG_NOSIGNAL), 1);
	watch_set(pair.watch, &pair.connection, WATCH_IDLE_MS);
	watch_expire(pair.watch, after(WATCH_ENDING_MS));
	CU_ASSERT_EQUAL(send(pair.connection.socket, "x", 1, MSG_NOSIGNAL), -1);
	close_pair(&pair);
}

const struct test tests[] = {
	TEST(who_says_nothing_may_still_be_told_good_bye),
	TEST(a_request_that_was_sent_in_time_is_answered_and_no_other_waited_for),
	{ 0 },
};
