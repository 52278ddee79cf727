/* Removing a directory with all that is in it, through directory descriptors only. */
#include "files_private.h"
#include "utf8.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* A descriptor a level is open; a tree of ours has three levels. */
#define DEPTH_MAX 64

CERTCTL_DEFINE_AUTO(DIR, closedir);

static int empty_directory(int fd, const char *name, int depth, struct certctl_error *err);

/* Open without following a link or entering another file system, empty, remove. */
static int remove_directory(int parent_fd, const char *name, int depth, struct certctl_error *err)
{
	int fd, rc;

	if (depth > DEPTH_MAX)
		return certctl_fail(err, CERTCTL_E_LIMIT, "%s: deeper than %d directories", certctl_shown(name),
			DEPTH_MAX);
	rc = certctl_open_below(parent_fd, name, O_RDONLY | O_DIRECTORY, 0, &fd, err);
	if (rc == 0)
		rc = empty_directory(fd, name, depth, err);
	if (rc == 0 && unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		rc = certctl_file_fail(err, errno, name);
	return rc;
}

static int remove_entry(int dir_fd, const char *name, int depth, struct certctl_error *err)
{
	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR)
		return certctl_file_fail(err, errno, name);
	return remove_directory(dir_fd, name, depth + 1, err);
}

/* Takes `fd`. */
static int empty_directory(int fd, const char *name, int depth, struct certctl_error *err)
{
	CERTCTL_AUTO(closedir) DIR *dir = fdopendir(fd);
	struct dirent *entry;
	int rc = 0;

	if (!dir) {
		rc = certctl_file_fail(err, errno, name);
		close(fd);
		return rc;
	}
	while (rc == 0 && (errno = 0, entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			rc = remove_entry(dirfd(dir), entry->d_name, depth, err);
	}
	if (rc == 0 && errno)
		rc = certctl_file_fail(err, errno, name);
	return rc;
}

int certctl_tree_remove(int dir_fd, const char *name, struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int parent_fd = -1;
	const char *base;
	int rc = certctl_parent_open(dir_fd, name, &parent_fd, &base, err);

	if (rc == 0)
		rc = remove_directory(parent_fd, base, 0, err);
	if (rc == CERTCTL_E_NOT_FOUND)
		return 0;
	return rc < 0 ? rc : certctl_dir_sync(parent_fd, err);
}
