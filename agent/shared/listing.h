/** The names in a directory, for stores that keep one file a thing. */
#ifndef CERTCTL_LISTING_H
#define CERTCTL_LISTING_H

#include <certctl/error.h>
#include <talloc.h>

/**
 * Names in `dir_fd` that end in `suffix`, in byte order, NULL-terminated; names that begin with "." are left out.
 * @param max  more than that is LIMIT
 */
int certctl_listing_read(TALLOC_CTX *mem, int dir_fd, const char *suffix, size_t max, char ***ret, size_t *ret_count,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
