#include "test.h"

#include <certctl/http.h>
#include <string.h>

static void every_status_has_its_code(void)
{
	static const struct {
		int32_t status;
		int code;
		bool retryable;
	} rows[] = {
		{ 200, 0, false },
		{ 202, 0, false },
		{ 299, 0, false },
		{ 100, CERTCTL_E_PROTOCOL, false },
		{ 301, CERTCTL_E_PROTOCOL, false },
		{ 304, CERTCTL_E_PROTOCOL, false },
		{ 400, CERTCTL_E_INVALID, false },
		{ 401, CERTCTL_E_DENIED, false },
		{ 403, CERTCTL_E_DENIED, false },
		{ 404, CERTCTL_E_NOT_FOUND, false },
		{ 408, CERTCTL_E_UNAVAILABLE, true },
		{ 409, CERTCTL_E_CONFLICT, false },
		{ 410, CERTCTL_E_NOT_FOUND, false },
		{ 418, CERTCTL_E_INVALID, false },
		{ 425, CERTCTL_E_UNAVAILABLE, true },
		{ 429, CERTCTL_E_UNAVAILABLE, true },
		{ 500, CERTCTL_E_UNAVAILABLE, true },
		{ 501, CERTCTL_E_UNSUPPORTED, false },
		{ 502, CERTCTL_E_UNAVAILABLE, true },
		{ 503, CERTCTL_E_UNAVAILABLE, true },
		{ 505, CERTCTL_E_UNSUPPORTED, false },
		{ 599, CERTCTL_E_UNAVAILABLE, true },
		{ 600, CERTCTL_E_PROTOCOL, false },
		{ 0, CERTCTL_E_PROTOCOL, false },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_http_response response = { .status = rows[i].status, .retry_after_s = 17 };
		struct certctl_error err = { 0 };

		if (rows[i].code == 0) {
			ASSERT_OK(certctl_http_check(&response, "ca", &err), err);
			continue;
		}
		ASSERT_FAILS(certctl_http_check(&response, "ca", &err), rows[i].code, "ca: answered", err);
		CU_ASSERT_EQUAL(err.retryable, rows[i].retryable);
		CU_ASSERT_EQUAL(err.retry_after_s, rows[i].retryable ? 17 : 0);
		CU_ASSERT_EQUAL(certctl_http_check(&response, "ca", NULL), rows[i].code);
	}
}

static void a_redirect_says_what_to_do(void)
{
	struct certctl_http_response response = { .status = 302 };
	struct certctl_error err = { 0 };

	ASSERT_FAILS(certctl_http_check(&response, "ca", &err), CERTCTL_E_PROTOCOL, "302", err);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.hint, "Redirects are not followed"));
}

static void the_first_header_of_a_name_is_found(void)
{
	char *headers[] = { (char[]){ "content-type: text/plain" }, (char[]){ "link: <a>" }, (char[]){ "link: <b>" },
		(char[]){ "empty: " }, NULL };
	struct certctl_http_response response = { .headers = headers };

	ASSERT_TEXT(certctl_http_header(&response, "content-type"), "text/plain");
	ASSERT_TEXT(certctl_http_header(&response, "link"), "<a>");
	ASSERT_TEXT(certctl_http_header(&response, "empty"), "");
	CU_ASSERT_PTR_NULL(certctl_http_header(&response, "content"));
	CU_ASSERT_PTR_NULL(certctl_http_header(&response, "content-type2"));
	CU_ASSERT_PTR_NULL(certctl_http_header(&(struct certctl_http_response){ 0 }, "link"));
}

const struct test tests[] = {
	TEST(every_status_has_its_code),
	TEST(a_redirect_says_what_to_do),
	TEST(the_first_header_of_a_name_is_found),
	{ 0 },
};
