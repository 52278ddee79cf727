/* The client against real HTTPS servers on this host: http_server.py behaves and misbehaves on request. */
#include "test.h"

#include <arpa/inet.h>
#include <certctl/http.h>
#include <certctl/json.h>
#include <certctl/time.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char server_dir[256], server_ports[256];

/* Started once; it ends when our end of its standard input closes. */
static void start_server(void)
{
	int input[2], output[2];

	snprintf(server_dir, sizeof(server_dir), "%s", test_temporary_dir());
	if (pipe(input) < 0 || pipe(output) < 0)
		abort();
	if (fork() == 0) {
		char *script = talloc_asprintf(NULL, "%s/tests/unit/sdk/lib/http_server.py", test_source_dir());

		dup2(input[0], 0);
		dup2(output[1], 1);
		for (int fd = 3; fd < 64; fd++)
			close(fd);
		execlp("python3", "python3", "-Wignore", script, server_dir, (char *)NULL);
		_exit(127);
	}
	close(input[0]);
	close(output[1]);
	ssize_t len = 0, got;

	while (!strchr(server_ports, '\n') &&
		(got = read(output[0], server_ports + len, sizeof(server_ports) - 1 - (size_t)len)) > 0)
		len += got;
	close(output[0]);
}

static int port_of(const char *name)
{
	if (!server_ports[0])
		start_server();
	char *found = strstr(server_ports, talloc_asprintf(test_mem(), "%s=", name));

	CU_ASSERT_PTR_NOT_NULL_FATAL(found);
	return (int)strtol(found + strlen(name) + 1, NULL, 10);
}

static const char *file_of(const char *name)
{
	port_of("https");
	return talloc_asprintf(test_mem(), "%s/%s", server_dir, name);
}

static const char *url_of(const char *server, const char *path)
{
	return talloc_asprintf(test_mem(), "https://localhost:%d%s", port_of(server), path);
}

/* Trusts the test's CA and may reach this host, unless the options say otherwise. */
static struct certctl_http_client *new_client(const struct certctl_http_options *options)
{
	struct certctl_http_options defaults = { .ca_bundle_file = file_of("ca.crt"), .egress.allow_private = true };
	struct certctl_http_client *client = NULL;
	struct certctl_error err;

	ASSERT_OK(certctl_http_client_new(test_mem(), options ? options : &defaults, &client, &err), err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(client);
	return client;
}

static int get(struct certctl_http_client *client, const char *url, struct certctl_http_response *ret,
	struct certctl_error *err)
{
	*ret = (struct certctl_http_response){ 0 };
	return certctl_http_send(client, test_mem(), &(struct certctl_http_request){ .url = url }, ret, err);
}

static json_t *echo(struct certctl_http_client *client, const struct certctl_http_request *wanted)
{
	struct certctl_http_request request = *wanted;
	struct certctl_http_response response = { 0 };
	struct certctl_error err;
	json_t *document = NULL;

	request.url = url_of("https", "/echo");
	ASSERT_OK(certctl_http_send(client, test_mem(), &request, &response, &err), err);
	CU_ASSERT_EQUAL(response.status, 200);
	ASSERT_OK(certctl_json_parse(response.body, response.body_len, NULL, &document, &err), err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(document);
	return document;
}

static const char *sent_header(const json_t *document, const char *name)
{
	size_t i;
	json_t *pair;

	json_array_foreach(json_object_get(document, "headers"), i, pair)
	{
		if (strcmp(json_string_value(json_array_get(pair, 0)), name) == 0)
			return json_string_value(json_array_get(pair, 1));
	}
	return NULL;
}

static void a_request_arrives_as_it_was_asked(void)
{
	static const char *const headers[] = { "Content-Type: application/json", "X-One: a b", "X-Empty:", NULL };
	struct certctl_secret bearer = { 0 };
	struct certctl_http_client *client = new_client(NULL);
	static const char *const methods[] = { "POST", "PUT", "PATCH", "DELETE" };

	CU_ASSERT_EQUAL(certctl_secret_set(test_mem(), &bearer, "s3cret", 6), 0);
	for (size_t i = 0; i < CERTCTL_COUNT(methods); i++) {
		CERTCTL_AUTO(json_decref)
		json_t *seen = echo(client, &(struct certctl_http_request){ .method = methods[i],
						    .headers = headers,
						    .bearer = &bearer,
						    .body = "{\"a\":1}",
						    .body_len = 7 });

		ASSERT_TEXT(certctl_json_text_or(seen, "method", NULL), methods[i]);
		ASSERT_TEXT(certctl_json_text_or(seen, "body", NULL), "{\"a\":1}");
		ASSERT_TEXT(sent_header(seen, "Content-Type"), "application/json");
		ASSERT_TEXT(sent_header(seen, "X-One"), "a b");
		ASSERT_TEXT(sent_header(seen, "X-Empty"), "");
		ASSERT_TEXT(sent_header(seen, "Authorization"), "Bearer s3cret");
		ASSERT_TEXT(sent_header(seen, "User-Agent"), "certctl/" CERTCTL_VERSION);
		CU_ASSERT_PTR_NULL(sent_header(seen, "Expect"));
	}
	CERTCTL_AUTO(json_decref) json_t *plain = echo(client, &(struct certctl_http_request){ 0 });

	ASSERT_TEXT(certctl_json_text_or(plain, "method", NULL), "GET");
	CU_ASSERT_PTR_NULL(sent_header(plain, "Authorization"));
	CU_ASSERT_PTR_NULL(sent_header(plain, "Content-Type"));
	CERTCTL_AUTO(json_decref)
	json_t *empty = echo(client, &(struct certctl_http_request){ .body = "", .body_len = 0 });

	ASSERT_TEXT(certctl_json_text_or(empty, "method", NULL), "POST");
	ASSERT_TEXT(sent_header(empty, "Content-Length"), "0");
	ASSERT_TEXT(sent_header(empty, "Content-Type"), "application/octet-stream");
}

static void a_response_comes_with_tidy_headers(void)
{
	struct certctl_http_client *client = new_client(NULL);
	struct certctl_http_response response;
	struct certctl_error err;

	ASSERT_OK(get(client, url_of("https", "/echo"), &response, &err), err);
	ASSERT_TEXT(certctl_http_header(&response, "x-mixed-case"), "padded value");
	CU_ASSERT_EQUAL(strlen(response.body), response.body_len);
	/* Of an informational response, the real one and its trailer, only the middle counts. */
	ASSERT_OK(get(client, url_of("https", "/early"), &response, &err), err);
	CU_ASSERT_EQUAL(response.status, 200);
	ASSERT_TEXT(response.body, "abc");
	ASSERT_TEXT(certctl_http_header(&response, "x-late"), "yes");
	CU_ASSERT_PTR_NULL(certctl_http_header(&response, "x-early"));
	CU_ASSERT_PTR_NULL(certctl_http_header(&response, "x-trailer"));
	ASSERT_OK(certctl_http_send(client, test_mem(),
			  &(struct certctl_http_request){ .method = "HEAD", .url = url_of("https", "/echo") },
			  &response, &err),
		err);
	CU_ASSERT_EQUAL(response.body_len, 0);
}

static void only_the_right_server_is_believed(void)
{
	struct certctl_http_options system_cas = { .egress.allow_private = true };
	struct certctl_http_options other_ca = { .ca_bundle_file = file_of("other-ca.crt"),
		.egress.allow_private = true };
	struct certctl_http_response response;
	struct certctl_error err;

	ASSERT_FAILS(get(new_client(&system_cas), url_of("https", "/echo"), &response, &err), CERTCTL_E_DENIED,
		"verification", err);
	ASSERT_FAILS(get(new_client(&other_ca), url_of("https", "/echo"), &response, &err), CERTCTL_E_DENIED,
		"verification", err);
	CU_ASSERT_FALSE(err.retryable);
	ASSERT_FAILS(get(new_client(NULL), url_of("wrong_name", "/echo"), &response, &err), CERTCTL_E_DENIED,
		"localhost", err);
	ASSERT_FAILS(get(new_client(NULL), url_of("old_tls", "/echo"), &response, &err), CERTCTL_E_UNAVAILABLE,
		"localhost", err);
	ASSERT_OK(get(new_client(NULL), talloc_asprintf(test_mem(), "https://127.0.0.1:%d/echo", port_of("https")),
			  &response, &err),
		err);
}

static void a_ca_file_replaces_the_systems_store(void)
{
	struct certctl_http_options missing = { .ca_bundle_file = "/no/such/ca.crt" };
	struct certctl_http_options empty = { .ca_bundle_file = "/dev/null", .egress.allow_private = true };
	struct certctl_http_client *client = NULL;
	struct certctl_http_response response;
	struct certctl_error err;

	ASSERT_FAILS(certctl_http_client_new(test_mem(), &missing, &client, &err), CERTCTL_E_NOT_FOUND,
		"/no/such/ca.crt", err);
	CU_ASSERT_PTR_NULL(client);
	CU_ASSERT_NOT_EQUAL(get(new_client(&empty), url_of("https", "/echo"), &response, &err), 0);
}

static void a_client_certificate_opens_the_door(void)
{
	struct certctl_http_options with = {
		.ca_bundle_file = file_of("ca.crt"),
		.egress.allow_private = true,
		.client_certificate_file = file_of("client.crt"),
		.client_key_file = file_of("client.key"),
	};
	struct certctl_http_response response;
	struct certctl_error err;

	ASSERT_OK(get(new_client(&with), url_of("client", "/echo"), &response, &err), err);
	CU_ASSERT_EQUAL(response.status, 200);
	ASSERT_FAILS(get(new_client(NULL), url_of("client", "/echo"), &response, &err), CERTCTL_E_UNAVAILABLE, NULL,
		err);
}

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

static void redirects_are_not_followed(void)
{
	struct certctl_http_response response;
	struct certctl_error err;

	ASSERT_OK(get(new_client(NULL), url_of("https", "/redirect"), &response, &err), err);
	CU_ASSERT_EQUAL(response.status, 302);
	ASSERT_TEXT(certctl_http_header(&response, "location"), "/echo");
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

static void nothing_can_be_slipped_into_a_header(void)
{
	static const char *const rows[] = { "X: a\r\nY: b", "X: a\nY: b", "X: a\rb", "X\r\nY: b", "X : a", ": a", "",
		"X", "X a", "X: \x01", "X: \x7f", "X\x80: a", "Host: other.example", "content-length: 5",
		"Transfer-Encoding: chunked", "Connection: close", "Expect: 100-continue" };
	struct certctl_http_client *client = new_client(NULL);
	struct certctl_http_response response;
	struct certctl_error err;

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		const char *headers[] = { "X-Fine: yes", rows[i], NULL };
		struct certctl_http_request request = { .url = "https://localhost:1/", .headers = headers };

		ASSERT_FAILS(certctl_http_send(client, test_mem(), &request, &response, &err), CERTCTL_E_INVALID,
			"header", err);
	}
	static const char *const tokens[] = { "a\r\nX: b", "a b", "a\tb", "\x7f" };

	for (size_t i = 0; i < CERTCTL_COUNT(tokens); i++) {
		struct certctl_secret bearer = { 0 };
		struct certctl_http_request request = { .url = "https://localhost:1/", .bearer = &bearer };

		CU_ASSERT_EQUAL(certctl_secret_set(test_mem(), &bearer, tokens[i], strlen(tokens[i])), 0);
		ASSERT_FAILS(certctl_http_send(client, test_mem(), &request, &response, &err), CERTCTL_E_INVALID,
			"bearer", err);
		CU_ASSERT_PTR_NULL(strstr(err.what, tokens[i]));
	}
	struct certctl_secret with_nul = { 0 };

	CU_ASSERT_EQUAL(certctl_secret_set(test_mem(), &with_nul, "a\0b", 3), 0);
	ASSERT_FAILS(certctl_http_send(client, test_mem(),
			     &(struct certctl_http_request){ .url = "https://localhost:1/", .bearer = &with_nul },
			     &response, &err),
		CERTCTL_E_INVALID, "bearer", err);
}

static void a_request_that_makes_no_sense_is_refused(void)
{
	static const struct {
		const char *url, *method, *body, *words;
		int code;
	} rows[] = {
		{ "", NULL, NULL, "url", CERTCTL_E_INVALID },
		{ "/path", NULL, NULL, "url", CERTCTL_E_INVALID },
		{ "localhost", NULL, NULL, "url", CERTCTL_E_INVALID },
		{ "https://", NULL, NULL, "url", CERTCTL_E_INVALID },
		{ "https://user:secret@localhost/", NULL, NULL, "user", CERTCTL_E_INVALID },
		{ "https://localhost/a b", NULL, NULL, "url", CERTCTL_E_INVALID },
		{ "https://localhost/\r\nX: y", NULL, NULL, "url", CERTCTL_E_INVALID },
		{ "file:///etc/passwd", NULL, NULL, "https", CERTCTL_E_INVALID },
		{ "ftp://localhost/", NULL, NULL, "https", CERTCTL_E_INVALID },
		{ "gopher://localhost/", NULL, NULL, "url", CERTCTL_E_INVALID },
		{ "http://localhost/secret", NULL, NULL, "without TLS", CERTCTL_E_DENIED },
		{ "https://localhost/", "BREW", NULL, "method", CERTCTL_E_INVALID },
		{ "https://localhost/", "GET\r\nX: y", NULL, "method", CERTCTL_E_INVALID },
		{ "https://localhost/", "GET", "body", "no body", CERTCTL_E_INVALID },
	};
	struct certctl_http_client *client = new_client(NULL);

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_http_request request = {
			.url = rows[i].url, .method = rows[i].method, .body = rows[i].body
		};
		struct certctl_http_response response;
		struct certctl_error err;

		ASSERT_FAILS(certctl_http_send(client, test_mem(), &request, &response, &err), rows[i].code,
			rows[i].words, err);
		CU_ASSERT_PTR_NULL(strstr(err.what, "secret"));
	}
}

static void private_addresses_need_leave_however_they_are_written(void)
{
	static const char *const hosts[] = { "localhost", "127.0.0.1", "127.1", "0x7f000001", "2130706433", "[::1]",
		"[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "169.254.169.254", "0.0.0.0" };
	struct certctl_http_options strict = { .ca_bundle_file = file_of("ca.crt") };
	static const char *const nets[] = { "127.0.0.0/8", NULL };
	struct certctl_http_options named = { .ca_bundle_file = file_of("ca.crt"), .egress.allow_nets = nets };
	struct certctl_http_response response;
	struct certctl_error err;

	for (size_t i = 0; i < CERTCTL_COUNT(hosts); i++) {
		char *url = talloc_asprintf(test_mem(), "https://%s:%d/echo", hosts[i], port_of("https"));

		ASSERT_FAILS(get(new_client(&strict), url, &response, &err), CERTCTL_E_DENIED, "may not be reached",
			err);
		CU_ASSERT_TRUE(err.hint[0]);
	}
	ASSERT_OK(get(new_client(&named), url_of("https", "/echo"), &response, &err), err);
}

static void proxies_of_the_environment_are_ignored(void)
{
	struct certctl_http_response response;
	struct certctl_error err;

	setenv("https_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	ASSERT_OK(get(new_client(NULL), url_of("https", "/echo"), &response, &err), err);
	unsetenv("https_proxy");
	unsetenv("ALL_PROXY");
}

static void connections_are_used_again(void)
{
	struct certctl_http_client *client = new_client(NULL);
	CERTCTL_AUTO(json_decref) json_t *first = echo(client, &(struct certctl_http_request){ 0 });
	CERTCTL_AUTO(json_decref)
	json_t *second = echo(client, &(struct certctl_http_request){ .body = "x", .body_len = 1 });
	CERTCTL_AUTO(json_decref) json_t *other = echo(new_client(NULL), &(struct certctl_http_request){ 0 });

	CU_ASSERT_EQUAL(certctl_json_integer_or(first, "port", -1), certctl_json_integer_or(second, "port", -2));
	CU_ASSERT_NOT_EQUAL(certctl_json_integer_or(first, "port", -1), certctl_json_integer_or(other, "port", -1));
}

struct work {
	struct certctl_http_client *client;
	const char *url;
	int number, bad;
};

static void *send_many(void *arg)
{
	struct work *work = arg;

	for (int i = 0; i < 10; i++) {
		TALLOC_CTX *mem = talloc_new(NULL);
		char *body = talloc_asprintf(mem, "<%d-%d>", work->number, i);
		struct certctl_http_request request = { .url = work->url, .body = body, .body_len = strlen(body) };
		struct certctl_http_response response = { 0 };

		work->bad += certctl_http_send(work->client, mem, &request, &response, NULL) != 0 ||
			     !strstr(response.body, body);
		talloc_free(mem);
	}
	return NULL;
}

static void threads_share_a_client(void)
{
	struct work works[12];
	pthread_t threads[12];

	for (int i = 0; i < 12; i++) {
		works[i] = (struct work){ i ? works[0].client : new_client(NULL), url_of("https", "/echo"), i, 0 };
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, send_many, &works[i]), 0);
	}
	for (int i = 0; i < 12; i++) {
		pthread_join(threads[i], NULL);
		CU_ASSERT_EQUAL(works[i].bad, 0);
	}
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
	TEST(a_request_arrives_as_it_was_asked),
	TEST(a_response_comes_with_tidy_headers),
	TEST(only_the_right_server_is_believed),
	TEST(a_ca_file_replaces_the_systems_store),
	TEST(a_client_certificate_opens_the_door),
	TEST(a_busy_server_says_when_to_come_again),
	TEST(redirects_are_not_followed),
	TEST(what_is_too_long_is_refused),
	TEST(the_deadline_is_for_the_whole_exchange),
	TEST(a_peer_that_breaks_off_is_tried_again_later),
	TEST(what_is_no_http_is_a_protocol_error),
	TEST(a_request_can_be_cancelled),
	TEST(nothing_can_be_slipped_into_a_header),
	TEST(a_request_that_makes_no_sense_is_refused),
	TEST(private_addresses_need_leave_however_they_are_written),
	TEST(proxies_of_the_environment_are_ignored),
	TEST(connections_are_used_again),
	TEST(threads_share_a_client),
	TEST(a_dead_name_server_does_not_stretch_the_deadline),
	{ 0 },
};
