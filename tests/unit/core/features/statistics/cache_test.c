/* The cache: made once for all who ask at the same time, kept in proportion to its price. */
#include "core/features/statistics/cache.h"
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static struct cache *cache;
static atomic_int made;
static atomic_bool must_fail;
static int takes_ms;
static char name_of_all[] = "a";

static int make(void *arg, TALLOC_CTX *mem, const char **ret, struct certctl_error *err)
{
	int number = atomic_fetch_add(&made, 1) + 1;

	usleep((useconds_t)takes_ms * 1000);
	if (atomic_load(&must_fail))
		return certctl_fail(err, CERTCTL_E_UNAVAILABLE, "not now");
	*ret = talloc_asprintf(mem, "%s %d", (const char *)arg, number);
	return 0;
}

static void begin(int ms)
{
	struct certctl_error err = { 0 };

	atomic_store(&made, 0);
	atomic_store(&must_fail, false);
	takes_ms = ms;
	ASSERT_OK(cache_new(test_mem(), &cache, &err), err);
}

static const char *get(const char *key, int64_t fresh_ms)
{
	struct certctl_error err = { 0 };
	const char *text = NULL;

	ASSERT_OK(cache_get(cache, key, fresh_ms, make, (void *)(uintptr_t)key, test_mem(), &text, &err), err);
	return text;
}

static void what_is_cheap_is_made_each_time(void)
{
	begin(0);
	ASSERT_TEXT(get("a", 0), "a 1");
	ASSERT_TEXT(get("a", 0), "a 2");
}

static void what_is_asked_to_stay_stays(void)
{
	begin(0);
	ASSERT_TEXT(get("a", 60000), "a 1");
	ASSERT_TEXT(get("b", 60000), "b 2");
	ASSERT_TEXT(get("a", 60000), "a 1");
}

static void what_was_dear_is_kept(void)
{
	begin(120);
	ASSERT_TEXT(get("a", 0), "a 1");
	ASSERT_TEXT(get("a", 0), "a 1");
}

static void *ask(void *arg)
{
	const char *text = NULL;
	TALLOC_CTX *mem = talloc_new(NULL);
	struct certctl_error err = { 0 };
	int rc = cache_get(cache, "a", 0, make, name_of_all, mem, &text, &err);

	atomic_fetch_add((atomic_int *)arg, rc == 0 && text != NULL);
	talloc_free(mem);
	return NULL;
}

static void many_who_ask_at_once_make_it_once(void)
{
	pthread_t threads[16];
	atomic_int good = 0;

	begin(200);
	for (size_t i = 0; i < CERTCTL_COUNT(threads); i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, ask, &good), 0);
	for (size_t i = 0; i < CERTCTL_COUNT(threads); i++)
		pthread_join(threads[i], NULL);
	CU_ASSERT_EQUAL(atomic_load(&good), 16);
	CU_ASSERT_EQUAL(atomic_load(&made), 1);
}

static void a_failure_is_told_and_not_kept(void)
{
	struct certctl_error err = { 0 };
	const char *text = NULL;

	begin(0);
	atomic_store(&must_fail, true);
	ASSERT_FAILS(cache_get(cache, "a", 60000, make, name_of_all, test_mem(), &text, &err), CERTCTL_E_UNAVAILABLE,
		"not now", err);
	atomic_store(&must_fail, false);
	ASSERT_TEXT(get("a", 60000), "a 2");
}

static void more_keys_than_room_give_way_to_each_other(void)
{
	char key[16];

	begin(0);
	for (int i = 0; i < 200; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		get(key, 60000);
	}
	CU_ASSERT_EQUAL(atomic_load(&made), 200);
	get("k199", 60000);
	CU_ASSERT_EQUAL(atomic_load(&made), 200);
}

const struct test tests[] = { TEST(what_is_cheap_is_made_each_time), TEST(what_is_asked_to_stay_stays),
	TEST(what_was_dear_is_kept), TEST(many_who_ask_at_once_make_it_once), TEST(a_failure_is_told_and_not_kept),
	TEST(more_keys_than_room_give_way_to_each_other), { 0 } };
