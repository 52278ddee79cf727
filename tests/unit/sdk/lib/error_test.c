#include "test.h"

#include <errno.h>
#include <string.h>

static void codes_read_back_by_name(void)
{
	for (int code = 0; code >= CERTCTL_E_INTERNAL; code--)
		CU_ASSERT_EQUAL(certctl_code_from_name(certctl_code_name(code)), code);
	ASSERT_TEXT(certctl_code_name(1), "unknown");
	ASSERT_TEXT(certctl_code_name(-999), "unknown");
	CU_ASSERT_EQUAL(certctl_code_from_name(NULL), CERTCTL_E_INTERNAL);
}

static void a_long_text_is_cut_and_says_so(void)
{
	struct certctl_error err;
	char text[400];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	ASSERT_FAILS(certctl_fail(&err, CERTCTL_E_LIMIT, "%s", text), CERTCTL_E_LIMIT, "xxx...", err);
	CU_ASSERT_EQUAL(strlen(err.what), sizeof(err.what) - 1);
	certctl_error_prefix(&err, "order");
	CU_ASSERT_EQUAL(strncmp(err.what, "order: xxx", 10), 0);
}

static void errno_chooses_the_code(void)
{
	static const struct {
		int number, code;
		bool retryable;
	} rows[] = {
		{ ENOENT, CERTCTL_E_NOT_FOUND, false },
		{ EACCES, CERTCTL_E_DENIED, false },
		{ ENOSPC, CERTCTL_E_IO, true },
		{ ENOMEM, CERTCTL_E_NO_MEMORY, true },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_error err;

		ASSERT_FAILS(certctl_fail_errno(&err, rows[i].number, "%s", "/x"), rows[i].code, "/x: ", err);
		CU_ASSERT_EQUAL(err.retryable, rows[i].retryable);
	}
}

static void a_missing_error_object_is_allowed(void)
{
	CU_ASSERT_EQUAL(certctl_fail(NULL, CERTCTL_E_DENIED, "no"), CERTCTL_E_DENIED);
	CU_ASSERT_EQUAL(certctl_hint(NULL, "Do it."), CERTCTL_E_INTERNAL);
}

const struct test tests[] = {
	TEST(codes_read_back_by_name),
	TEST(a_long_text_is_cut_and_says_so),
	TEST(errno_chooses_the_code),
	TEST(a_missing_error_object_is_allowed),
	{ 0 },
};
