/* Servers that are busy, slow, silent, too talkative or not there: http_server.py misbehaves on request. */
#include "http.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>

static void a_busy_server_says_when_to_come_again(void)
{
	struct certctl_http_client *client = new_client(NULL);
	struct certctl_http_response response;
	struct certctl_error err;

	ASSERT_OK(get(client, url_of("https", "/status?code=429&retry_after=120"), &response, &err), err);
	CU_ASSERT_EQUAL(response.status, 429);
	CU_ASSERT_EQUAL(response.retry_after_s, 120);
	ASSERT_FAILS(certctl_http_check(&response, "peer", &err), CERTCTL_E_UNAVAILABLE, "429", err);
	CU_ASSERT_EQUAL(err.retry_after_s, 120);
	/* The handle is the same: nothing of the last answer is left in it. */
	ASSERT_OK(get(client, url_of("https", "/status?code=503"), &response, &err), err);
	CU_ASSERT_EQUAL(response.retry_after_s, 0);
	ASSERT_OK(get(client, url_of("https", "/status?code=503&retry_in=1000"), &response, &err), err);
	CU_ASSERT_TRUE(response.retry_after_s > 900 && response.retry_after_s <= 1000);
	ASSERT_OK(get(client, url_of("https", "/status?code=503&retry_in=-1000"), &response, &err), err);
	CU_ASSERT_EQUAL(response.retry_after_s, 0);
	ASSERT_OK(get(client, url_of("https", "/status?code=503&retry_after=soon"), &response, &err), err);
	CU_ASSERT_EQUAL(response.retry_after_s, 0);
	ASSERT_OK(get(client, url_of("https", "/status?code=503&retry_after=99999999999"), &response, &err), err);
	CU_ASSERT_EQUAL(response.retry_after_s, INT32_MAX);
}

static void what_is_too_long_is_refused(void)
{
	static const char *const paths[] = { "/huge", "/huge?declared", "/many-headers", "/long-header" };
	struct certctl_http_client *client = new_client(NULL);

	for (size_t i = 0; i < CERTCTL_COUNT(paths); i++) {
		struct certctl_http_response response;
		struct certctl_error err;

		ASSERT_FAILS(get(client, url_of("https", paths[i]), &response, &err), CERTCTL_E_LIMIT, "longer", err);
		CU_ASSERT_PTR_NULL(response.body);
	}
	struct certctl_http_request request = { .url = url_of("https", "/status?code=200"), .response_max = 6 };
	struct certctl_http_response response;
	struct certctl_error err;

	ASSERT_FAILS(certctl_http_send(client, test_mem(), &request, &response, &err), CERTCTL_E_LIMIT, "6 bytes", err);
	request.response_max = 7;
	ASSERT_OK(certctl_http_send(client, test_mem(), &request, &response, &err), err);
	ASSERT_TEXT(response.body, "because");
}

static void the_deadline_is_for_the_whole_exchange(void)
{
	struct certctl_http_options hasty = { .egress.allow_private = true, .connect_timeout_s = 1 };
	static const char *const paths[] = { "/drip", "/silent" };
	struct certctl_http_response response;
	struct certctl_error err;

	for (size_t i = 0; i < CERTCTL_COUNT(paths); i++) {
		struct certctl_http_request request = { .url = url_of("https", paths[i]), .timeout_s = 1 };
		int64_t before_ms = certctl_monotonic_ms();

		ASSERT_FAILS(certctl_http_send(new_client(NULL), test_mem(), &request, &response, &err),
			CERTCTL_E_TIMEOUT, "localhost", err);
		CU_ASSERT_TRUE(err.retryable);
		CU_ASSERT_TRUE(certctl_monotonic_ms() - before_ms < 30000); /* the drip alone would take 200 s */
	}
	/* A server that accepts and never begins the handshake. */
	ASSERT_FAILS(get(new_client(&hasty), url_of("silent", "/"), &response, &err), CERTCTL_E_TIMEOUT, "localhost",
		err);
}

static void a_peer_that_breaks_off_is_tried_again_later(void)
{
	struct certctl_http_client *client = new_client(NULL);
	struct certctl_http_response response;
	struct certctl_error err;

	ASSERT_FAILS(get(client, url_of("https", "/reset"), &response, &err), CERTCTL_E_UNAVAILABLE, "localhost", err);
	CU_ASSERT_TRUE(err.retryable);
	ASSERT_FAILS(get(client, url_of("https", "/cut"), &response, &err), CERTCTL_E_UNAVAILABLE, "localhost", err);
	CU_ASSERT_PTR_NULL(response.body);
	ASSERT_FAILS(get(client, "https://localhost:1/", &response, &err), CERTCTL_E_UNAVAILABLE, "localhost:1", err);
	ASSERT_FAILS(get(client, "https://no-such-host.invalid/", &response, &err), CERTCTL_E_UNAVAILABLE,
		"no-such-host", err);
	ASSERT_OK(get(client, url_of("https", "/echo"), &response, &err), err);
}

static void what_is_no_http_is_a_protocol_error(void)
{
	struct certctl_http_options plain = { .egress = { .allow_private = true, .allow_plain_http = true } };
	struct certctl_http_client *client = new_client(&plain);
	struct certctl_http_response response;
	struct certctl_error err;

	ASSERT_FAILS(get(client, talloc_asprintf(test_mem(), "http://127.0.0.1:%d/", port_of("garbage")), &response,
			     &err),
		CERTCTL_E_PROTOCOL, "127.0.0.1", err);
	ASSERT_OK(get(client, talloc_asprintf(test_mem(), "http://127.0.0.1:%d/echo", port_of("plain")), &response,
			  &err),
		err);
}

static bool second_question(void *arg)
{
	return ++*(int *)arg >= 2;
}

static void a_request_can_be_cancelled(void)
{
	struct certctl_http_response response;
	struct certctl_error err;
	int questions = 0;
	struct certctl_http_request request = {
		.url = url_of("https", "/silent"),
		.timeout_s = 60,
		.is_cancelled = second_question,
		.arg = &questions,
	};
	int64_t before_ms = certctl_monotonic_ms();

	ASSERT_FAILS(certctl_http_send(new_client(NULL), test_mem(), &request, &response, &err), CERTCTL_E_CANCELLED,
		"localhost", err);
	CU_ASSERT_TRUE(certctl_monotonic_ms() - before_ms < 30000);
}

/* In a process of its own: a network where the name server hears everything and says nothing. */
static int ask_a_dead_name_server(const char *dir)
{
	struct ifreq loopback = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(53), .sin_addr = { htonl(INADDR_LOOPBACK) }
	};
	char *path = talloc_asprintf(NULL, "%s/resolv.conf", dir);
	struct certctl_http_client *client = NULL;
	struct certctl_http_request request = { .url = "https://silence.example/", .timeout_s = 1 };
	struct certctl_http_response response;
	struct certctl_error err;
	FILE *file = fopen(path, "we");

	if (!file || fputs("nameserver 127.0.0.1\noptions timeout:20 attempts:2\n", file) < 0 || fclose(file) != 0)
		return 1;
	if (unshare(CLONE_NEWNET | CLONE_NEWNS | (geteuid() == 0 ? 0 : CLONE_NEWUSER)) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount(path, "/etc/resolv.conf", NULL, MS_BIND, NULL) < 0)
		return 2;
	int server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (ioctl(server, SIOCSIFFLAGS, &loopback) < 0 ||
		bind(server, (struct sockaddr *)&address, sizeof(address)) < 0)
		return 3;
	if (certctl_http_client_new(NULL, &(struct certctl_http_options){ 0 }, &client, &err) < 0)
		return 4;
	int64_t before_ms = certctl_monotonic_ms();

	if (certctl_http_send(client, NULL, &request, &response, &err) != CERTCTL_E_TIMEOUT)
		return 5;
	talloc_free(client);
	return certctl_monotonic_ms() - before_ms < 15000 ? 0 : 6;
}

static void a_dead_name_server_does_not_stretch_the_deadline(void)
{
	const char *dir = test_temporary_dir();
	int status = -1;
	pid_t child = fork();

	if (child == 0)
		_exit(ask_a_dead_name_server(dir));
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	CU_ASSERT_TRUE(WIFEXITED(status));
	CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
}

const struct test tests[] = {
	TEST(a_busy_server_says_when_to_come_again),
	TEST(what_is_too_long_is_refused),
	TEST(the_deadline_is_for_the_whole_exchange),
	TEST(a_peer_that_breaks_off_is_tried_again_later),
	TEST(what_is_no_http_is_a_protocol_error),
	TEST(a_request_can_be_cancelled),
	TEST(a_dead_name_server_does_not_stretch_the_deadline),
	{ 0 },
};
