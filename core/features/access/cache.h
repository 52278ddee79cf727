/**
 * Keys that were looked up a moment ago, by the hash of their text: a request with a known key asks the database nothing.  An
 * entry is true for a second at most; whoever changes keys clears it, so that it is over at once on this server.
 */
#ifndef CORE_ACCESS_CACHE_H
#define CORE_ACCESS_CACHE_H

#include <certctl/error.h>
#include <talloc.h>

#define ACCESS_CACHE_MS 1000

struct access_cache;

/** A valid key, as the database had it.  Texts are on the context that it was asked for with. */
struct access_caller {
	const char *id, *name, *role;
	const char *scope; /* JSON; NULL: not limited */
	int64_t until_ms;  /* monotonic: it holds until then */
};

int access_cache_new(TALLOC_CTX *mem, struct access_cache **ret, struct certctl_error *err) CERTCTL_CHECKED;
/**
 * What is known of the key with this hash.
 * @param ret_was_known  it was valid when it was last looked up, however long ago
 * @return whether *ret, with its texts on `mem`, holds at `now_ms`
 */
bool access_cache_find(struct access_cache *cache, const char *sha256, int64_t now_ms, TALLOC_CTX *mem,
	struct access_caller *ret, bool *ret_was_known);
/** Before the database is asked: what is put with this number is dropped if the cache was cleared in between. */
uint64_t access_cache_generation(struct access_cache *cache);
void access_cache_put(struct access_cache *cache, const char *sha256, const struct access_caller *caller,
	uint64_t generation);
/** The key is not valid: forget it. */
void access_cache_drop(struct access_cache *cache, const char *sha256);
/** Nothing holds any more. */
void access_cache_clear(struct access_cache *cache);

#endif
