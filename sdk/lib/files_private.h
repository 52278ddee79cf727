/* What the files behind files.h share with each other and with nobody else. */
#ifndef CERTCTL_FILES_PRIVATE_H
#define CERTCTL_FILES_PRIVATE_H

#include <certctl/files.h>

/**
 * Open the directory that holds the last part of `name`, below dir_fd and through no symlink.
 * @param ret_base  the last part, inside `name`
 */
int certctl_parent_open(int dir_fd, const char *name, int *ret_fd, const char **ret_base,
	struct certctl_error *err) CERTCTL_CHECKED;

/** certctl_fail_errno in the terms of files: EEXIST is CONFLICT; a symlink or a way out of the directory is DENIED. */
int certctl_file_fail(struct certctl_error *err, int error_number, const char *name);

/** write(2) until all of it is written.  0 or a negative errno. */
int certctl_write_all(int fd, const void *data, size_t len) CERTCTL_CHECKED;

#endif
