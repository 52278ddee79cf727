/* The cache of callers: a table of fixed size under one lock.  Knows neither HTTP nor the database. */
#include "cache.h"

#include <certctl/secret.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SETS 512
#define WAYS 4

/* An entry is a talloc tree of its own, touched under the lock only. */
struct entry {
	char sha256[65];
	struct access_caller caller;
};

struct access_cache {
	pthread_mutex_t lock;
	uint64_t generation;
	struct entry *entries[SETS][WAYS];
};

static int destroy(struct access_cache *cache)
{
	for (size_t set = 0; set < SETS; set++)
		for (size_t way = 0; way < WAYS; way++)
			talloc_free(cache->entries[set][way]);
	pthread_mutex_destroy(&cache->lock);
	return 0;
}

int access_cache_new(TALLOC_CTX *mem, struct access_cache **ret, struct certctl_error *err)
{
	struct access_cache *cache = talloc_zero(mem, struct access_cache);

	if (!cache)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	pthread_mutex_init(&cache->lock, NULL);
	talloc_set_destructor(cache, destroy);
	*ret = cache;
	return 0;
}

static bool is_of(const struct entry *entry, const char *sha256)
{
	struct certctl_secret known = { (unsigned char *)(uintptr_t)entry->sha256, 64 };
	struct certctl_secret given = { (unsigned char *)(uintptr_t)sha256, 64 };

	return certctl_secret_equal(&known, &given);
}

static struct entry **set_of(struct access_cache *cache, const char *sha256)
{
	char begin[9] = "";

	memcpy(begin, sha256, 8);
	return cache->entries[strtoul(begin, NULL, 16) % SETS];
}

/* Where the key is; else where it would go: the free place, or the one that held longest ago. */
static struct entry **place_of(struct entry **set, const char *sha256)
{
	struct entry **place = &set[0];

	for (size_t way = 0; way < WAYS; way++) {
		if (set[way] && is_of(set[way], sha256))
			return &set[way];
		if (*place && (!set[way] || set[way]->caller.until_ms < (*place)->caller.until_ms))
			place = &set[way];
	}
	return place;
}

static bool copy_caller(TALLOC_CTX *mem, const struct access_caller *from, struct access_caller *to)
{
	*to = (struct access_caller){ .id = talloc_strdup(mem, from->id),
		.name = talloc_strdup(mem, from->name),
		.role = talloc_strdup(mem, from->role),
		.scope = from->scope ? talloc_strdup(mem, from->scope) : NULL,
		.until_ms = from->until_ms };
	return to->id && to->name && to->role && !to->scope == !from->scope;
}

bool access_cache_find(struct access_cache *cache, const char *sha256, int64_t now_ms, TALLOC_CTX *mem,
	struct access_caller *ret, bool *ret_was_known)
{
	pthread_mutex_lock(&cache->lock);
	const struct entry *entry = *place_of(set_of(cache, sha256), sha256);
	bool is_known = entry && is_of(entry, sha256);
	bool holds = is_known && entry->caller.until_ms > now_ms && copy_caller(mem, &entry->caller, ret);

	pthread_mutex_unlock(&cache->lock);
	*ret_was_known = is_known;
	return holds;
}

uint64_t access_cache_generation(struct access_cache *cache)
{
	pthread_mutex_lock(&cache->lock);
	uint64_t generation = cache->generation;

	pthread_mutex_unlock(&cache->lock);
	return generation;
}

void access_cache_put(struct access_cache *cache, const char *sha256, const struct access_caller *caller,
	uint64_t generation)
{
	struct entry *entry = talloc_zero(NULL, struct entry);

	if (!entry || !copy_caller(entry, caller, &entry->caller)) {
		talloc_free(entry);
		return;
	}
	memcpy(entry->sha256, sha256, 64);
	pthread_mutex_lock(&cache->lock);
	if (generation == cache->generation) {
		struct entry **place = place_of(set_of(cache, sha256), sha256), *old = *place;

		*place = entry;
		entry = old;
	}
	pthread_mutex_unlock(&cache->lock);
	talloc_free(entry);
}

void access_cache_drop(struct access_cache *cache, const char *sha256)
{
	pthread_mutex_lock(&cache->lock);
	struct entry **place = place_of(set_of(cache, sha256), sha256), *old = NULL;

	if (*place && is_of(*place, sha256)) {
		old = *place;
		*place = NULL;
	}
	pthread_mutex_unlock(&cache->lock);
	talloc_free(old);
}

void access_cache_clear(struct access_cache *cache)
{
	pthread_mutex_lock(&cache->lock);
	cache->generation++;
	for (size_t set = 0; set < SETS; set++)
		for (size_t way = 0; way < WAYS; way++)
			if (cache->entries[set][way])
				cache->entries[set][way]->caller.until_ms = 0;
	pthread_mutex_unlock(&cache->lock);
}
