/* Counters: what many threads add is all there. */
#include "core/platform/metrics/metrics.h"
#include "test.h"

#include <pthread.h>

#define THREADS 40 /* more than there are copies */
#define ROUNDS  20000

static void *add(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		counters_add(arg, 0, 1);
		counters_add(arg, 2, 3);
	}
	return NULL;
}

static void what_threads_add_at_once_is_all_there(void)
{
	struct certctl_error err = { 0 };
	struct counters *counters = NULL;
	pthread_t threads[THREADS];

	ASSERT_OK(counters_new(test_mem(), 3, &counters, &err), err);
	for (size_t i = 0; i < THREADS; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, add, counters), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	CU_ASSERT_EQUAL(counters_get(counters, 0), (uint64_t)THREADS * ROUNDS);
	CU_ASSERT_EQUAL(counters_get(counters, 1), 0);
	CU_ASSERT_EQUAL(counters_get(counters, 2), (uint64_t)THREADS * ROUNDS * 3);
}

static void what_is_read_meanwhile_only_rises(void)
{
	struct certctl_error err = { 0 };
	struct counters *counters = NULL;
	pthread_t thread;
	uint64_t last = 0;

	ASSERT_OK(counters_new(test_mem(), 3, &counters, &err), err);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, add, counters), 0);
	while (last < ROUNDS) {
		uint64_t now = counters_get(counters, 0);

		CU_ASSERT_FATAL(now >= last);
		last = now;
	}
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(counters_get(counters, 0), ROUNDS);
}

const struct test tests[] = { TEST(what_threads_add_at_once_is_all_there), TEST(what_is_read_meanwhile_only_rises),
	{ 0 } };
