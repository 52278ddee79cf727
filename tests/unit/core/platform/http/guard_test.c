/* The guard: what it refuses, and that it lets usual requests pass. */
#include "core/platform/http/guard.h"
#include "test.h"

#include <string.h>

/* A request as the parser hands it over, with the size that its usual spelling has, plus `hidden` octets. */
static int check(const char *method, const char *target, const struct http_pair *headers, size_t count, size_t hidden,
	struct certctl_error *err)
{
	struct guard_request request = { .method = method,
		.target = target,
		.version = "HTTP/1.1",
		.headers = headers,
		.header_count = count,
		.header_size = strlen(method) + strlen(target) + 8 + 4 + 2 + hidden };

	for (size_t i = 0; i < count; i++)
		request.header_size += strlen(headers[i].name) + strlen(headers[i].value) + 4;
	return guard_check(&request, err);
}

static void usual_requests_pass(void)
{
	static const struct http_pair headers[] = { { "Host", "localhost:8443" }, { "Content-Length", "12" },
		{ "Accept", "*/*" }, { "X-Empty", "" } };
	struct certctl_error err = { 0 };

	ASSERT_OK(check("GET", "/", headers, 1, 0, &err), err);
	ASSERT_OK(check("POST", "/api/v1/certificates?limit=5&q=a%20b", headers, 4, 0, &err), err);
}

static void hostile_headers_are_refused(void)
{
	static const struct {
		struct http_pair headers[3];
		const char *words;
	} rows[] = {
		{ { { "Host", "a" }, { "Content-Length", "1" }, { "Transfer-Encoding", "chunked" } }, "more than one" },
		{ { { "Host", "a" }, { "Content-Length", "1" }, { "content-length", "1" } }, "more than one" },
		{ { { "Host", "a" }, { "Transfer-Encoding", "chunked" }, { "Transfer-Encoding", "chunked" } },
			"more than one" },
		{ { { "Host", "a" }, { "Transfer-Encoding", "gzip, chunked" } }, "chunked" },
		{ { { "Host", "a" }, { "Transfer-Encoding", "identity" } }, "chunked" },
		{ { { "Host", "a" }, { "Content-Length", "+1" } }, "number" },
		{ { { "Host", "a" }, { "Content-Length", "1, 1" } }, "number" },
		{ { { "Host", "a" }, { "Content-Length", "" } }, "number" },
		{ { { "Host", "a" }, { "Content-Length", "99999999999999999999" } }, "number" },
		{ { { "Host", "a" }, { "Host", "b" } }, "Host" },
		{ { { "Accept", "a" } }, "Host" },
		{ { { "Host", "" } }, "Host" },
		{ { { "Host", "a/b" } }, "Host" },
		{ { { "Host", "a, b" } }, "Host" },
		{ { { "Host", "a" }, { "X Y", "b" } }, "token" },
		{ { { "Host", "a" }, { "X:", "b" } }, "token" },
		{ { { "Host", "a" }, { "X", "b\rc" } }, "control" },
		{ { { "Host", "a" }, { "X", "b\x7f" } }, "control" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_error err = { 0 };
		size_t count = 0;

		while (count < 3 && rows[i].headers[count].name)
			count++;
		ASSERT_FAILS(check("GET", "/", rows[i].headers, count, 0, &err), CERTCTL_E_INVALID, rows[i].words, err);
	}
}

static void octets_that_the_parser_hid_show_in_the_size(void)
{
	static const struct http_pair host[] = { { "Host", "a" } };
	struct certctl_error err = { 0 };

	ASSERT_FAILS(check("GET", "/", host, 1, 1, &err), CERTCTL_E_INVALID, "hidden", err);
	ASSERT_FAILS(check("GET", "/", host, 1, (size_t)-1, &err), CERTCTL_E_INVALID, "hidden", err);
}

static void hostile_targets_are_refused(void)
{
	static const struct http_pair host[] = { { "Host", "a" } };
	static const char *const targets[] = { "http://a/", "*", "", "/a b", "/a\x01", "/\xc3\xa4", "/a%", "/a%2",
		"/a%zz", "/a#b", "/a\"b", "/<a>", "/a\\b" };

	for (size_t i = 0; i < CERTCTL_COUNT(targets); i++) {
		struct certctl_error err = { 0 };

		ASSERT_FAILS(check("GET", targets[i], host, 1, 0, &err), CERTCTL_E_INVALID, "target", err);
	}
}

static void paths_are_canonical_or_refused(void)
{
	static const struct {
		const char *target, *path; /* NULL: refused */
	} rows[] = {
		{ "/a/b?c=/../", "/a/b" },
		{ "/a/", "/a/" },
		{ "/", "/" },
		{ "/a%20b", "/a b" },
		{ "/%c3%a4", "/ä" },
		{ "/a%2fb", NULL },
		{ "/a%2Fb", NULL },
		{ "/%2e%2e/b", NULL },
		{ "/a%00b", NULL },
		{ "/a%5cb", NULL },
		{ "/a%252fb", NULL },
		{ "/%ff", NULL },
		{ "/%0d%0aX: y", NULL },
		{ "//a", NULL },
		{ "/a//b", NULL },
		{ "/a/../b", NULL },
		{ "/a/.", NULL },
		{ "/./a", NULL },
		{ "/..", NULL },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_error err = { 0 };
		char *path = NULL;

		if (rows[i].path) {
			ASSERT_OK(guard_path(test_mem(), rows[i].target, &path, &err), err);
			ASSERT_TEXT(path, rows[i].path);
		} else {
			ASSERT_FAILS(guard_path(test_mem(), rows[i].target, &path, &err), CERTCTL_E_INVALID, "target",
				err);
		}
	}
}

static void queries_are_decoded_and_doubles_refused(void)
{
	struct certctl_error err = { 0 };
	struct http_pair *pairs = NULL;
	size_t count = 0;

	ASSERT_OK(guard_query(test_mem(), "/a?x=1%202&y=a+b&z&", &pairs, &count, &err), err);
	CU_ASSERT_EQUAL_FATAL(count, 3);
	ASSERT_TEXT(pairs[0].value, "1 2");
	ASSERT_TEXT(pairs[1].value, "a b");
	ASSERT_TEXT(pairs[2].name, "z");
	ASSERT_TEXT(pairs[2].value, "");
	ASSERT_FAILS(guard_query(test_mem(), "/a?x=1&x=2", &pairs, &count, &err), CERTCTL_E_INVALID, "twice", err);
	ASSERT_FAILS(guard_query(test_mem(), "/a?x=%00", &pairs, &count, &err), CERTCTL_E_INVALID, "%00", err);
	ASSERT_FAILS(guard_query(test_mem(), "/a?x=%ff", &pairs, &count, &err), CERTCTL_E_INVALID, "UTF-8", err);
	ASSERT_OK(guard_query(test_mem(), "/a", &pairs, &count, &err), err);
	CU_ASSERT_EQUAL(count, 0);
}

const struct test tests[] = {
	TEST(usual_requests_pass),
	TEST(hostile_headers_are_refused),
	TEST(octets_that_the_parser_hid_show_in_the_size),
	TEST(hostile_targets_are_refused),
	TEST(paths_are_canonical_or_refused),
	TEST(queries_are_decoded_and_doubles_refused),
	{ 0 },
};
