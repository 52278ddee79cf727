/** The file of an archive: written beside its name, and given it when it is whole and on the disk.  Knows nothing of the trail. */
#ifndef CORE_AUDIT_ARCHIVE_FILE_H
#define CORE_AUDIT_ARCHIVE_FILE_H

#include <certctl/buffer.h>
#include <certctl/error.h>
#include <stdbool.h>
#include <talloc.h>

struct archive_file {
	const char *path,
		*partial; /* partial: where it is until it has its name; what a killed run left there is written over */
	int fd;           /* of the partial one, locked: one writes it at a time */
	const char *sha256; /* of what was written */
};

/** SHA-256 of what is at `path` in hex, on `mem`; NULL: nothing is there. */
int archive_file_hash(TALLOC_CTX *mem, const char *path, const char **ret, struct certctl_error *err) CERTCTL_CHECKED;

/** CONFLICT: it is being written by somebody else.  archive_file_close() in any case. */
int archive_file_open(TALLOC_CTX *mem, const char *path, struct archive_file *ret,
	struct certctl_error *err) CERTCTL_CHECKED;
void archive_file_close(struct archive_file *file);

/** Gives the next piece; `*ret_is_done` with the last one. */
typedef int archive_piece_fn(void *arg, struct certctl_buffer *piece, bool *ret_is_done, struct certctl_error *err);
/** Write all pieces, to the disk; sets `sha256`. */
int archive_file_write(TALLOC_CTX *mem, struct archive_file *file, archive_piece_fn *next, void *arg,
	struct certctl_error *err) CERTCTL_CHECKED;
/** It gets its name, and the disk knows it.  CONFLICT: something else has that name. */
int archive_file_name(const struct archive_file *file, struct certctl_error *err) CERTCTL_CHECKED;

#endif
