/**
 * Generations on disk.  The store of a binding is `.certctl/<binding>` beside the file that holds its key:
 *
 *     /etc/nginx/certs/site.pem                        -> .certctl/bnd-web/current/1f0c7a52-site.pem
 *     /etc/nginx/certs/.certctl/bnd-web/current        -> 7
 *     /etc/nginx/certs/.certctl/bnd-web/7/1f0c7a52-site.pem
 *
 * One rename of `current` changes every file of the binding, wherever its configured paths lie.  A number is never used twice
 * while its directory exists.  0 stands for "no generation".
 */
#ifndef CERTCTL_DEPLOY_STORE_H
#define CERTCTL_DEPLOY_STORE_H

#include "record.h"

#include <certctl/files.h>

#define DEPLOY_STORE_FOLDER  ".certctl"
#define DEPLOY_STORE_CURRENT "current"

/** Where the store of a binding with these files is; on `mem`. `key_path` is the file beside which it lies. */
char *deploy_store_path(TALLOC_CTX *mem, const char *key_path, const char *binding);
/** Name of the file inside a generation: the same path has the same name in every generation. */
char *deploy_store_name(TALLOC_CTX *mem, const char *path);
/** What the link at `path` says. */
char *deploy_store_link_text(TALLOC_CTX *mem, const char *store, const char *path);
/** The directory part of an absolute path; "/" of "/x". */
char *deploy_directory_of(TALLOC_CTX *mem, const char *path);

/** Open the store, made when missing, owned by us and writable by nobody else.  The caller close()s it. */
int deploy_store_make(const char *store, int *ret_fd, struct certctl_error *err) CERTCTL_CHECKED;
/** Open it; NOT_FOUND. */
int deploy_store_open(const char *store, int *ret_fd, struct certctl_error *err) CERTCTL_CHECKED;
/** The generation `current` points to; 0: none, also when there is no store (store_fd < 0). */
int deploy_store_current(int store_fd, int64_t *ret, struct certctl_error *err) CERTCTL_CHECKED;
/** The generations there, in no order, on `mem`. */
int deploy_store_list(TALLOC_CTX *mem, int store_fd, int64_t **ret, size_t *ret_count,
	struct certctl_error *err) CERTCTL_CHECKED;
/** A number above that of every generation there. */
int deploy_store_next(int store_fd, int64_t *ret, struct certctl_error *err) CERTCTL_CHECKED;
/**
 * Create the directory of a generation; what an earlier attempt left under that number goes first.  Durable once
 * deploy_store_prepare() or deploy_store_point() has returned.
 */
int deploy_store_create(int store_fd, int64_t generation, int *ret_fd, struct certctl_error *err) CERTCTL_CHECKED;
/**
 * Make the links of the swap and of the way back beforehand, while there is room on the disk: afterwards deploy_store_point()
 * to either is one rename.  `back` may be 0.
 */
int deploy_store_prepare(int store_fd, int64_t forward, int64_t back, struct certctl_error *err) CERTCTL_CHECKED;
/** Let `current` point to this generation (0: remove it), in one rename, durably.  Nothing happens when it does already. */
int deploy_store_point(int store_fd, int64_t generation, struct certctl_error *err) CERTCTL_CHECKED;
/** Remove what deploy_store_prepare() made and the swap did not use; should it come back after a power cut, it does no harm. */
int deploy_store_tidy(int store_fd, struct certctl_error *err) CERTCTL_CHECKED;
/** Unlink a generation; nothing there is success. */
int deploy_store_remove(int store_fd, int64_t generation, struct certctl_error *err) CERTCTL_CHECKED;

#endif
