/* One postmaster process.  Knows how PostgreSQL marks its data directory, nothing of what is in it. */
#include "postmaster.h"

#include <certctl/log.h>
#include <certctl/time.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Backends notice within a second that their postmaster is gone; a checkpoint in progress may take longer. */
#define ORPHANS_MS 30000
#define STOP_MS    60000

/* Process id that postmaster.pid names, 0 when there is none. */
static pid_t read_pid_file(const char *directory)
{
	char path[PATH_MAX], line[32] = "";

	snprintf(path, sizeof(path), "%s/postmaster.pid", directory);
	FILE *file = fopen(path, "re");

	if (file) {
		if (!fgets(line, sizeof(line), file))
			line[0] = '\0';
		fclose(file);
	}
	return (pid_t)strtol(line, NULL, 10);
}

/* A process id in a file proves nothing: it may be anybody's by now.  PostgreSQL works in its data directory. */
static bool works_in(pid_t pid, const char *directory)
{
	char link[64], cwd[PATH_MAX];

	snprintf(link, sizeof(link), "/proc/%d/cwd", (int)pid);
	ssize_t len = readlink(link, cwd, sizeof(cwd) - 1);

	if (len <= 0)
		return false;
	cwd[len] = '\0';
	return strcmp(cwd, directory) == 0;
}

static bool take(struct db_postmaster *postmaster, pid_t pid, bool is_ours)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0)
		return false;
	postmaster->pid = pid;
	postmaster->pid_fd = fd;
	postmaster->is_ours = is_ours;
	return true;
}

static void forget(struct db_postmaster *postmaster)
{
	if (postmaster->is_ours)
		waitpid(postmaster->pid, NULL, 0);
	if (postmaster->pid_fd >= 0)
		close(postmaster->pid_fd);
	postmaster->pid = 0;
	postmaster->pid_fd = -1;
}

static bool adopt(struct db_postmaster *postmaster)
{
	pid_t pid = read_pid_file(postmaster->directory);

	return pid > 0 && works_in(pid, postmaster->directory) && take(postmaster, pid, false);
}

/* Backends of a postmaster that was killed hold its shared memory: a new one may not start beside them. */
static int wait_for_orphans(const struct db_postmaster *postmaster, struct certctl_error *err)
{
	int64_t deadline_ms = certctl_monotonic_ms() + ORPHANS_MS;
	static const struct timespec pause = { .tv_nsec = 50000000 };

	while (db_process_uses(postmaster->directory)) {
		if (certctl_monotonic_ms() > deadline_ms)
			return certctl_fail(err, CERTCTL_E_TIMEOUT,
				"%s: processes of a dead PostgreSQL are still there", postmaster->directory);
		nanosleep(&pause, NULL);
	}
	return 0;
}

/*
 * postmaster.pid of a dead one is PostgreSQL's to judge, except when its process id belongs to a stranger now (a
 * container that was started again): then PostgreSQL would refuse.  Nobody works in the directory, so it is safe to go.
 */
static void remove_misleading_pid_file(const struct db_postmaster *postmaster)
{
	pid_t pid = read_pid_file(postmaster->directory);
	char path[PATH_MAX];

	if (pid <= 0 || (kill(pid, 0) < 0 && errno == ESRCH))
		return;
	snprintf(path, sizeof(path), "%s/postmaster.pid", postmaster->directory);
	unlink(path);
}

static int launch(struct db_postmaster *postmaster, struct certctl_error *err)
{
	char sockets[PATH_MAX + 32];
	/* jit: our statements are short, and a unit that forbids writable code would make them fail. */
	const char *argv[] = { postmaster->program, "-D", postmaster->directory, "-c", "listen_addresses=", "-c",
		sockets, "-c", "unix_socket_permissions=0700", "-c", "jit=off", "-c", "log_line_prefix=%m [%p] ",
		NULL };
	pid_t pid;

	snprintf(sockets, sizeof(sockets), "unix_socket_directories=%s", postmaster->socket_dir);
	int rc = db_process_start(&postmaster->user, argv, postmaster->directory, postmaster->log_file, &pid, err);

	if (rc < 0)
		return rc;
	if (!take(postmaster, pid, true))
		return certctl_fail_errno(err, errno, "pidfd_open");
	return 0;
}

int db_postmaster_start(struct db_postmaster *postmaster, struct certctl_error *err)
{
	postmaster->pid_fd = -1;
	if (adopt(postmaster)) {
		certctl_log(CERTCTL_LOG_NOTICE, "database.adopted", "pid", certctl_num(postmaster->pid), NULL);
		return 0;
	}
	int rc = wait_for_orphans(postmaster, err);

	if (rc < 0)
		return rc;
	remove_misleading_pid_file(postmaster);
	return launch(postmaster, err);
}

bool db_postmaster_ended(struct db_postmaster *postmaster, int wake_fd, int timeout_ms)
{
	struct pollfd fds[] = { { .fd = postmaster->pid_fd, .events = POLLIN }, { .fd = wake_fd, .events = POLLIN } };

	if (poll(fds, 2, timeout_ms) <= 0 || !(fds[0].revents & POLLIN))
		return false;
	forget(postmaster);
	return true;
}

int db_postmaster_stop(struct db_postmaster *postmaster, struct certctl_error *err)
{
	if (!postmaster->pid)
		return 0;
	/* SIGINT is PostgreSQL's fast shutdown: sessions are ended, a checkpoint is written. */
	syscall(SYS_pidfd_send_signal, postmaster->pid_fd, SIGINT, NULL, 0);
	if (db_postmaster_ended(postmaster, -1, STOP_MS))
		return 0;
	return certctl_fail(err, CERTCTL_E_TIMEOUT, "PostgreSQL (process %d) does not stop: see %s",
		(int)postmaster->pid, postmaster->log_file);
}
