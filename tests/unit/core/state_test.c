/* The state directory: one at a time, and who had it before. */
#include "core/state.h"
#include "test.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void the_next_one_hears_who_was_here_before(void)
{
	static const char *const workers[] = { "server/host/1", "server/host/22", "server/h/3" };
	const char *dir = test_temporary_dir(), *expected = NULL;

	for (size_t i = 0; i < CERTCTL_COUNT(workers); expected = workers[i++]) {
		struct certctl_error err = { 0 };
		const char *former = "?";
		int fd = -1;

		ASSERT_OK(state_open(test_mem(), dir, workers[i], &fd, &former, &err), err);
		if (expected)
			ASSERT_TEXT(former, expected);
		else
			CU_ASSERT_PTR_NULL(former);
		close(fd);
	}
}

static void two_at_once_are_refused(void)
{
	struct certctl_error err = { 0 };
	const char *dir = test_temporary_dir(), *former = NULL;
	int one = -1, two = -1;

	ASSERT_OK(state_open(test_mem(), dir, "server/host/1", &one, &former, &err), err);
	ASSERT_FAILS(state_open(test_mem(), dir, "server/host/2", &two, &former, &err), CERTCTL_E_CONFLICT,
		"another certctld runs here", err);
	CU_ASSERT_EQUAL(two, -1);
	close(one);
	ASSERT_OK(state_open(test_mem(), dir, "server/host/3", &two, &former, &err), err);
	ASSERT_TEXT(former, "server/host/1");
	close(two);
}

static void what_a_power_cut_left_in_it_is_nobody(void)
{
	static const char *const rows[] = { "", "server/host/1", "\n" };
	const char *dir = test_temporary_dir();

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_error err = { 0 };
		const char *former = NULL;
		char *path = talloc_asprintf(test_mem(), "%s/certctld.lock", dir);
		int fd = -1;

		ASSERT_OK(state_open(test_mem(), dir, "server/host/1", &fd, &former, &err), err);
		close(fd);
		fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
		CU_ASSERT_EQUAL(write(fd, rows[i], strlen(rows[i])), (ssize_t)strlen(rows[i]));
		close(fd);
		ASSERT_OK(state_open(test_mem(), dir, "server/host/1", &fd, &former, &err), err);
		CU_ASSERT_PTR_NULL(former);
		close(fd);
	}
}

const struct test tests[] = {
	TEST(the_next_one_hears_who_was_here_before),
	TEST(two_at_once_are_refused),
	TEST(what_a_power_cut_left_in_it_is_nobody),
	{ 0 },
};
