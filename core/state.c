/* The state directory and its lock.  Two servers on one directory would share a private cluster and a CA's files. */
#include "core/state.h"

#include <certctl/files.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_FILE  "certctld.lock"
#define WORKER_MAX 256

static int lock(int dir_fd, const char *dir, int *ret, struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int fd = openat(dir_fd, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return certctl_fail_errno(err, errno, "%s/" LOCK_FILE, dir);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return certctl_fail(err, CERTCTL_E_CONFLICT, "%s: another certctld runs here", dir);
	*ret = fd;
	fd = -1;
	return 0;
}

/* A hint, as everything in this file: without it, leases end by their time. */
static const char *read_former(TALLOC_CTX *mem, int fd)
{
	char text[WORKER_MAX];
	ssize_t got = pread(fd, text, sizeof(text), 0);

	return got > 1 && got < (ssize_t)sizeof(text) && text[got - 1] == '\n'
		       ? talloc_strndup(mem, text, (size_t)got - 1)
		       : NULL;
}

static int write_worker(int fd, const char *worker, struct certctl_error *err)
{
	char text[WORKER_MAX];
	int len = snprintf(text, sizeof(text), "%s\n", worker);

	certctl_assert(len > 0 && (size_t)len < sizeof(text));
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)len, 0) != len)
		return certctl_fail_errno(err, errno, LOCK_FILE);
	return 0;
}

int state_open(TALLOC_CTX *mem, const char *dir, const char *worker, int *ret_lock_fd, const char **ret_former,
	struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int dir_fd = -1, fd = -1;
	/* Its database user must be able to pass through; what is private in it is so by its own mode. */
	int rc = certctl_dir_make(dir, 0711, &dir_fd, err);

	if (rc < 0)
		return certctl_error_prefix(err, "state_dir");
	rc = lock(dir_fd, dir, &fd, err);
	if (rc < 0)
		return rc;
	const char *former = read_former(mem, fd);

	rc = write_worker(fd, worker, err);
	if (rc < 0)
		return rc;
	*ret_former = former;
	*ret_lock_fd = fd;
	fd = -1;
	return 0;
}
