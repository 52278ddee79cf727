/**
 * Files that survive a crash.  All work is relative to a directory that was opened once, without following symlinks
 * (openat2, RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH), so nobody can bend a path between check and use.
 */
#ifndef CERTCTL_FILES_H
#define CERTCTL_FILES_H

#include <certctl/error.h>
#include <certctl/secret.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <talloc.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Who owns a file that is written; -1 keeps the caller's.  `mode` is final before the first byte is in it. */
struct certctl_file_attributes {
	mode_t mode;
	uid_t uid; /* (uid_t)-1: unchanged */
	gid_t gid;
};

/** Open an absolute directory for use as `dir_fd`, no part of it a symlink.  The caller close()s it. */
CERTCTL_API int certctl_dir_open(const char *path, int *ret_fd, struct certctl_error *err) CERTCTL_CHECKED;
/** The same, created (with parents, mode of the last one given) where missing, durably. */
CERTCTL_API int certctl_dir_make(const char *path, mode_t mode, int *ret_fd, struct certctl_error *err) CERTCTL_CHECKED;

/** Open `name` (relative, may contain "/") below dir_fd, never through a symlink or out of it. */
CERTCTL_API int certctl_open_below(int dir_fd, const char *name, int flags, mode_t mode, int *ret_fd,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Whole content, at most `max` bytes (LIMIT), with a NUL behind it that ret_len does not count. */
CERTCTL_API int certctl_file_read(TALLOC_CTX *mem, int dir_fd, const char *name, size_t max, char **ret_data,
	size_t *ret_len, struct certctl_error *err) CERTCTL_CHECKED;
CERTCTL_API int certctl_file_read_secret(TALLOC_CTX *mem, int dir_fd, const char *name, size_t max,
	struct certctl_secret *ret, struct certctl_error *err) CERTCTL_CHECKED;
/** For paths an operator wrote: symlinks are followed, nothing else is different.  AT_FDCWD-relative. */
CERTCTL_API int certctl_file_read_path(TALLOC_CTX *mem, const char *path, size_t max, char **ret_data, size_t *ret_len,
	struct certctl_error *err) CERTCTL_CHECKED;

/** A new file (O_EXCL: CONFLICT when it exists) with content, fsync of file and directory. */
CERTCTL_API int certctl_file_create(int dir_fd, const char *name, const void *data, size_t len,
	const struct certctl_file_attributes *attributes, struct certctl_error *err) CERTCTL_CHECKED;
/** Old content or new content, whatever happens: temporary file beside it, fsync, rename, fsync of the directory. */
CERTCTL_API int certctl_file_replace(int dir_fd, const char *name, const void *data, size_t len,
	const struct certctl_file_attributes *attributes, struct certctl_error *err) CERTCTL_CHECKED;
/** A symlink to `target`, replacing what `name` was, in one rename.  Durable. */
CERTCTL_API int certctl_link_replace(int dir_fd, const char *name, const char *target,
	struct certctl_error *err) CERTCTL_CHECKED;
/** unlink and fsync of the directory; what is not there is success. */
CERTCTL_API int certctl_file_remove(int dir_fd, const char *name, struct certctl_error *err) CERTCTL_CHECKED;
/** rm -r of one directory below dir_fd, never through a symlink. */
CERTCTL_API int certctl_tree_remove(int dir_fd, const char *name, struct certctl_error *err) CERTCTL_CHECKED;

/** What a set of files was, to put it back: content, mode, owner, or that it was not there.  talloc_free drops it. */
struct certctl_snapshot;
CERTCTL_API int certctl_snapshot_take(TALLOC_CTX *mem, int dir_fd, const char *const *names,
	struct certctl_snapshot **ret, struct certctl_error *err) CERTCTL_CHECKED;
CERTCTL_API int certctl_snapshot_restore(const struct certctl_snapshot *snapshot,
	struct certctl_error *err) CERTCTL_CHECKED;

/** fsync a directory, so that names in it are durable. */
CERTCTL_API int certctl_dir_sync(int dir_fd, struct certctl_error *err) CERTCTL_CHECKED;

/** Numeric owner and group from names or numbers; NULL or "" gives -1. */
CERTCTL_API int certctl_owner_lookup(const char *user, const char *group, uid_t *ret_uid, gid_t *ret_gid,
	struct certctl_error *err) CERTCTL_CHECKED;

/** `CERTCTL_AUTO_CLOSE int fd = -1;` closes it when the variable goes; -1 is left alone. */
CERTCTL_API void certctl_close_auto(int *fd);
#define CERTCTL_AUTO_CLOSE __attribute__((cleanup(certctl_close_auto)))

#ifdef __cplusplus
}
#endif
#endif
