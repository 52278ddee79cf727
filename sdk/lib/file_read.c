/* Reading whole files with a limit.  Knows nothing of what is in them; secrets never pass through memory that is not wiped. */
#include "files_private.h"
#include "utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Files that do not know their size (/proc) start with this much. */
#define FIRST_READ 4096

typedef void *alloc_fn(TALLOC_CTX *mem, size_t len);

static void *alloc_plain(TALLOC_CTX *mem, size_t len)
{
	return talloc_size(mem, len);
}

/* Not realloc: the block left behind may hold a part of a key, and talloc_free wipes what certctl_secret_alloc gave. */
static int grow(TALLOC_CTX *mem, alloc_fn *alloc, char **data, size_t len, size_t size, struct certctl_error *err)
{
	char *larger = alloc(mem, size);

	if (!larger)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for %zu bytes of a file", size);
	if (len)
		memcpy(larger, *data, len);
	talloc_free(*data);
	*data = larger;
	return 0;
}

/* Room for the byte that shows the file is too long and for the NUL. */
static size_t first_size(const struct stat *status, size_t max)
{
	size_t known = status->st_size > 0 ? (size_t)status->st_size : FIRST_READ;

	return (known < max ? known : max) + 2;
}

static int read_regular(TALLOC_CTX *mem, alloc_fn *alloc, int fd, const char *name, size_t max, char **ret_data,
	size_t *ret_len, struct certctl_error *err)
{
	struct stat status;
	char *data = NULL;
	size_t len = 0, size = 0;
	ssize_t got = 1;
	int rc = 0;

	certctl_assert(max < SIZE_MAX / 2);
	if (fstat(fd, &status) < 0)
		return certctl_file_fail(err, errno, name);
	if (!S_ISREG(status.st_mode))
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: not a regular file", certctl_shown(name));
	while (rc == 0 && got != 0 && len <= max) {
		if (len + 1 >= size) {
			size = size ? size * 2 : first_size(&status, max);
			rc = grow(mem, alloc, &data, len, size, err);
			continue;
		}
		got = read(fd, data + len, size - 1 - len);
		if (got > 0)
			len += (size_t)got;
		else if (got < 0 && errno != EINTR)
			rc = certctl_file_fail(err, errno, name);
	}
	if (rc == 0 && len > max)
		rc = certctl_fail(err, CERTCTL_E_LIMIT, "%s: longer than %zu bytes", certctl_shown(name), max);
	if (rc < 0) {
		talloc_free(data);
		return rc;
	}
	data[len] = 0;
	*ret_data = data;
	*ret_len = len;
	return 0;
}

/* Not blocking: a FIFO put in the place of the file must not hold us. */
#define READ_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY)

int certctl_file_read(TALLOC_CTX *mem, int dir_fd, const char *name, size_t max, char **ret_data, size_t *ret_len,
	struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int fd = -1;
	int rc = certctl_open_below(dir_fd, name, READ_FLAGS, 0, &fd, err);

	return rc < 0 ? rc : read_regular(mem, alloc_plain, fd, name, max, ret_data, ret_len, err);
}

int certctl_file_read_secret(TALLOC_CTX *mem, int dir_fd, const char *name, size_t max, struct certctl_secret *ret,
	struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int fd = -1;
	char *data;
	size_t len;
	int rc = certctl_open_below(dir_fd, name, READ_FLAGS, 0, &fd, err);

	if (rc == 0)
		rc = read_regular(mem, certctl_secret_alloc, fd, name, max, &data, &len, err);
	if (rc < 0)
		return rc;
	*ret = (struct certctl_secret){ .data = (unsigned char *)data, .len = len };
	return 0;
}

int certctl_file_read_path(TALLOC_CTX *mem, const char *path, size_t max, char **ret_data, size_t *ret_len,
	struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int fd = open(path, READ_FLAGS | O_CLOEXEC);

	if (fd < 0)
		return certctl_file_fail(err, errno, path);
	return read_regular(mem, alloc_plain, fd, path, max, ret_data, ret_len, err);
}
