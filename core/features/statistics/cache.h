/* Inside statistics: texts that were dear to make, kept for as long as making them again would be a burden. */
#ifndef CORE_STATISTICS_CACHE_H
#define CORE_STATISTICS_CACHE_H

#include <certctl/error.h>
#include <talloc.h>

struct cache;

int cache_new(TALLOC_CTX *mem, struct cache **ret, struct certctl_error *err) CERTCTL_CHECKED;

/** Make the text anew, on `mem`.  Called by one thread at a time for one key. */
typedef int cache_make_fn(void *arg, TALLOC_CTX *mem, const char **ret, struct certctl_error *err);

/**
 * The text of `key`, on `mem`: as it was kept, while it is younger than `fresh_ms` or than twenty times what it took to make
 * (so that the database gives at most a twentieth of one core to it); else made anew.  While somebody makes it, others are
 * given the old one, or wait for the first.
 */
int cache_get(struct cache *cache, const char *key, int64_t fresh_ms, cache_make_fn *make, void *arg, TALLOC_CTX *mem,
	const char **ret, struct certctl_error *err) CERTCTL_CHECKED;

#endif
