#include "test.h"

#include <certctl/files.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const struct certctl_file_attributes private_file = { .mode = 0600, .uid = (uid_t)-1, .gid = (gid_t)-1 };

static int open_temporary_dir(void)
{
	struct certctl_error err;
	int fd = -1;

	ASSERT_OK(certctl_dir_open(test_temporary_dir(), &fd, &err), err);
	return fd;
}

static const char *read_text(int dir_fd, const char *name)
{
	struct certctl_error err;
	char *data = NULL;
	size_t len;

	ASSERT_OK(certctl_file_read(test_mem(), dir_fd, name, 1000, &data, &len, &err), err);
	return data;
}

static void files_links_and_gaps_come_back_as_they_were(void)
{
	static const char *const names[] = { "file", "link", "new", "no/such/dir", NULL };
	CERTCTL_AUTO_CLOSE int dir_fd = open_temporary_dir();
	struct certctl_snapshot *snapshot = NULL;
	struct certctl_error err;
	struct stat status;
	char target[20] = "";

	ASSERT_OK(certctl_file_create(dir_fd, "file", "old", 3, &private_file, &err), err);
	CU_ASSERT_EQUAL(fchmodat(dir_fd, "file", 0640, 0), 0);
	if (geteuid() == 0)
		CU_ASSERT_EQUAL(fchownat(dir_fd, "file", 1, 2, 0), 0);
	ASSERT_OK(certctl_link_replace(dir_fd, "link", "old-target", &err), err);
	ASSERT_OK(certctl_snapshot_take(test_mem(), dir_fd, names, &snapshot, &err), err);

	ASSERT_OK(certctl_file_replace(dir_fd, "file", "newer", 5, &private_file, &err), err);
	ASSERT_OK(certctl_file_replace(dir_fd, "link", "a file now", 10, &private_file, &err), err);
	ASSERT_OK(certctl_file_create(dir_fd, "new", "x", 1, &private_file, &err), err);
	for (int twice = 0; twice < 2; twice++) {
		ASSERT_OK(certctl_snapshot_restore(snapshot, &err), err);
		ASSERT_TEXT(read_text(dir_fd, "file"), "old");
		CU_ASSERT_EQUAL(fstatat(dir_fd, "file", &status, 0), 0);
		CU_ASSERT_EQUAL(status.st_mode & 07777, 0640);
		if (geteuid() == 0)
			CU_ASSERT_TRUE(status.st_uid == 1 && status.st_gid == 2);
		CU_ASSERT_EQUAL(readlinkat(dir_fd, "link", target, sizeof(target) - 1), 10);
		ASSERT_TEXT(target, "old-target");
		CU_ASSERT_EQUAL(faccessat(dir_fd, "new", F_OK, AT_SYMLINK_NOFOLLOW), -1);
	}
	talloc_free(snapshot);
}

static void one_file_that_cannot_come_back_does_not_stop_the_others(void)
{
	static const char *const names[] = { "sub/first", "second", NULL };
	CERTCTL_AUTO_CLOSE int dir_fd = open_temporary_dir();
	struct certctl_snapshot *snapshot = NULL;
	struct certctl_error err;

	CU_ASSERT_EQUAL(mkdirat(dir_fd, "sub", 0700), 0);
	ASSERT_OK(certctl_file_create(dir_fd, "sub/first", "1", 1, &private_file, &err), err);
	ASSERT_OK(certctl_file_create(dir_fd, "second", "2", 1, &private_file, &err), err);
	ASSERT_OK(certctl_snapshot_take(test_mem(), dir_fd, names, &snapshot, &err), err);
	ASSERT_OK(certctl_tree_remove(dir_fd, "sub", &err), err);
	ASSERT_OK(certctl_file_replace(dir_fd, "second", "changed", 7, &private_file, &err), err);
	ASSERT_FAILS(certctl_snapshot_restore(snapshot, &err), CERTCTL_E_NOT_FOUND, "sub", err);
	ASSERT_TEXT(read_text(dir_fd, "second"), "2");
}

static void what_cannot_be_kept_is_refused(void)
{
	static const char *const directory[] = { "sub", NULL }, *const outside[] = { "../x", NULL };
	CERTCTL_AUTO_CLOSE int dir_fd = open_temporary_dir();
	struct certctl_snapshot *snapshot = NULL;
	struct certctl_error err;

	CU_ASSERT_EQUAL(mkdirat(dir_fd, "sub", 0700), 0);
	ASSERT_FAILS(certctl_snapshot_take(test_mem(), dir_fd, directory, &snapshot, &err), CERTCTL_E_INVALID, "sub",
		err);
	ASSERT_FAILS(certctl_snapshot_take(test_mem(), dir_fd, outside, &snapshot, &err), CERTCTL_E_INVALID, "..", err);
	CU_ASSERT_PTR_NULL(snapshot);
}

const struct test tests[] = {
	TEST(files_links_and_gaps_come_back_as_they_were),
	TEST(one_file_that_cannot_come_back_does_not_stop_the_others),
	TEST(what_cannot_be_kept_is_refused),
	{ 0 },
};
