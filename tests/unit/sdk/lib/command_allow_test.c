#include "test.h"

#include <certctl/exec.h>

static void rows_decide(void)
{
	static const struct {
		const char *row[6], *argv[6];
		bool allowed;
	} rows[] = {
		/* Exactly as written. */
		{ { "/usr/sbin/nginx", "-t" }, { "/usr/sbin/nginx", "-t" }, true },
		{ { "/usr/sbin/nginx", "-t" }, { "/usr/sbin/nginx" }, false },
		{ { "/usr/sbin/nginx", "-t" }, { "/usr/sbin/nginx", "-t", "-q" }, false },
		{ { "/usr/sbin/nginx", "-t" }, { "/usr/sbin/nginx", "-T" }, false },
		{ { "/usr/sbin/nginx" }, { "/usr/sbin/nginx2" }, false },
		{ { "/usr/sbin/nginx" }, { "/usr/sbin/../sbin/nginx" }, false },
		{ { "/usr/sbin/nginx" }, { "//usr/sbin/nginx" }, false },
		/* The program is always an absolute path and never a pattern. */
		{ { "nginx" }, { "nginx" }, false },
		{ { "*" }, { "/bin/sh" }, false },
		{ { "*" }, { "*" }, false },
		{ { "..." }, { "/bin/sh" }, false },
		{ { "..." }, { "..." }, false },
		{ { NULL }, { "/bin/sh" }, false },
		/* "*" is one argument. */
		{ { "/bin/x", "*" }, { "/bin/x", "anything at all" }, true },
		{ { "/bin/x", "*" }, { "/bin/x", "" }, true },
		{ { "/bin/x", "*" }, { "/bin/x" }, false },
		{ { "/bin/x", "*" }, { "/bin/x", "a", "b" }, false },
		{ { "/bin/x", "*", "end" }, { "/bin/x", "a", "end" }, true },
		{ { "/bin/x", "*", "end" }, { "/bin/x", "a", "b" }, false },
		/* It is no option and does not climb. */
		{ { "/bin/x", "*" }, { "/bin/x", "--root=/tmp/evil" }, false },
		{ { "/bin/x", "*" }, { "/bin/x", "-" }, false },
		{ { "/bin/x", "*" }, { "/bin/x", ".." }, false },
		{ { "/bin/x", "*" }, { "/bin/x", "../x" }, false },
		{ { "/bin/x", "*" }, { "/bin/x", "/a/../b" }, false },
		{ { "/bin/x", "*" }, { "/bin/x", "/a/.." }, false },
		{ { "/bin/x", "*" }, { "/bin/x", "file=../b" }, false },
		{ { "/bin/x", "*" }, { "/bin/x", "a:..:b" }, true },
		{ { "/bin/x", "*" }, { "/bin/x", "a..b" }, true },
		{ { "/bin/x", "*" }, { "/bin/x", "..." }, true },
		{ { "/bin/x", "*" }, { "/bin/x", "/a/..b/c../d" }, true },
		/* What the row spells out is the operator's own word. */
		{ { "/bin/x", "--dir=../y" }, { "/bin/x", "--dir=../y" }, true },
		/* "..." at the end is any number of arguments, options too, none that climbs. */
		{ { "/bin/x", "..." }, { "/bin/x" }, true },
		{ { "/bin/x", "..." }, { "/bin/x", "-a", "b", "c" }, true },
		{ { "/bin/x", "..." }, { "/bin/x", "-a", "--b=/../c" }, false },
		{ { "/bin/x", "a", "..." }, { "/bin/x", "a" }, true },
		{ { "/bin/x", "a", "..." }, { "/bin/x", "b" }, false },
		{ { "/bin/x", "...", "a" }, { "/bin/x", "...", "a" }, true },
		{ { "/bin/x", "...", "a" }, { "/bin/x", "b", "a" }, false },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		const char *const *list[] = { rows[i].row, NULL };
		bool allowed = certctl_command_is_allowed(rows[i].argv, list);

		if (allowed != rows[i].allowed)
			ASSERT_TEXT(certctl_command_text(test_mem(), rows[i].argv),
				certctl_command_text(test_mem(), rows[i].row));
	}
}

static void any_row_of_the_list_will_do_and_no_list_allows_nothing(void)
{
	static const char *const one[] = { "/bin/one", NULL }, *const two[] = { "/bin/two", "*", NULL };
	static const char *const *const list[] = { one, two, NULL }, *const *const empty[] = { NULL };
	static const char *const argv[] = { "/bin/two", "x", NULL }, *const nothing[] = { NULL };

	CU_ASSERT_TRUE(certctl_command_is_allowed(argv, list));
	CU_ASSERT_FALSE(certctl_command_is_allowed(argv, empty));
	CU_ASSERT_FALSE(certctl_command_is_allowed(argv, NULL));
	CU_ASSERT_FALSE(certctl_command_is_allowed(nothing, list));
	CU_ASSERT_FALSE(certctl_command_is_allowed(NULL, list));
}

const struct test tests[] = {
	TEST(rows_decide),
	TEST(any_row_of_the_list_will_do_and_no_list_allows_nothing),
	{ 0 },
};
