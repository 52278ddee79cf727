/* Reads the names in a directory.  Knows nothing of what the files mean. */
#include "listing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

CERTCTL_DEFINE_AUTO(DIR, closedir);

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_wanted(const char *name, const char *suffix)
{
	size_t len = strlen(name), suffix_len = strlen(suffix);

	return name[0] != '.' && len > suffix_len && strcmp(name + len - suffix_len, suffix) == 0;
}

static int open_for_reading(int dir_fd, DIR **ret, struct certctl_error *err)
{
	/* A descriptor of our own: reading moves its position. */
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return certctl_fail_errno(err, errno, "directory");
	DIR *dir = fdopendir(fd);

	if (!dir) {
		int error_number = errno;

		close(fd);
		return certctl_fail_errno(err, error_number, "directory");
	}
	*ret = dir;
	return 0;
}

static int append_name(TALLOC_CTX *mem, char ***names, unsigned count, const char *name, struct certctl_error *err)
{
	char **grown = talloc_realloc(mem, *names, char *, count + 2);

	if (!grown)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "directory");
	*names = grown;
	grown[count] = talloc_strdup(grown, name);
	grown[count + 1] = NULL;
	return grown[count] ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "directory");
}

int certctl_listing_read(TALLOC_CTX *mem, int dir_fd, const char *suffix, size_t max, char ***ret, size_t *ret_count,
	struct certctl_error *err)
{
	CERTCTL_AUTO(closedir) DIR *dir = NULL;
	char **names = talloc_zero_array(mem, char *, 1);
	unsigned count = 0;
	int rc = names ? open_for_reading(dir_fd, &dir, err) : certctl_fail(err, CERTCTL_E_NO_MEMORY, "directory");

	while (rc == 0) {
		errno = 0;
		const struct dirent *entry = readdir(dir);

		if (!entry) {
			if (errno != 0)
				rc = certctl_fail_errno(err, errno, "directory");
			break;
		}
		if (!is_wanted(entry->d_name, suffix))
			continue;
		rc = count < max ? append_name(mem, &names, count, entry->d_name, err)
				 : certctl_fail(err, CERTCTL_E_LIMIT, "directory: more than %zu entries", max);
		count++;
	}
	if (rc < 0) {
		talloc_free(names);
		return rc;
	}
	qsort(names, count, sizeof(*names), compare_names);
	*ret = names;
	*ret_count = count;
	return 0;
}
