/* Opening: directories by absolute path, names below a directory, never through a symlink.  Reads and writes no content. */
#include "files_private.h"
#include "utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* openat2 answers EAGAIN when a rename or mount elsewhere on the host raced with a "..": names here have none, so this is
 * a formality, but an endless loop would be worse than an error. */
#define OPEN_ATTEMPTS 16

void certctl_close_auto(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int certctl_file_fail(struct certctl_error *err, int error_number, const char *name)
{
	switch (error_number) {
	case EEXIST:
		return certctl_fail(err, CERTCTL_E_CONFLICT, "%s: already there", certctl_shown(name));
	case ENOTEMPTY:
		return certctl_fail(err, CERTCTL_E_CONFLICT, "%s: not empty", certctl_shown(name));
	case ELOOP:
		certctl_fail(err, CERTCTL_E_DENIED, "%s: a symbolic link is in the way", certctl_shown(name));
		return certctl_hint(err, "Name the real path: links are not followed here.");
	case EXDEV:
		return certctl_fail(err, CERTCTL_E_DENIED, "%s: leads out of its directory or file system",
			certctl_shown(name));
	default:
		return certctl_fail_errno(err, error_number, "%s", certctl_shown(name));
	}
}

/* ".." never reaches the kernel, so nothing depends on what it would resolve to. */
static bool has_parent_part(const char *path)
{
	for (const char *part = path; *part; part += strspn(part, "/")) {
		size_t len = strcspn(part, "/");

		if (len == 2 && part[0] == '.' && part[1] == '.')
			return true;
		part += len;
	}
	return false;
}

static int open_resolved(int dir_fd, const char *path, int flags, mode_t mode, uint64_t resolve, int *ret_fd)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
		.mode = flags & (O_CREAT | __O_TMPFILE) ? mode : 0,
		.resolve = resolve,
	};

	for (int attempt = 0; attempt < OPEN_ATTEMPTS; attempt++) {
		long fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));

		if (fd >= 0) {
			*ret_fd = (int)fd;
			return 0;
		}
		if (errno != EAGAIN && errno != EINTR)
			break;
	}
	return -errno;
}

int certctl_open_below(int dir_fd, const char *name, int flags, mode_t mode, int *ret_fd, struct certctl_error *err)
{
	int fd, rc;

	if (!name[0] || name[0] == '/' || has_parent_part(name))
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: a name below the directory expected, without '..'",
			name[0] ? certctl_shown(name) : "(empty)");
	rc = open_resolved(dir_fd, name, flags, mode, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS, &fd);
	if (rc < 0)
		return certctl_file_fail(err, -rc, name);
	*ret_fd = fd;
	return 0;
}

static int check_absolute(const char *path, struct certctl_error *err)
{
	if (path[0] == '/' && !has_parent_part(path))
		return 0;
	return certctl_fail(err, CERTCTL_E_INVALID, "%s: an absolute path expected, without '..'", certctl_shown(path));
}

int certctl_dir_open(const char *path, int *ret_fd, struct certctl_error *err)
{
	int fd, rc = check_absolute(path, err);

	if (rc < 0)
		return rc;
	rc = open_resolved(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS, &fd);
	if (rc < 0)
		return certctl_file_fail(err, -rc, path);
	*ret_fd = fd;
	return 0;
}

int certctl_dir_sync(int dir_fd, struct certctl_error *err)
{
	return fsync(dir_fd) == 0 ? 0 : certctl_fail_errno(err, errno, "making a directory durable");
}

int certctl_parent_open(int dir_fd, const char *name, int *ret_fd, const char **ret_base, struct certctl_error *err)
{
	const char *slash = strrchr(name, '/');
	const char *base = slash ? slash + 1 : name;
	char parent[PATH_MAX] = ".";
	int rc;

	if (!base[0] || strcmp(base, ".") == 0 || strcmp(base, "..") == 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: the name of a file expected",
			name[0] ? certctl_shown(name) : "(empty)");
	if (slash) {
		size_t len = (size_t)(slash - name);

		if (len == 0 || len >= sizeof(parent))
			return certctl_fail(err, CERTCTL_E_INVALID, "%s: a name below the directory expected",
				certctl_shown(name));
		memcpy(parent, name, len);
		parent[len] = 0;
	}
	/* Also without a "/": dir_fd may be an O_PATH descriptor, which cannot be made durable. */
	rc = certctl_open_below(dir_fd, parent, O_RDONLY | O_DIRECTORY, 0, ret_fd, err);
	if (rc == 0)
		*ret_base = base;
	return rc;
}

/* By descriptor: the name may lead elsewhere by now. */
static int set_mode(int path_fd, mode_t mode, const char *name, struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int fd = -1;
	int rc = certctl_open_below(path_fd, ".", O_RDONLY | O_DIRECTORY, 0, &fd, err);

	if (rc == 0 && fchmod(fd, mode) < 0)
		rc = certctl_file_fail(err, errno, name);
	return rc;
}

static int sync_below(int path_fd, struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int fd = -1;
	int rc = certctl_open_below(path_fd, ".", O_RDONLY | O_DIRECTORY, 0, &fd, err);

	return rc < 0 ? rc : certctl_dir_sync(fd, err);
}

/* Go from *fd into `part`, making it when it is missing. `mode` 0: what the umask leaves of 0755. */
static int enter_or_make(int *fd, const char *part, mode_t mode, struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int next = -1;
	bool is_made = mkdirat(*fd, part, mode ? mode : 0755) == 0;
	int rc;

	/* EACCES, EROFS: it may be there all the same, in a directory where nothing can be made. */
	if (!is_made && errno == ENOENT)
		return certctl_file_fail(err, errno, part);
	int refusal = errno;

	rc = certctl_open_below(*fd, part, O_PATH | O_DIRECTORY, 0, &next, err);
	if (rc == CERTCTL_E_NOT_FOUND)
		return certctl_file_fail(err, refusal, part);
	if (rc == 0 && is_made && mode)
		rc = set_mode(next, mode, part, err);
	if (rc == 0 && is_made)
		rc = sync_below(*fd, err);
	if (rc < 0)
		return rc;
	certctl_close_auto(fd);
	*fd = next;
	next = -1;
	return 0;
}

static int make_parts(int *fd, const char *path, mode_t mode, struct certctl_error *err)
{
	int rc = 0;

	for (const char *at = path + strspn(path, "/"); *at && rc == 0; at += strspn(at, "/")) {
		size_t len = strcspn(at, "/");
		char part[NAME_MAX + 1];

		if (len >= sizeof(part))
			return certctl_file_fail(err, ENAMETOOLONG, path);
		memcpy(part, at, len);
		part[len] = 0;
		at += len;
		rc = enter_or_make(fd, part, at[strspn(at, "/")] ? 0 : mode, err);
	}
	return rc;
}

int certctl_dir_make(const char *path, mode_t mode, int *ret_fd, struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int fd = -1;
	int rc = certctl_dir_open(path, ret_fd, err);

	if (rc != CERTCTL_E_NOT_FOUND)
		return rc;
	rc = open_resolved(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS, &fd);
	if (rc < 0)
		return certctl_file_fail(err, -rc, "/");
	rc = make_parts(&fd, path, mode, err);
	if (rc < 0)
		return certctl_error_prefix(err, "%s", certctl_shown(path));
	return certctl_open_below(fd, ".", O_RDONLY | O_DIRECTORY, 0, ret_fd, err);
}
