#include "test.h"

#include <certctl/files.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int dir_with(const char *name, const char *content, size_t len)
{
	struct certctl_error err;
	int fd = -1;

	ASSERT_OK(certctl_dir_open(test_temporary_dir(), &fd, &err), err);
	int file = openat(fd, name, O_CREAT | O_WRONLY, 0600);

	CU_ASSERT_EQUAL(write(file, content, len), (ssize_t)len);
	close(file);
	return fd;
}

static void content_comes_whole_with_a_nul_behind_it(void)
{
	CERTCTL_AUTO_CLOSE int dir_fd = dir_with("file", "a\0b\n", 4);
	struct certctl_error err;
	struct certctl_secret secret = { 0 };
	char *data = NULL;
	size_t len = 0;

	ASSERT_OK(certctl_file_read(test_mem(), dir_fd, "file", 4, &data, &len, &err), err);
	CU_ASSERT_EQUAL(len, 4);
	CU_ASSERT_EQUAL(memcmp(data, "a\0b\n", 5), 0);
	ASSERT_OK(certctl_file_read_secret(test_mem(), dir_fd, "file", 4, &secret, &err), err);
	CU_ASSERT_EQUAL(secret.len, 4);
	CU_ASSERT_EQUAL(memcmp(secret.data, "a\0b\n", 5), 0);
	certctl_secret_clear(&secret);
	CU_ASSERT_PTR_NULL(secret.data);
}

static void a_file_longer_than_the_limit_is_refused(void)
{
	CERTCTL_AUTO_CLOSE int dir_fd = dir_with("file", "12345", 5);
	struct certctl_error err;
	struct certctl_secret secret = { 0 };
	char *data = NULL;
	size_t len = 7;

	ASSERT_FAILS(certctl_file_read(test_mem(), dir_fd, "file", 4, &data, &len, &err), CERTCTL_E_LIMIT, "4 bytes",
		err);
	ASSERT_FAILS(certctl_file_read_secret(test_mem(), dir_fd, "file", 0, &secret, &err), CERTCTL_E_LIMIT, "file",
		err);
	CU_ASSERT_PTR_NULL(data);
	CU_ASSERT_EQUAL(len, 7);
	CU_ASSERT_PTR_NULL(secret.data);
}

static void an_empty_file_is_empty_text(void)
{
	CERTCTL_AUTO_CLOSE int dir_fd = dir_with("file", "", 0);
	struct certctl_error err;
	char *data = NULL;
	size_t len = 7;

	ASSERT_OK(certctl_file_read(test_mem(), dir_fd, "file", 100, &data, &len, &err), err);
	CU_ASSERT_EQUAL(len, 0);
	ASSERT_TEXT(data, "");
}

static void a_file_that_does_not_know_its_size_is_read_to_its_end(void)
{
	struct certctl_error err;
	char *data = NULL;
	size_t len = 0;

	ASSERT_OK(certctl_file_read_path(test_mem(), "/proc/kallsyms", 64 << 20, &data, &len, &err), err);
	CU_ASSERT_TRUE(len > 8192);
	ASSERT_FAILS(certctl_file_read_path(test_mem(), "/proc/kallsyms", 5000, &data, &len, &err), CERTCTL_E_LIMIT,
		NULL, err);
}

static void what_is_no_regular_file_is_refused_without_waiting(void)
{
	CERTCTL_AUTO_CLOSE int dir_fd = dir_with("file", "x", 1);
	struct certctl_error err;
	char *data;
	size_t len;

	CU_ASSERT_EQUAL(mkfifoat(dir_fd, "fifo", 0600), 0);
	CU_ASSERT_EQUAL(mkdirat(dir_fd, "dir", 0700), 0);
	CU_ASSERT_EQUAL(symlinkat("file", dir_fd, "link"), 0);
	ASSERT_FAILS(certctl_file_read(test_mem(), dir_fd, "fifo", 9, &data, &len, &err), CERTCTL_E_INVALID, "regular",
		err);
	ASSERT_FAILS(certctl_file_read(test_mem(), dir_fd, "dir", 9, &data, &len, &err), CERTCTL_E_INVALID, "regular",
		err);
	ASSERT_FAILS(certctl_file_read(test_mem(), dir_fd, "link", 9, &data, &len, &err), CERTCTL_E_DENIED, "link",
		err);
	ASSERT_FAILS(certctl_file_read(test_mem(), dir_fd, "none", 9, &data, &len, &err), CERTCTL_E_NOT_FOUND, "none",
		err);
	ASSERT_FAILS(certctl_file_read_path(test_mem(), "/dev/zero", 9, &data, &len, &err), CERTCTL_E_INVALID,
		"regular", err);
}

static void an_operators_path_may_be_a_link(void)
{
	const char *dir = test_temporary_dir();
	char *file = talloc_asprintf(test_mem(), "%s/file", dir), *link = talloc_asprintf(test_mem(), "%s/link", dir);
	struct certctl_error err;
	char *data = NULL;
	size_t len = 0;
	int fd = creat(file, 0600);

	CU_ASSERT_EQUAL(write(fd, "yes", 3), 3);
	close(fd);
	CU_ASSERT_EQUAL(symlink("file", link), 0);
	ASSERT_OK(certctl_file_read_path(test_mem(), link, 10, &data, &len, &err), err);
	ASSERT_TEXT(data, "yes");
}

const struct test tests[] = {
	TEST(content_comes_whole_with_a_nul_behind_it),
	TEST(a_file_longer_than_the_limit_is_refused),
	TEST(an_empty_file_is_empty_text),
	TEST(a_file_that_does_not_know_its_size_is_read_to_its_end),
	TEST(what_is_no_regular_file_is_refused_without_waiting),
	TEST(an_operators_path_may_be_a_link),
	{ 0 },
};
