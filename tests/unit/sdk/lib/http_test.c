/* The client against real HTTPS servers on this host: what is asked, what comes back, who is believed. */
#include "http.h"

#include <pthread.h>

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

struct taken {
	size_t len, most;
	char begin[16];
};

static int take(void *arg, const char *data, size_t len)
{
	struct taken *taken = arg;

	if (taken->len < sizeof(taken->begin) - 1)
		memcpy(taken->begin + taken->len, data,
			len < sizeof(taken->begin) - 1 - taken->len ? len : sizeof(taken->begin) - 1 - taken->len);
	taken->len += len;
	return taken->most && taken->len > taken->most ? CERTCTL_E_CONFLICT : 0;
}

static void an_answer_of_any_size_is_taken_piece_by_piece(void)
{
	struct certctl_http_client *client = new_client(NULL);
	struct certctl_http_request request = { .url = url_of("https", "/huge"), .response_max = 10 };
	struct certctl_http_response response = { 0 };
	struct taken taken = { .most = 5000000 };
	struct certctl_error err;

	/* Nobody wants all of it: who takes it says so, and with which code. */
	ASSERT_FAILS(certctl_http_receive(client, test_mem(), &request, take, &taken, &response, &err),
		CERTCTL_E_CONFLICT, "localhost", err);
	CU_ASSERT_TRUE(taken.len > 5000000);
	taken = (struct taken){ 0 };
	request.url = url_of("https", "/early");
	ASSERT_OK(certctl_http_receive(client, test_mem(), &request, take, &taken, &response, &err), err);
	ASSERT_TEXT(taken.begin, "abc");
	ASSERT_TEXT(response.body, "");
	/* A refusal is for us to read. */
	taken = (struct taken){ 0 };
	request.url = url_of("https", "/status?code=404");
	ASSERT_OK(certctl_http_receive(client, test_mem(), &request, take, &taken, &response, &err), err);
	ASSERT_TEXT(response.body, "because");
	CU_ASSERT_EQUAL(taken.len, 0);
	/* As long as something comes, it may take any time; a second of nothing is too much. */
	request.url = url_of("https", "/silent");
	request.timeout_s = 1;
	ASSERT_FAILS(certctl_http_receive(client, test_mem(), &request, take, &taken, &response, &err),
		CERTCTL_E_TIMEOUT, NULL, err);
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

static void redirects_are_not_followed(void)
{
	struct certctl_http_response response;
	struct certctl_error err;

	ASSERT_OK(get(new_client(NULL), url_of("https", "/redirect"), &response, &err), err);
	CU_ASSERT_EQUAL(response.status, 302);
	ASSERT_TEXT(certctl_http_header(&response, "location"), "/echo");
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

const struct test tests[] = {
	TEST(a_request_arrives_as_it_was_asked),
	TEST(a_response_comes_with_tidy_headers),
	TEST(an_answer_of_any_size_is_taken_piece_by_piece),
	TEST(only_the_right_server_is_believed),
	TEST(a_ca_file_replaces_the_systems_store),
	TEST(a_client_certificate_opens_the_door),
	TEST(redirects_are_not_followed),
	TEST(nothing_can_be_slipped_into_a_header),
	TEST(a_request_that_makes_no_sense_is_refused),
	TEST(private_addresses_need_leave_however_they_are_written),
	TEST(proxies_of_the_environment_are_ignored),
	TEST(connections_are_used_again),
	TEST(threads_share_a_client),
	{ 0 },
};
