#include "test.h"

#include <certctl/files.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct certctl_file_attributes private_file = { .mode = 0600, .uid = (uid_t)-1, .gid = (gid_t)-1 };
static const struct certctl_file_attributes group_file = { .mode = 0640, .uid = (uid_t)-1, .gid = (gid_t)-1 };

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

	return certctl_file_read(test_mem(), dir_fd, name, 1000, &data, &len, &err) == 0 ? data : NULL;
}

static int count_entries(int dir_fd)
{
	DIR *dir = fdopendir(openat(dir_fd, ".", O_RDONLY | O_DIRECTORY));
	int count = -2; /* "." and ".." */

	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static void a_file_is_made_once(void)
{
	CERTCTL_AUTO_CLOSE int dir_fd = open_temporary_dir();
	struct certctl_error err;

	ASSERT_OK(certctl_file_create(dir_fd, "file", "first", 5, &private_file, &err), err);
	ASSERT_FAILS(certctl_file_create(dir_fd, "file", "second", 6, &private_file, &err), CERTCTL_E_CONFLICT, "file",
		err);
	ASSERT_TEXT(read_text(dir_fd, "file"), "first");
	CU_ASSERT_EQUAL(symlinkat("elsewhere", dir_fd, "link"), 0);
	ASSERT_FAILS(certctl_file_create(dir_fd, "link", "x", 1, &private_file, &err), CERTCTL_E_CONFLICT, "link", err);
	CU_ASSERT_EQUAL(count_entries(dir_fd), 2);
}

static void mode_and_owner_are_what_was_asked_whatever_the_umask(void)
{
	CERTCTL_AUTO_CLOSE int dir_fd = open_temporary_dir();
	struct certctl_file_attributes attributes = { .mode = 0664, .uid = (uid_t)-1, .gid = (gid_t)-1 };
	struct certctl_error err;
	struct stat status;
	mode_t old = umask(077);

	if (geteuid() == 0)
		attributes.uid = 1, attributes.gid = 2;
	ASSERT_OK(certctl_file_replace(dir_fd, "file", "x", 1, &attributes, &err), err);
	umask(old);
	CU_ASSERT_EQUAL(fstatat(dir_fd, "file", &status, 0), 0);
	CU_ASSERT_EQUAL(status.st_mode & 07777, 0664);
	CU_ASSERT_EQUAL(status.st_uid, geteuid() == 0 ? 1 : geteuid());
	CU_ASSERT_EQUAL(status.st_gid, geteuid() == 0 ? 2 : getegid());
	/* A mode without any right to read is kept too, and the next writer is not stopped by it. */
	attributes.mode = 0;
	ASSERT_OK(certctl_file_replace(dir_fd, "file", "y", 1, &attributes, &err), err);
	CU_ASSERT_EQUAL(fstatat(dir_fd, "file", &status, 0), 0);
	CU_ASSERT_EQUAL(status.st_mode & 07777, 0);
}

static void replacing_changes_the_name_and_not_what_was_open(void)
{
	CERTCTL_AUTO_CLOSE int dir_fd = open_temporary_dir();
	struct certctl_error err;
	char before[10] = "";

	CU_ASSERT_EQUAL(mkdirat(dir_fd, "sub", 0700), 0);
	ASSERT_OK(certctl_file_replace(dir_fd, "sub/file", "old", 3, &private_file, &err), err);
	CERTCTL_AUTO_CLOSE int open_before = openat(dir_fd, "sub/file", O_RDONLY);

	ASSERT_OK(certctl_file_replace(dir_fd, "sub/file", "newer", 5, &group_file, &err), err);
	ASSERT_TEXT(read_text(dir_fd, "sub/file"), "newer");
	CU_ASSERT_EQUAL(read(open_before, before, sizeof(before)), 3);
	ASSERT_FAILS(certctl_file_replace(dir_fd, "sub", "x", 1, &private_file, &err), CERTCTL_E_IO, "sub", err);
	ASSERT_FAILS(certctl_file_replace(dir_fd, "none/file", "x", 1, &private_file, &err), CERTCTL_E_NOT_FOUND,
		"none", err);
	CU_ASSERT_EQUAL(count_entries(dir_fd), 1);
}

static void planted_links_are_replaced_or_refused_but_never_followed(void)
{
	CERTCTL_AUTO_CLOSE int dir_fd = open_temporary_dir();
	CERTCTL_AUTO_CLOSE int outside_fd = open_temporary_dir();
	struct certctl_error err;
	char target[200];

	ASSERT_OK(certctl_file_create(outside_fd, "victim", "untouched", 9, &private_file, &err), err);
	snprintf(target, sizeof(target), "/proc/self/fd/%d/victim", outside_fd);
	CU_ASSERT_EQUAL(symlinkat(target, dir_fd, "file"), 0);
	CU_ASSERT_EQUAL(symlinkat(target, dir_fd, ".file.certctl-new"), 0);
	snprintf(target, sizeof(target), "/proc/self/fd/%d", outside_fd);
	CU_ASSERT_EQUAL(symlinkat(target, dir_fd, "sub"), 0);

	ASSERT_OK(certctl_file_replace(dir_fd, "file", "mine", 4, &private_file, &err), err);
	ASSERT_TEXT(read_text(dir_fd, "file"), "mine");
	ASSERT_FAILS(certctl_file_replace(dir_fd, "sub/victim", "x", 1, &private_file, &err), CERTCTL_E_DENIED, "link",
		err);
	ASSERT_FAILS(certctl_file_remove(dir_fd, "sub/victim", &err), CERTCTL_E_DENIED, "link", err);
	ASSERT_FAILS(certctl_link_replace(dir_fd, "sub/victim", "x", &err), CERTCTL_E_DENIED, "link", err);
	ASSERT_FAILS(certctl_file_replace(dir_fd, "../x", "x", 1, &private_file, &err), CERTCTL_E_INVALID, "..", err);
	ASSERT_TEXT(read_text(outside_fd, "victim"), "untouched");
	CU_ASSERT_EQUAL(count_entries(outside_fd), 1);
}

static void a_link_is_replaced_in_one_step(void)
{
	CERTCTL_AUTO_CLOSE int dir_fd = open_temporary_dir();
	struct certctl_error err;
	char target[20] = "";

	ASSERT_OK(certctl_file_create(dir_fd, "link", "a file", 6, &private_file, &err), err);
	for (const char *const *to = (const char *const[]){ "one", "two", NULL }; *to; to++) {
		memset(target, 0, sizeof(target));
		ASSERT_OK(certctl_link_replace(dir_fd, "link", *to, &err), err);
		CU_ASSERT_EQUAL(readlinkat(dir_fd, "link", target, sizeof(target) - 1), 3);
		ASSERT_TEXT(target, *to);
	}
	CU_ASSERT_EQUAL(symlinkat("left by a killed writer", dir_fd, ".link.certctl-new"), 0);
	ASSERT_OK(certctl_link_replace(dir_fd, "link", "three", &err), err);
	CU_ASSERT_EQUAL(count_entries(dir_fd), 1);
}

static void removing_twice_is_success(void)
{
	CERTCTL_AUTO_CLOSE int dir_fd = open_temporary_dir();
	struct certctl_error err;

	ASSERT_OK(certctl_file_create(dir_fd, "file", "x", 1, &private_file, &err), err);
	CU_ASSERT_EQUAL(mkdirat(dir_fd, "sub", 0700), 0);
	ASSERT_OK(certctl_file_remove(dir_fd, "file", &err), err);
	ASSERT_OK(certctl_file_remove(dir_fd, "file", &err), err);
	ASSERT_OK(certctl_file_remove(dir_fd, "none/file", &err), err);
	ASSERT_FAILS(certctl_file_remove(dir_fd, "sub", &err), CERTCTL_E_IO, "sub", err);
	CU_ASSERT_EQUAL(count_entries(dir_fd), 1);
}

static void a_name_too_long_is_refused_and_leaves_nothing(void)
{
	CERTCTL_AUTO_CLOSE int dir_fd = open_temporary_dir();
	char name[251];
	struct certctl_error err;

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	ASSERT_FAILS(certctl_file_replace(dir_fd, name, "x", 1, &private_file, &err), CERTCTL_E_IO, "nnn", err);
	CU_ASSERT_EQUAL(count_entries(dir_fd), 0);
}

/* In a process of its own: it enters a mount namespace.  Its exit status says which check failed. */
static int fill_a_disk(const char *dir)
{
	static char old[40000], new[60000];
	struct certctl_error err;
	char *data;
	size_t len;
	int dir_fd, flags = CLONE_NEWNS | (geteuid() == 0 ? 0 : CLONE_NEWUSER);

	memset(old, 'o', sizeof(old));
	memset(new, 'n', sizeof(new));
	if (unshare(flags) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("tmpfs", dir, "tmpfs", 0, "size=65536") < 0)
		return 1;
	if (certctl_dir_open(dir, &dir_fd, &err) < 0)
		return 2;
	if (certctl_file_create(dir_fd, "file", old, sizeof(old), &private_file, &err) < 0)
		return 3;
	if (certctl_file_replace(dir_fd, "file", new, sizeof(new), &private_file, &err) != CERTCTL_E_IO ||
		!strstr(err.what, "No space left"))
		return 4;
	if (certctl_file_create(dir_fd, "other", new, sizeof(new), &private_file, &err) != CERTCTL_E_IO)
		return 5;
	if (certctl_file_read(test_mem(), dir_fd, "file", sizeof(new), &data, &len, &err) < 0 || len != sizeof(old) ||
		memcmp(data, old, len) != 0)
		return 6;
	return count_entries(dir_fd) == 1 ? 0 : 7;
}

static void a_full_disk_leaves_the_old_content_and_nothing_else(void)
{
	const char *dir = test_temporary_dir();
	int status = -1;
	pid_t child = fork();

	if (child == 0)
		_exit(fill_a_disk(dir));
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	CU_ASSERT_TRUE(WIFEXITED(status));
	CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
}

/* Run `step` in a child that is killed when it enters its nth system call.  false: it had fewer. */
static bool kill_at_call(int n, int (*step)(int dir_fd), int dir_fd)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(step(dir_fd) == 0 ? 0 : 1);
	}
	waitpid(child, &status, 0);
	ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	/* Two stops a call: entry and exit.  Both count: killed before it, killed right after it. */
	for (int stops = 0; stops < n; stops++) {
		ptrace(PTRACE_SYSCALL, child, NULL, NULL);
		waitpid(child, &status, 0);
		if (WIFEXITED(status)) {
			CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
			return false;
		}
	}
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	return true;
}

static int replace_with_new(int dir_fd)
{
	return certctl_file_replace(dir_fd, "file", "new", 3, &group_file, NULL);
}

static int create_new(int dir_fd)
{
	return certctl_file_create(dir_fd, "file", "new", 3, &group_file, NULL);
}

static void a_killed_writer_leaves_old_or_new_content(void)
{
	CERTCTL_AUTO_CLOSE int dir_fd = open_temporary_dir();
	struct certctl_error err;
	int kills = 0, saw_old = 0, saw_new = 0, saw_leftover = 0;
	bool killed = true;

	while (killed) {
		struct stat status;

		ASSERT_OK(certctl_file_replace(dir_fd, "file", "old", 3, &private_file, &err), err);
		CU_ASSERT_EQUAL(count_entries(dir_fd), 1);
		killed = kill_at_call(++kills, replace_with_new, dir_fd);
		const char *text = read_text(dir_fd, "file");

		CU_ASSERT_PTR_NOT_NULL_FATAL(text);
		CU_ASSERT_EQUAL(fstatat(dir_fd, "file", &status, 0), 0);
		saw_leftover += count_entries(dir_fd) > 1;
		if (strcmp(text, "old") == 0) {
			saw_old++;
			CU_ASSERT_EQUAL(status.st_mode & 07777, 0600);
		} else {
			saw_new++;
			ASSERT_TEXT(text, "new");
			CU_ASSERT_EQUAL(status.st_mode & 07777, 0640);
		}
	}
	/* The loop means something only when it met both contents and a temporary file that was left behind. */
	CU_ASSERT_TRUE(saw_old > 4 && saw_new > 1 && saw_leftover > 0);
}

static void a_killed_creator_leaves_nothing_or_all_under_the_name(void)
{
	CERTCTL_AUTO_CLOSE int dir_fd = open_temporary_dir();
	struct certctl_error err;
	int kills = 0, saw_new = 0;
	bool killed = true;

	while (killed) {
		ASSERT_OK(certctl_file_remove(dir_fd, "file", &err), err);
		killed = kill_at_call(++kills, create_new, dir_fd);
		const char *text = read_text(dir_fd, "file");

		if (text) {
			saw_new++;
			ASSERT_TEXT(text, "new");
		} else {
			ASSERT_OK(certctl_file_create(dir_fd, "file", "again", 5, &private_file, &err), err);
			CU_ASSERT_EQUAL(count_entries(dir_fd), 1);
		}
	}
	CU_ASSERT_TRUE(kills > 10 && saw_new > 1);
}

static int link_to_new(int dir_fd)
{
	return certctl_link_replace(dir_fd, "link", "new", NULL);
}

static void a_killed_linker_leaves_the_old_or_the_new_link(void)
{
	CERTCTL_AUTO_CLOSE int dir_fd = open_temporary_dir();
	struct certctl_error err;
	int kills = 0, saw_old = 0, saw_new = 0;
	bool killed = true;

	while (killed) {
		char target[10] = "";

		ASSERT_OK(certctl_link_replace(dir_fd, "link", "old", &err), err);
		CU_ASSERT_EQUAL(count_entries(dir_fd), 1);
		killed = kill_at_call(++kills, link_to_new, dir_fd);
		CU_ASSERT_EQUAL(readlinkat(dir_fd, "link", target, sizeof(target) - 1), 3);
		saw_old += strcmp(target, "old") == 0;
		saw_new += strcmp(target, "new") == 0;
	}
	CU_ASSERT_EQUAL(saw_old + saw_new, kills);
	CU_ASSERT_TRUE(saw_old > 2 && saw_new > 1);
}

/* Two processes write one name at once, with content of their own; a reader sees one whole content or the other. */
static void writers_of_one_name_take_turns(void)
{
	CERTCTL_AUTO_CLOSE int dir_fd = open_temporary_dir();
	static char a[30000], b[20000];
	struct certctl_error err;
	pid_t children[2];
	int status;

	memset(a, 'a', sizeof(a));
	memset(b, 'b', sizeof(b));
	ASSERT_OK(certctl_file_replace(dir_fd, "file", a, sizeof(a), &private_file, &err), err);
	for (int i = 0; i < 2; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			for (int n = 0; n < 100; n++)
				if (certctl_file_replace(dir_fd, "file", i ? a : b, i ? sizeof(a) : sizeof(b),
					    &private_file, NULL))
					_exit(1);
			_exit(0);
		}
	}
	for (int n = 0; n < 200; n++) {
		TALLOC_CTX *mem = talloc_new(NULL);
		char *data = NULL;
		size_t len = 0;

		ASSERT_OK(certctl_file_read(mem, dir_fd, "file", 100000, &data, &len, &err), err);
		CU_ASSERT_TRUE((len == sizeof(a) && memcmp(data, a, len) == 0) ||
			       (len == sizeof(b) && memcmp(data, b, len) == 0));
		talloc_free(mem);
	}
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(waitpid(children[i], &status, 0), children[i]);
		CU_ASSERT_EQUAL(status, 0);
	}
	CU_ASSERT_EQUAL(count_entries(dir_fd), 1);
}

const struct test tests[] = {
	TEST(a_file_is_made_once),
	TEST(mode_and_owner_are_what_was_asked_whatever_the_umask),
	TEST(replacing_changes_the_name_and_not_what_was_open),
	TEST(planted_links_are_replaced_or_refused_but_never_followed),
	TEST(a_link_is_replaced_in_one_step),
	TEST(removing_twice_is_success),
	TEST(a_name_too_long_is_refused_and_leaves_nothing),
	TEST(a_full_disk_leaves_the_old_content_and_nothing_else),
	TEST(a_killed_writer_leaves_old_or_new_content),
	TEST(a_killed_creator_leaves_nothing_or_all_under_the_name),
	TEST(a_killed_linker_leaves_the_old_or_the_new_link),
	TEST(writers_of_one_name_take_turns),
	{ 0 },
};
