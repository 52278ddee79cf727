/* A few texts by key.  Knows nothing of what they say. */
#include "cache.h"

#include <certctl/time.h>
#include <pthread.h>
#include <string.h>

#define ENTRIES_MAX 64
#define CHEAP_MS    50 /* what is made that quickly is made whenever it is asked for */
#define TIMES       20

struct entry {
	char *key, *text; /* text NULL: not made yet */
	int64_t made_ms, took_ms;
	bool is_being_made;
};

struct cache {
	pthread_mutex_t lock;
	pthread_cond_t made;
	struct entry entries[ENTRIES_MAX];
};

static int destroy(struct cache *cache)
{
	pthread_cond_destroy(&cache->made);
	pthread_mutex_destroy(&cache->lock);
	for (size_t i = 0; i < ENTRIES_MAX; i++) {
		talloc_free(cache->entries[i].key);
		talloc_free(cache->entries[i].text);
	}
	return 0;
}

int cache_new(TALLOC_CTX *mem, struct cache **ret, struct certctl_error *err)
{
	struct cache *cache = talloc_zero(mem, struct cache);

	if (!cache)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	pthread_mutex_init(&cache->lock, NULL);
	pthread_cond_init(&cache->made, NULL);
	talloc_set_destructor(cache, destroy);
	*ret = cache;
	return 0;
}

/* The entry of the key, or the oldest that nobody works on, given to it; NULL: all are being made. */
static struct entry *find(struct cache *cache, const char *key)
{
	struct entry *oldest = NULL;

	for (size_t i = 0; i < ENTRIES_MAX; i++) {
		struct entry *entry = &cache->entries[i];

		if (entry->key && strcmp(entry->key, key) == 0)
			return entry;
		if (!entry->is_being_made &&
			(!oldest || !entry->key || (oldest->key && entry->made_ms < oldest->made_ms)))
			oldest = entry;
	}
	if (!oldest)
		return NULL;
	talloc_free(oldest->key);
	talloc_free(oldest->text);
	*oldest = (struct entry){ .key = talloc_strdup(NULL, key) };
	return oldest->key ? oldest : NULL;
}

static bool is_fresh(const struct entry *entry, int64_t fresh_ms)
{
	int64_t kept_ms = entry->took_ms > CHEAP_MS ? entry->took_ms * TIMES : 0;

	return entry->text && certctl_monotonic_ms() - entry->made_ms < (kept_ms > fresh_ms ? kept_ms : fresh_ms);
}

static int give(const struct entry *entry, TALLOC_CTX *mem, const char **ret, struct certctl_error *err)
{
	*ret = talloc_strdup(mem, entry->text);
	return *ret ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

/* The lock is held, and let go while the text is made.  When that fails, what was there is kept. */
static int make_entry(struct cache *cache, struct entry *entry, cache_make_fn *make, void *arg, TALLOC_CTX *mem,
	const char **ret, struct certctl_error *err)
{
	const char *text = NULL;
	int64_t began_ms = certctl_monotonic_ms();

	entry->is_being_made = true;
	pthread_mutex_unlock(&cache->lock);
	int rc = make(arg, mem, &text, err);

	pthread_mutex_lock(&cache->lock);
	entry->is_being_made = false;
	if (rc == 0) {
		talloc_free(entry->text);
		entry->text = talloc_strdup(NULL, text);
		entry->made_ms = certctl_monotonic_ms();
		entry->took_ms = entry->made_ms - began_ms;
		*ret = text;
	}
	pthread_cond_broadcast(&cache->made);
	return rc;
}

static int get(struct cache *cache, const char *key, int64_t fresh_ms, cache_make_fn *make, void *arg, TALLOC_CTX *mem,
	const char **ret, struct certctl_error *err)
{
	for (;;) {
		struct entry *entry = find(cache, key);

		if (!entry)
			return certctl_fail(err, CERTCTL_E_UNAVAILABLE, "statistics: too much is asked at once");
		if (entry->text && (entry->is_being_made || is_fresh(entry, fresh_ms)))
			return give(entry, mem, ret, err);
		if (!entry->is_being_made)
			return make_entry(cache, entry, make, arg, mem, ret, err);
		pthread_cond_wait(&cache->made, &cache->lock);
	}
}

int cache_get(struct cache *cache, const char *key, int64_t fresh_ms, cache_make_fn *make, void *arg, TALLOC_CTX *mem,
	const char **ret, struct certctl_error *err)
{
	pthread_mutex_lock(&cache->lock);
	int rc = get(cache, key, fresh_ms, make, arg, mem, ret, err);

	pthread_mutex_unlock(&cache->lock);
	return rc;
}
