#include "test.h"

#include <certctl/files.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int open_temporary_dir(void)
{
	struct certctl_error err;
	int fd = -1;

	ASSERT_OK(certctl_dir_open(test_temporary_dir(), &fd, &err), err);
	return fd;
}

static bool is_there(int dir_fd, const char *name)
{
	return faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void touch(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_CREAT | O_WRONLY, 0600);

	CU_ASSERT_TRUE(fd >= 0);
	close(fd);
}

static void a_tree_goes_and_what_its_links_name_stays(void)
{
	CERTCTL_AUTO_CLOSE int dir_fd = open_temporary_dir();
	struct certctl_error err;

	CU_ASSERT_EQUAL(mkdirat(dir_fd, "keep", 0700), 0);
	touch(dir_fd, "keep/precious");
	CU_ASSERT_EQUAL(mkdirat(dir_fd, "tree", 0700), 0);
	CU_ASSERT_EQUAL(mkdirat(dir_fd, "tree/a", 0700), 0);
	CU_ASSERT_EQUAL(mkdirat(dir_fd, "tree/a/b", 0500), 0);
	for (int i = 0; i < 300; i++)
		touch(dir_fd, talloc_asprintf(test_mem(), "tree/a/file-%d", i));
	CU_ASSERT_EQUAL(symlinkat("../../keep", dir_fd, "tree/a/link"), 0);
	CU_ASSERT_EQUAL(symlinkat("/etc/passwd", dir_fd, "tree/absolute"), 0);
	CU_ASSERT_EQUAL(symlinkat("nowhere", dir_fd, "tree/dangling"), 0);
	ASSERT_OK(certctl_tree_remove(dir_fd, "tree", &err), err);
	CU_ASSERT_FALSE(is_there(dir_fd, "tree"));
	CU_ASSERT_TRUE(is_there(dir_fd, "keep/precious"));
	ASSERT_OK(certctl_tree_remove(dir_fd, "tree", &err), err);
	ASSERT_OK(certctl_tree_remove(dir_fd, "none/tree", &err), err);
}

static void a_link_or_a_file_is_no_tree(void)
{
	CERTCTL_AUTO_CLOSE int dir_fd = open_temporary_dir();
	struct certctl_error err;

	CU_ASSERT_EQUAL(mkdirat(dir_fd, "real", 0700), 0);
	touch(dir_fd, "real/file");
	CU_ASSERT_EQUAL(symlinkat("real", dir_fd, "link"), 0);
	ASSERT_FAILS(certctl_tree_remove(dir_fd, "link", &err), CERTCTL_E_DENIED, "symbolic link", err);
	ASSERT_FAILS(certctl_tree_remove(dir_fd, "real/file", &err), CERTCTL_E_IO, "Not a directory", err);
	ASSERT_FAILS(certctl_tree_remove(dir_fd, ".", &err), CERTCTL_E_INVALID, "name of a file", err);
	ASSERT_FAILS(certctl_tree_remove(dir_fd, "real/..", &err), CERTCTL_E_INVALID, "name of a file", err);
	CU_ASSERT_TRUE(is_there(dir_fd, "real/file"));
}

static void a_bottomless_tree_is_refused(void)
{
	CERTCTL_AUTO_CLOSE int dir_fd = open_temporary_dir();
	char *path = talloc_strdup(test_mem(), "d");
	struct certctl_error err;

	for (int i = 0; i < 70; i++) {
		CU_ASSERT_EQUAL(mkdirat(dir_fd, path, 0700), 0);
		path = talloc_strdup_append(path, "/d");
	}
	ASSERT_FAILS(certctl_tree_remove(dir_fd, "d", &err), CERTCTL_E_LIMIT, "deeper", err);
}

const struct test tests[] = {
	TEST(a_tree_goes_and_what_its_links_name_stays),
	TEST(a_link_or_a_file_is_no_tree),
	TEST(a_bottomless_tree_is_refused),
	{ 0 },
};
