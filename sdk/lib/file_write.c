/*
 * Writing files and links so that a name always has its old or its new content.  Knows nothing of what is written.
 *
 * The temporary file of `name` is `.name.certctl-new` in the same directory.  One fixed name, so that what a killed writer
 * left is removed by the next one; the living hold a lock on it, so that two writers of one name take turns.
 */
#include "files_private.h"
#include "utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* Writers of one name take turns; one that lost this often in a row is told so. */
#define WRITE_ATTEMPTS 100

static int name_temporary(const char *base, char temporary[NAME_MAX + 1], struct certctl_error *err)
{
	int len = snprintf(temporary, NAME_MAX + 1, ".%s.certctl-new", base);

	return len > 0 && len <= NAME_MAX ? 0 : certctl_file_fail(err, ENAMETOOLONG, base);
}

static bool is_same_file(int fd, int parent_fd, const char *name)
{
	struct stat opened, named;

	return fstat(fd, &opened) == 0 && fstatat(parent_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

static int unlink_if_there(int parent_fd, const char *name, struct certctl_error *err)
{
	if (unlinkat(parent_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	return certctl_file_fail(err, errno, name);
}

/* Wait for the living writer of a temporary file, remove that of a dead one.  0: try again. */
static int clear_temporary(int parent_fd, const char *temporary, struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int fd = -1;
	int rc = certctl_open_below(parent_fd, temporary, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, &fd, NULL);

	if (rc == CERTCTL_E_NOT_FOUND)
		return 0;
	if (rc == 0) {
		if (flock(fd, LOCK_EX) < 0)
			return certctl_file_fail(err, errno, temporary);
		if (!is_same_file(fd, parent_fd, temporary))
			return 0;
	}
	/* What cannot even be opened (a link that somebody planted) is no writer's. */
	return unlink_if_there(parent_fd, temporary, err);
}

static int open_temporary(int parent_fd, const char *temporary, int *ret_fd, struct certctl_error *err)
{
	for (int attempt = 0; attempt < WRITE_ATTEMPTS; attempt++) {
		CERTCTL_AUTO_CLOSE int fd = -1;
		int rc = certctl_open_below(parent_fd, temporary, O_WRONLY | O_CREAT | O_EXCL, 0600, &fd, err);

		if (rc == CERTCTL_E_CONFLICT) {
			rc = clear_temporary(parent_fd, temporary, err);
			if (rc < 0)
				return rc;
			continue;
		}
		if (rc < 0)
			return rc;
		if (flock(fd, LOCK_EX) < 0)
			return certctl_file_fail(err, errno, temporary);
		/* Between creation and lock another writer may have taken ours for a dead one's. */
		if (is_same_file(fd, parent_fd, temporary)) {
			*ret_fd = fd;
			fd = -1;
			return 0;
		}
	}
	return certctl_fail(err, CERTCTL_E_UNAVAILABLE, "%s: others keep writing this file", certctl_shown(temporary));
}

int certctl_write_all(int fd, const void *data, size_t len)
{
	for (const char *at = data; len > 0;) {
		ssize_t put = write(fd, at, len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		at += put;
		len -= (size_t)put;
	}
	return 0;
}

/* Owner before mode: a change of owner clears mode bits.  Both before the first byte. */
static int fill_file(int fd, const void *data, size_t len, const struct certctl_file_attributes *attributes,
	const char *name, struct certctl_error *err)
{
	bool keeps_owner = attributes->uid == (uid_t)-1 && attributes->gid == (gid_t)-1;
	int rc;

	if (!keeps_owner && fchown(fd, attributes->uid, attributes->gid) < 0)
		return certctl_fail_errno(err, errno, "%s: setting its owner", certctl_shown(name));
	if (fchmod(fd, attributes->mode) < 0)
		return certctl_fail_errno(err, errno, "%s: setting its mode", certctl_shown(name));
	rc = certctl_write_all(fd, data, len);
	if (rc < 0)
		return certctl_file_fail(err, -rc, name);
	if (fsync(fd) < 0)
		return certctl_file_fail(err, errno, name);
	return 0;
}

static int put_file(int dir_fd, const char *name, const void *data, size_t len,
	const struct certctl_file_attributes *attributes, unsigned rename_flags, struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int parent_fd = -1;
	CERTCTL_AUTO_CLOSE int fd = -1;
	char temporary[NAME_MAX + 1];
	const char *base;
	int rc = certctl_parent_open(dir_fd, name, &parent_fd, &base, err);

	if (rc == 0)
		rc = name_temporary(base, temporary, err);
	if (rc == 0)
		rc = open_temporary(parent_fd, temporary, &fd, err);
	if (rc < 0)
		return rc;
	rc = fill_file(fd, data, len, attributes, name, err);
	if (rc == 0 && renameat2(parent_fd, temporary, parent_fd, base, rename_flags) < 0)
		rc = certctl_file_fail(err, errno, name);
	if (rc < 0) {
		unlinkat(parent_fd, temporary, 0); /* the first error is the one to report */
		return rc;
	}
	return certctl_dir_sync(parent_fd, err);
}

int certctl_file_create(int dir_fd, const char *name, const void *data, size_t len,
	const struct certctl_file_attributes *attributes, struct certctl_error *err)
{
	return put_file(dir_fd, name, data, len, attributes, RENAME_NOREPLACE, err);
}

int certctl_file_replace(int dir_fd, const char *name, const void *data, size_t len,
	const struct certctl_file_attributes *attributes, struct certctl_error *err)
{
	return put_file(dir_fd, name, data, len, attributes, 0, err);
}

int certctl_link_replace(int dir_fd, const char *name, const char *target, struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int parent_fd = -1;
	char temporary[NAME_MAX + 1];
	const char *base;
	int rc = certctl_parent_open(dir_fd, name, &parent_fd, &base, err);

	if (rc == 0)
		rc = name_temporary(base, temporary, err);
	/* A link is whole from the start, so a lost race (ENOENT: another writer renamed or removed ours) is simply run again. */
	for (int attempt = 0; rc == 0 && attempt < WRITE_ATTEMPTS; attempt++) {
		if (symlinkat(target, parent_fd, temporary) == 0) {
			if (renameat(parent_fd, temporary, parent_fd, base) == 0)
				return certctl_dir_sync(parent_fd, err);
			if (errno != ENOENT) {
				rc = certctl_file_fail(err, errno, name);
				unlinkat(parent_fd, temporary, 0);
			}
		} else if (errno == EEXIST) {
			rc = clear_temporary(parent_fd, temporary, err);
		} else {
			rc = certctl_file_fail(err, errno, name);
		}
	}
	return rc < 0 ? rc
		      : certctl_fail(err, CERTCTL_E_UNAVAILABLE, "%s: others keep writing this link",
				certctl_shown(name));
}

int certctl_file_remove(int dir_fd, const char *name, struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int parent_fd = -1;
	const char *base;
	int rc = certctl_parent_open(dir_fd, name, &parent_fd, &base, err);

	if (rc == CERTCTL_E_NOT_FOUND)
		return 0;
	if (rc == 0)
		rc = unlink_if_there(parent_fd, base, err);
	return rc < 0 ? rc : certctl_dir_sync(parent_fd, err);
}
