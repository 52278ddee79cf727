#include "test.h"

#include <certctl/files.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static mode_t mode_of(int dir_fd, const char *name)
{
	struct stat status;

	return fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 ? status.st_mode & 07777 : 0;
}

static void a_directory_behind_a_symlink_is_refused(void)
{
	const char *dir = test_temporary_dir();
	char *real = talloc_asprintf(test_mem(), "%s/real/inner", dir);
	char *linked = talloc_asprintf(test_mem(), "%s/link/inner", dir);
	struct certctl_error err;
	int fd = -1;

	ASSERT_OK(certctl_dir_make(real, 0700, &fd, &err), err);
	certctl_close_auto(&fd);
	CU_ASSERT_EQUAL_FATAL(symlink("real", talloc_asprintf(test_mem(), "%s/link", dir)), 0);
	ASSERT_FAILS(certctl_dir_open(linked, &fd, &err), CERTCTL_E_DENIED, "symbolic link", err);
	ASSERT_FAILS(certctl_dir_make(linked, 0700, &fd, &err), CERTCTL_E_DENIED, "symbolic link", err);
	ASSERT_FAILS(certctl_dir_make(talloc_asprintf(test_mem(), "%s/link/new", dir), 0700, &fd, &err),
		CERTCTL_E_DENIED, "symbolic link", err);
	CU_ASSERT_EQUAL(access(talloc_asprintf(test_mem(), "%s/real/new", dir), F_OK), -1);
	CU_ASSERT_EQUAL(fd, -1);
}

static void a_path_must_be_absolute_and_straight(void)
{
	static const char *const rows[] = { "", "relative", "./x", "/tmp/../etc", "/..", "/tmp/a/.." };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_error err;
		int fd = -1;

		ASSERT_FAILS(certctl_dir_open(rows[i], &fd, &err), CERTCTL_E_INVALID, "absolute path", err);
		ASSERT_FAILS(certctl_dir_make(rows[i], 0700, &fd, &err), CERTCTL_E_INVALID, "absolute path", err);
	}
}

static void parents_are_made_and_the_last_gets_its_mode(void)
{
	const char *dir = test_temporary_dir();
	char *path = talloc_asprintf(test_mem(), "%s//a/b/c/", dir);
	struct certctl_error err;
	mode_t old = umask(077);
	int fd = -1, again = -1;

	ASSERT_OK(certctl_dir_make(path, 0751, &fd, &err), err);
	CU_ASSERT_EQUAL(mode_of(fd, "."), 0751);
	CU_ASSERT_EQUAL(mode_of(AT_FDCWD, talloc_asprintf(test_mem(), "%s/a/b", dir)), 0700);
	umask(old);
	ASSERT_OK(certctl_dir_make(path, 0700, &again, &err), err);
	CU_ASSERT_EQUAL(mode_of(again, "."), 0751); /* what is there keeps its mode */
	CU_ASSERT_TRUE(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ASSERT_OK(certctl_dir_sync(fd, &err), err);
	close(fd);
	close(again);
}

static void a_file_in_the_way_is_named(void)
{
	const char *dir = test_temporary_dir();
	char *file = talloc_asprintf(test_mem(), "%s/file", dir);
	struct certctl_error err;
	int fd = creat(file, 0600);

	close(fd);
	fd = -1;
	ASSERT_FAILS(certctl_dir_make(talloc_asprintf(test_mem(), "%s/sub", file), 0700, &fd, &err), CERTCTL_E_IO,
		"file", err);
	ASSERT_FAILS(certctl_dir_open(file, &fd, &err), CERTCTL_E_IO, "Not a directory", err);
	ASSERT_FAILS(certctl_dir_open(talloc_asprintf(test_mem(), "%s/none", dir), &fd, &err), CERTCTL_E_NOT_FOUND,
		"none", err);
}

static void a_message_shows_no_control_characters(void)
{
	struct certctl_error err;
	int fd = -1;

	ASSERT_FAILS(certctl_dir_open("/no/\033[2Jsuch\n", &fd, &err), CERTCTL_E_NOT_FOUND, "/no/?[2Jsuch?: No such",
		err);
	ASSERT_FAILS(certctl_open_below(AT_FDCWD, "no\r/../x", O_RDONLY, 0, &fd, &err), CERTCTL_E_INVALID,
		"no?/../x: ", err);
}

static void names_that_lead_out_are_refused(void)
{
	static const struct {
		const char *name;
		int code;
	} rows[] = {
		{ "", CERTCTL_E_INVALID },
		{ "/etc/passwd", CERTCTL_E_INVALID },
		{ "..", CERTCTL_E_INVALID },
		{ "a/../../x", CERTCTL_E_INVALID },
		{ "../x", CERTCTL_E_INVALID },
		{ "a/..", CERTCTL_E_INVALID },
		{ "out/passwd", CERTCTL_E_DENIED },
		{ "up/x", CERTCTL_E_DENIED },
		{ "final", CERTCTL_E_DENIED },
		{ "none", CERTCTL_E_NOT_FOUND },
	};
	const char *dir = test_temporary_dir();
	struct certctl_error err;
	int dir_fd = -1, fd = -1;

	ASSERT_OK(certctl_dir_open(dir, &dir_fd, &err), err);
	CU_ASSERT_EQUAL(symlinkat("/etc", dir_fd, "out"), 0);
	CU_ASSERT_EQUAL(symlinkat("..", dir_fd, "up"), 0);
	CU_ASSERT_EQUAL(symlinkat("/etc/passwd", dir_fd, "final"), 0);
	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++)
		ASSERT_FAILS(certctl_open_below(dir_fd, rows[i].name, O_RDONLY, 0, &fd, &err), rows[i].code, NULL, err);
	CU_ASSERT_EQUAL(fd, -1);
	ASSERT_OK(certctl_open_below(dir_fd, "..name", O_CREAT | O_WRONLY, 0640, &fd, &err), err);
	CU_ASSERT_TRUE(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	close(dir_fd);
}

/* Another process swaps a directory and a symlink without pause: every open gives the true file or is refused. */
static void a_component_that_keeps_changing_never_leads_out(void)
{
	const char *dir = test_temporary_dir();
	struct certctl_error err;
	int dir_fd = -1, opened = 0, refused = 0;

	ASSERT_OK(certctl_dir_open(dir, &dir_fd, &err), err);
	CU_ASSERT_EQUAL_FATAL(mkdirat(dir_fd, "inner", 0700), 0);
	CU_ASSERT_EQUAL_FATAL(mkdirat(dir_fd, "outside", 0700), 0);
	CU_ASSERT_EQUAL_FATAL(mkdirat(dir_fd, "inner/sub", 0700), 0);
	CU_ASSERT_EQUAL_FATAL(symlinkat("../outside", dir_fd, "inner/link"), 0);
	close(openat(dir_fd, "outside/file", O_CREAT | O_WRONLY, 0666));
	close(openat(dir_fd, "inner/sub/file", O_CREAT | O_WRONLY, 0600));
	pid_t swapper = fork();

	if (swapper == 0)
		for (;;)
			renameat2(dir_fd, "inner/sub", dir_fd, "inner/link", RENAME_EXCHANGE);
	for (int i = 0; i < 20000 && (i < 2000 || !opened || !refused); i++) {
		int fd = -1;
		int rc = certctl_open_below(dir_fd, "inner/sub/file", O_RDONLY, 0, &fd, &err);
		struct stat status;

		if (rc == 0) {
			opened++;
			CU_ASSERT_EQUAL(fstat(fd, &status), 0);
			CU_ASSERT_EQUAL(status.st_mode & 0777, 0600);
			close(fd);
		} else {
			refused++;
			CU_ASSERT_EQUAL(rc, CERTCTL_E_DENIED);
		}
	}
	kill(swapper, SIGKILL);
	waitpid(swapper, NULL, 0);
	CU_ASSERT_TRUE(opened > 0);
	CU_ASSERT_TRUE(refused > 0);
	close(dir_fd);
}

const struct test tests[] = {
	TEST(a_directory_behind_a_symlink_is_refused),
	TEST(a_path_must_be_absolute_and_straight),
	TEST(parents_are_made_and_the_last_gets_its_mode),
	TEST(a_file_in_the_way_is_named),
	TEST(a_message_shows_no_control_characters),
	TEST(names_that_lead_out_are_refused),
	TEST(a_component_that_keeps_changing_never_leads_out),
	{ 0 },
};
