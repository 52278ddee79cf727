/* Who waits for which key.  Knows nothing of what the keys mean and of how an exchange goes on. */
#include "waits.h"

#include <pthread.h>
#include <string.h>

#define BUCKETS 1024

/* Keys share buckets: a wake-up of a foreign key costs a handler a needless run, and nothing else. */
struct bucket {
	struct exchange *first;
	uint64_t last_wake; /* number of the latest wake-up here */
};

struct waits {
	pthread_mutex_t lock;
	struct bucket buckets[BUCKETS];
	uint64_t wakes; /* so far */
	waits_ready_fn *ready;
	void *arg;
	bool is_over;
};

static int destroy(struct waits *waits)
{
	pthread_mutex_destroy(&waits->lock);
	return 0;
}

int waits_new(TALLOC_CTX *mem, waits_ready_fn *ready, void *arg, struct waits **ret, struct certctl_error *err)
{
	struct waits *waits = talloc_zero(mem, struct waits);

	if (!waits)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	pthread_mutex_init(&waits->lock, NULL);
	waits->ready = ready;
	waits->arg = arg;
	talloc_set_destructor(waits, destroy);
	*ret = waits;
	return 0;
}

/* FNV-1a */
static struct bucket *bucket_of(struct waits *waits, const char *key)
{
	uint32_t hash = 2166136261U;

	for (; *key; key++)
		hash = (hash ^ (unsigned char)*key) * 16777619U;
	return &waits->buckets[hash % BUCKETS];
}

static void unlink_exchange(struct bucket *bucket, struct exchange *exchange)
{
	if (exchange->previous_waiting)
		exchange->previous_waiting->next_waiting = exchange->next_waiting;
	else
		bucket->first = exchange->next_waiting;
	if (exchange->next_waiting)
		exchange->next_waiting->previous_waiting = exchange->previous_waiting;
	exchange->next_waiting = exchange->previous_waiting = NULL;
}

/* Move to the list what `is_wanted` says; the lock is held. */
static void collect(struct bucket *bucket, struct exchange **list,
	bool (*is_wanted)(const struct exchange *, const void *), const void *arg)
{
	for (struct exchange *exchange = bucket->first, *next; exchange; exchange = next) {
		next = exchange->next_waiting;
		if (!is_wanted(exchange, arg))
			continue;
		unlink_exchange(bucket, exchange);
		exchange->next = *list;
		*list = exchange;
	}
}

static void make_ready(struct waits *waits, struct exchange *list, bool is_time_up)
{
	while (list) {
		struct exchange *exchange = list;

		list = exchange->next;
		exchange->next = NULL;
		if (is_time_up)
			exchange->request.is_time_up = true;
		waits->ready(waits->arg, exchange);
	}
}

void waits_begin(struct waits *waits, struct exchange *exchange)
{
	pthread_mutex_lock(&waits->lock);
	exchange->wait_seen = waits->wakes;
	exchange->request.is_time_up = exchange->request.is_time_up || waits->is_over;
	pthread_mutex_unlock(&waits->lock);
}

void waits_add(struct waits *waits, struct exchange *exchange)
{
	pthread_mutex_lock(&waits->lock);
	struct bucket *bucket = bucket_of(waits, exchange->wait_key);
	bool is_over = waits->is_over, is_ready = is_over || bucket->last_wake > exchange->wait_seen;

	if (!is_ready) {
		exchange->next_waiting = bucket->first;
		if (bucket->first)
			bucket->first->previous_waiting = exchange;
		bucket->first = exchange;
	}
	pthread_mutex_unlock(&waits->lock);
	if (is_ready)
		make_ready(waits, exchange, is_over);
}

static bool has_key(const struct exchange *exchange, const void *key)
{
	return strcmp(exchange->wait_key, key) == 0;
}

void waits_wake(struct waits *waits, const char *key)
{
	struct exchange *list = NULL;

	pthread_mutex_lock(&waits->lock);
	struct bucket *bucket = bucket_of(waits, key);

	bucket->last_wake = ++waits->wakes;
	collect(bucket, &list, has_key, key);
	pthread_mutex_unlock(&waits->lock);
	make_ready(waits, list, false);
}

static bool is_expired(const struct exchange *exchange, const void *now_ms)
{
	return exchange->request.wait_until_ms <= *(const int64_t *)now_ms;
}

void waits_expire(struct waits *waits, int64_t now_ms)
{
	struct exchange *list = NULL;

	pthread_mutex_lock(&waits->lock);
	for (size_t i = 0; i < BUCKETS; i++)
		collect(&waits->buckets[i], &list, is_expired, &now_ms);
	pthread_mutex_unlock(&waits->lock);
	make_ready(waits, list, true);
}

void waits_end_all(struct waits *waits)
{
	pthread_mutex_lock(&waits->lock);
	waits->is_over = true;
	pthread_mutex_unlock(&waits->lock);
	waits_expire(waits, INT64_MAX);
}

int waits_keys(struct waits *waits, const char *prefix, TALLOC_CTX *mem, const char ***ret, size_t *ret_count,
	struct certctl_error *err)
{
	const char **keys = talloc_array(mem, const char *, 0);
	unsigned count = 0;

	pthread_mutex_lock(&waits->lock);
	for (size_t i = 0; keys && i < BUCKETS; i++)
		for (const struct exchange *e = waits->buckets[i].first; keys && e; e = e->next_waiting) {
			if (strncmp(e->wait_key, prefix, strlen(prefix)) != 0)
				continue;
			keys = talloc_realloc(mem, keys, const char *, count + 1);
			if (keys)
				keys[count++] = talloc_strdup(keys, e->wait_key);
		}
	pthread_mutex_unlock(&waits->lock);
	if (!keys)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	*ret = keys;
	*ret_count = count;
	return 0;
}

size_t waits_count(struct waits *waits, const char *prefix)
{
	size_t count = 0;

	pthread_mutex_lock(&waits->lock);
	for (size_t i = 0; i < BUCKETS; i++)
		for (const struct exchange *e = waits->buckets[i].first; e; e = e->next_waiting)
			count += strncmp(e->wait_key, prefix, strlen(prefix)) == 0;
	pthread_mutex_unlock(&waits->lock);
	return count;
}
