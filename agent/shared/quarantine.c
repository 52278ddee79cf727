/* Puts damaged files aside and lets them go in time.  Knows nothing of what they were. */
#include "quarantine.h"

#include <certctl/files.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <talloc.h>
#include <unistd.h>

#define SUFFIX  ".corrupt"
#define AGE_S   (CERTCTL_QUARANTINE_DAYS * INT64_C(86400))
#define ALL_MAX 100000

CERTCTL_DEFINE_AUTO(DIR, closedir);

struct aside {
	char *name;
	int64_t changed_s;
};

int certctl_quarantine_put(int dir_fd, const char *name, struct certctl_error *err)
{
	char aside[NAME_MAX + 1];
	int len = snprintf(aside, sizeof(aside), ".%s" SUFFIX, name);

	if (len < 0 || (size_t)len >= sizeof(aside))
		return certctl_fail(err, CERTCTL_E_LIMIT, "quarantine: %.60s...: its name is too long", name);
	if (renameat(dir_fd, name, dir_fd, aside) < 0)
		return certctl_fail_errno(err, errno, "quarantine: %s", name);
	/* Its time begins now, whenever it was written. */
	utimensat(dir_fd, aside, NULL, AT_SYMLINK_NOFOLLOW);
	return certctl_dir_sync(dir_fd, err);
}

static bool is_aside(const char *name, bool is_any)
{
	size_t len = strlen(name);

	if (is_any)
		return strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
	return len > strlen(SUFFIX) && strcmp(name + len - strlen(SUFFIX), SUFFIX) == 0;
}

static int list(TALLOC_CTX *mem, int dir_fd, bool is_any, struct aside **ret, size_t *ret_count,
	struct certctl_error *err)
{
	CERTCTL_AUTO(closedir) DIR *dir = NULL;
	struct aside *files = talloc_array(mem, struct aside, 0);
	unsigned count = 0;
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		int error_number = errno;

		if (fd >= 0)
			close(fd);
		return certctl_fail_errno(err, error_number, "quarantine");
	}
	for (struct dirent *entry = readdir(dir); files && entry && count < ALL_MAX; entry = readdir(dir)) {
		struct stat status;

		if (!is_aside(entry->d_name, is_any) ||
			fstatat(dir_fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(status.st_mode))
			continue;
		files = talloc_realloc(mem, files, struct aside, count + 1);
		if (files)
			files[count++] = (struct aside){ talloc_strdup(mem, entry->d_name), status.st_ctim.tv_sec };
	}
	*ret = files;
	*ret_count = count;
	return files ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "quarantine");
}

static int newest_first(const void *a, const void *b)
{
	int64_t one = ((const struct aside *)a)->changed_s, other = ((const struct aside *)b)->changed_s;

	return (one < other) - (one > other);
}

static int tidy(int dir_fd, bool is_any, int64_t now_unix_s, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct aside *files;
	size_t count = 0;
	int rc = list(mem, dir_fd, is_any, &files, &count, err);

	if (rc == 0)
		qsort(files, count, sizeof(*files), newest_first);
	for (size_t i = 0; rc == 0 && i < count; i++)
		if (i >= CERTCTL_QUARANTINE_MAX || files[i].changed_s + AGE_S <= now_unix_s)
			rc = certctl_file_remove(dir_fd, files[i].name, err);
	talloc_free(mem);
	return rc;
}

int certctl_quarantine_tidy(int dir_fd, int64_t now_unix_s, struct certctl_error *err)
{
	return tidy(dir_fd, false, now_unix_s, err);
}

int certctl_quarantine_tidy_all(int dir_fd, int64_t now_unix_s, struct certctl_error *err)
{
	return tidy(dir_fd, true, now_unix_s, err);
}

int certctl_quarantine_count(int dir_fd, size_t *ret, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct aside *files;
	int rc = list(mem, dir_fd, false, &files, ret, err);

	talloc_free(mem);
	return rc;
}
