/* Starting PostgreSQL's programs as another user, and looking at who is running.  Knows nothing of clusters. */
#include "process.h"

#include <certctl/files.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int db_process_user(const char *const *names, struct db_process_user *ret, struct certctl_error *err)
{
	struct db_process_user user = { 0 };

	if (geteuid() != 0) {
		*ret = user;
		return 0;
	}
	for (size_t i = 0; names[i]; i++) {
		const struct passwd *entry = getpwnam(names[i]);

		if (!entry || entry->pw_uid == 0)
			continue;
		user.is_set = true;
		user.uid = entry->pw_uid;
		user.gid = entry->pw_gid;
		snprintf(user.name, sizeof(user.name), "%s", entry->pw_name);
		*ret = user;
		return 0;
	}
	certctl_fail(err, CERTCTL_E_NOT_FOUND, "database: PostgreSQL refuses to run as root, and there is no user '%s'",
		names[0]);
	return certctl_hint(err, "Create a system user '%s', or give a database with --database-url.", names[0]);
}

/* In the child, before exec: only system calls. */
static void become(const struct db_process_user *user, const char *directory, int log_fd)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	/* Our threads block the signals that end us; PostgreSQL needs them. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	dup2(null_fd, 0);
	dup2(log_fd, 1);
	dup2(log_fd, 2);
	/* Descriptors of ours that were opened without O_CLOEXEC, by whatever library. */
	syscall(SYS_close_range, 3, ~0U, 0);
	if (user->is_set && (setgroups(0, NULL) < 0 || setresgid(user->gid, user->gid, user->gid) < 0 ||
				    setresuid(user->uid, user->uid, user->uid) < 0))
		_exit(126);
	if (chdir(directory) < 0)
		_exit(125);
}

int db_process_start(const struct db_process_user *user, const char *const *argv, const char *directory,
	const char *log_file, pid_t *ret_pid, struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int log_fd = open(log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (log_fd < 0)
		return certctl_fail_errno(err, errno, "%s", log_file);
	static const char *const environment[] = { "PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC", NULL };
	pid_t pid = fork();

	if (pid == 0) {
		become(user, directory, log_fd);
		execve(argv[0], (char *const *)argv, (char *const *)environment);
		_exit(127);
	}
	if (pid < 0)
		return certctl_fail_errno(err, errno, "fork");
	*ret_pid = pid;
	return 0;
}

int db_process_run(const struct db_process_user *user, const char *const *argv, const char *directory,
	const char *log_file, struct certctl_error *err)
{
	pid_t pid;
	int status = 0, rc = db_process_start(user, argv, directory, log_file, &pid, err);

	if (rc < 0)
		return rc;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return certctl_fail_errno(err, errno, "%s", argv[0]);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return certctl_fail(err, CERTCTL_E_IO, "%s failed: see %s", argv[0], log_file);
}

/* Owner, group and other bits, as the kernel asks them for a user without other groups. */
static bool may_enter(const struct db_process_user *user, const struct stat *status)
{
	if (status->st_uid == user->uid)
		return status->st_mode & S_IXUSR;
	if (status->st_gid == user->gid)
		return status->st_mode & S_IXGRP;
	return status->st_mode & S_IXOTH;
}

int db_process_can_reach(const struct db_process_user *user, const char *directory, struct certctl_error *err)
{
	char part[PATH_MAX];
	struct stat status;

	if (!user->is_set)
		return 0;
	for (size_t i = 1; i <= strlen(directory); i++) {
		if (directory[i] != '/' && directory[i] != '\0')
			continue;
		snprintf(part, sizeof(part), "%.*s", (int)i, directory);
		if (stat(part, &status) < 0)
			return certctl_fail_errno(err, errno, "%s", part);
		if (may_enter(user, &status))
			continue;
		certctl_fail(err, CERTCTL_E_DENIED, "%s: user '%s', who runs the database, cannot enter it", part,
			user->name);
		return certctl_hint(err, "chmod o+x that folder, or choose another one.");
	}
	return 0;
}

bool db_process_uses(const char *directory)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	bool used = false;

	while (proc && !used && (entry = readdir(proc)) != NULL) {
		char link[280], cwd[PATH_MAX];

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		snprintf(link, sizeof(link), "/proc/%s/cwd", entry->d_name);
		ssize_t len = readlink(link, cwd, sizeof(cwd) - 1);

		if (len <= 0)
			continue;
		cwd[len] = '\0';
		used = strcmp(cwd, directory) == 0;
	}
	if (proc)
		closedir(proc);
	return used;
}
