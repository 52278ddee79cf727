/* Who waits where, and whose turn it is. */
#include "core/platform/http/workers.h"
#include "test.h"

#include <pthread.h>

#define FLEET    0
#define OPERATOR 1

/* A worker that is kept busy until the test lets it go, and what ran in which order. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool is_open, is_busy;
	unsigned count, lanes[64];
} gate = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static void run(void *arg, struct exchange *exchange)
{
	(void)arg;
	pthread_mutex_lock(&gate.lock);
	gate.is_busy = true;
	pthread_cond_broadcast(&gate.changed);
	while (!gate.is_open)
		pthread_cond_wait(&gate.changed, &gate.lock);
	gate.lanes[gate.count++] = exchange->lane;
	pthread_mutex_unlock(&gate.lock);
}

static struct workers *busy_workers(unsigned queue_max)
{
	struct certctl_error err = { 0 };
	struct workers *workers = NULL;
	struct exchange *first = talloc_zero(test_mem(), struct exchange);

	gate.is_open = gate.is_busy = false;
	gate.count = 0;
	first->lane = FLEET;
	ASSERT_OK(workers_new(test_mem(), 1, queue_max, run, NULL, &workers, &err), err);
	CU_ASSERT_TRUE(workers_submit(workers, first, false));
	pthread_mutex_lock(&gate.lock);
	while (!gate.is_busy)
		pthread_cond_wait(&gate.changed, &gate.lock);
	pthread_mutex_unlock(&gate.lock);
	return workers;
}

static bool submit(struct workers *workers, unsigned lane, bool is_known)
{
	struct exchange *exchange = talloc_zero(test_mem(), struct exchange);

	exchange->lane = lane;
	return workers_submit(workers, exchange, is_known);
}

static void finish(struct workers *workers)
{
	pthread_mutex_lock(&gate.lock);
	gate.is_open = true;
	pthread_cond_broadcast(&gate.changed);
	pthread_mutex_unlock(&gate.lock);
	workers_stop(workers);
}

static void a_fleet_that_asks_for_much_keeps_no_operator_waiting(void)
{
	struct workers *workers = busy_workers(100);

	for (int i = 0; i < 40; i++)
		CU_ASSERT_TRUE(submit(workers, FLEET, false));
	for (int i = 0; i < 3; i++)
		CU_ASSERT_TRUE(submit(workers, OPERATOR, false));
	finish(workers);
	CU_ASSERT_EQUAL(gate.count, 44);
	/* In turn: the third operator is done when the fleet had four of its own, the one that ran counted. */
	unsigned operators = 0, at = 0;

	while (at < gate.count && operators < 3)
		operators += gate.lanes[at++] == OPERATOR;
	CU_ASSERT_EQUAL(operators, 3);
	CU_ASSERT_TRUE(at <= 8);
}

static void one_listener_that_is_full_leaves_the_other_its_room(void)
{
	struct workers *workers = busy_workers(5);

	for (int i = 0; i < 5; i++)
		CU_ASSERT_TRUE(submit(workers, FLEET, false));
	CU_ASSERT_FALSE(submit(workers, FLEET, false));
	for (int i = 0; i < 5; i++)
		CU_ASSERT_TRUE(submit(workers, OPERATOR, false));
	CU_ASSERT_FALSE(submit(workers, OPERATOR, false));
	/* Who was in before always fits. */
	CU_ASSERT_TRUE(submit(workers, FLEET, true));
	finish(workers);
	CU_ASSERT_EQUAL(gate.count, 12);
}

const struct test tests[] = {
	TEST(a_fleet_that_asks_for_much_keeps_no_operator_waiting),
	TEST(one_listener_that_is_full_leaves_the_other_its_room),
	{ 0 },
};
