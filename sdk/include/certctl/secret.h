/**
 * Secrets have a type of their own, so that no printf-like function, log line or reply can take one by accident.
 */
#ifndef CERTCTL_SECRET_H
#define CERTCTL_SECRET_H

#include <certctl/error.h>
#include <talloc.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Bytes that nobody prints.  `data` is followed by a NUL that `len` does not count.  Frozen since ABI 1.0. */
struct certctl_secret {
	unsigned char *data; /* NULL: not set */
	size_t len;
};

/** What stands for a secret wherever one would be shown. */
#define CERTCTL_SECRET_MASK "***"

/** Copy `len` bytes onto `mem`; they are wiped when `mem` goes.  0 or NO_MEMORY. */
CERTCTL_API int certctl_secret_set(TALLOC_CTX *mem, struct certctl_secret *secret, const void *data,
	size_t len) CERTCTL_CHECKED;

/** Wipe and free now; the struct reads as not set afterwards. */
CERTCTL_API void certctl_secret_clear(struct certctl_secret *secret);

/** Equal in content, in time that depends on the lengths only. */
CERTCTL_API bool certctl_secret_equal(const struct certctl_secret *a, const struct certctl_secret *b);

/** Overwrite memory in a way the compiler keeps. */
CERTCTL_API void certctl_wipe(void *data, size_t len);

/** talloc_size / talloc_memdup whose memory is wiped when it is freed.  NULL when out of memory. */
CERTCTL_API void *certctl_secret_alloc(TALLOC_CTX *mem, size_t len) CERTCTL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
