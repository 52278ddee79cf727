/* Waiting between tries, and stopping in the middle of a wait. */
#include "agent/stop.h"

#include "test.h"

#include <certctl/time.h>

static void the_bound_doubles_up_to_a_minute(void)
{
	struct certctl_backoff backoff = { 0 };

	for (unsigned i = 0; i < 40; i++) {
		int64_t bound_ms = i < 6 ? INT64_C(1000) << i : 60000;
		int64_t wait_ms = certctl_backoff_next_ms(&backoff, 0);

		CU_ASSERT_TRUE(wait_ms >= 100 && wait_ms < bound_ms + 100);
	}
	certctl_backoff_reset(&backoff);
	CU_ASSERT_TRUE(certctl_backoff_next_ms(&backoff, 0) < 1100);
}

static void the_other_sides_wish_is_the_least(void)
{
	struct certctl_backoff backoff = { 0 };

	CU_ASSERT_TRUE(certctl_backoff_next_ms(&backoff, 30) >= 30000);
}

static void jitter_stays_within_a_fifth_and_varies(void)
{
	int64_t least = 100000, most = 0;

	for (unsigned i = 0; i < 200; i++) {
		int64_t period_ms = certctl_jitter_ms(10000);

		least = period_ms < least ? period_ms : least;
		most = period_ms > most ? period_ms : most;
	}
	CU_ASSERT_TRUE(least >= 8000 && most < 12000 && most > least);
}

static void *want(void *stop)
{
	certctl_stop_want(stop);
	return NULL;
}

static void a_stop_ends_every_wait(void)
{
	struct certctl_stop stop;
	pthread_t thread;

	certctl_stop_init(&stop);
	CU_ASSERT_FALSE(certctl_stop_wait(&stop, 1));
	pthread_create(&thread, NULL, want, &stop);
	CU_ASSERT_TRUE(certctl_stop_wait(&stop, 100000)); /* the test's own time limit is shorter */
	CU_ASSERT_TRUE(certctl_stop_is_wanted(&stop));
	pthread_join(thread, NULL);
	certctl_stop_done(&stop);
}

const struct test tests[] = {
	TEST(the_bound_doubles_up_to_a_minute),
	TEST(the_other_sides_wish_is_the_least),
	TEST(jitter_stays_within_a_fifth_and_varies),
	TEST(a_stop_ends_every_wait),
	{ 0 },
};
