/* Damaged files: out of the way, and not for ever. */
#include "agent/shared/quarantine.h"

#include "agent/shared/listing.h"
#include "test.h"

#include <certctl/files.h>
#include <certctl/time.h>
#include <stdio.h>

static int open_dir(const char *dir)
{
	struct certctl_error err;
	int fd = -1;

	ASSERT_OK(certctl_dir_open(dir, &fd, &err), err);
	return fd;
}

static void put(int fd, const char *name)
{
	static const struct certctl_file_attributes plain = { .mode = 0600, .uid = (uid_t)-1, .gid = (gid_t)-1 };
	struct certctl_error err;

	ASSERT_OK(certctl_file_replace(fd, name, "x", 1, &plain, &err), err);
	ASSERT_OK(certctl_quarantine_put(fd, name, &err), err);
}

static size_t count(int fd)
{
	struct certctl_error err;
	size_t found = 0;

	ASSERT_OK(certctl_quarantine_count(fd, &found, &err), err);
	return found;
}

static void what_is_put_aside_is_in_no_listing(void)
{
	CERTCTL_AUTO_CLOSE int fd = open_dir(test_temporary_dir());
	struct certctl_error err;
	char **names;
	size_t listed = 0;

	put(fd, "a.key");
	put(fd, "a.key"); /* again: the one before is replaced */
	put(fd, "b.key");
	ASSERT_OK(certctl_listing_read(test_mem(), fd, ".key", 10, &names, &listed, &err), err);
	CU_ASSERT_EQUAL(listed, 0);
	CU_ASSERT_EQUAL(count(fd), 2);
	ASSERT_FAILS(certctl_quarantine_put(fd, "missing", &err), CERTCTL_E_NOT_FOUND, "missing", err);
}

static void it_goes_after_thirty_days(void)
{
	CERTCTL_AUTO_CLOSE int fd = open_dir(test_temporary_dir());
	int64_t now_s = certctl_clock_now_s(certctl_clock_system());
	struct certctl_error err;

	put(fd, "a.key");
	ASSERT_OK(certctl_quarantine_tidy(fd, now_s + 29 * 86400, &err), err);
	CU_ASSERT_EQUAL(count(fd), 1);
	ASSERT_OK(certctl_quarantine_tidy(fd, now_s + 31 * 86400, &err), err);
	CU_ASSERT_EQUAL(count(fd), 0);
}

static void a_hundred_stay_and_other_files_are_not_touched(void)
{
	CERTCTL_AUTO_CLOSE int fd = open_dir(test_temporary_dir());
	static const struct certctl_file_attributes plain = { .mode = 0600, .uid = (uid_t)-1, .gid = (gid_t)-1 };
	struct certctl_error err;
	char name[32], **names;
	size_t listed = 0;

	ASSERT_OK(certctl_file_replace(fd, "good.key", "x", 1, &plain, &err), err);
	for (int i = 0; i < CERTCTL_QUARANTINE_MAX + 20; i++) {
		snprintf(name, sizeof(name), "%d.key", i);
		put(fd, name);
	}
	ASSERT_OK(certctl_quarantine_tidy(fd, certctl_clock_now_s(certctl_clock_system()), &err), err);
	CU_ASSERT_EQUAL(count(fd), CERTCTL_QUARANTINE_MAX);
	ASSERT_OK(certctl_listing_read(test_mem(), fd, ".key", 10, &names, &listed, &err), err);
	CU_ASSERT_EQUAL(listed, 1);
}

const struct test tests[] = {
	TEST(what_is_put_aside_is_in_no_listing),
	TEST(it_goes_after_thirty_days),
	TEST(a_hundred_stay_and_other_files_are_not_touched),
	{ 0 },
};
