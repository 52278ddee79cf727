/* Counters in as many copies as threads that add: a copy is made when its thread adds for the first time. */
#include "metrics.h"

#include <stdatomic.h>

/* Threads beyond that share copies, which is slower and as right. */
#define COPIES_MAX 32

struct counters {
	size_t count;
	_Atomic(atomic_ullong *) copies[COPIES_MAX];
};

/* Which copy is this thread's, in every struct of counters. */
static unsigned own_copy(void)
{
	static atomic_uint next;
	static _Thread_local unsigned own = COPIES_MAX;

	if (own == COPIES_MAX)
		own = atomic_fetch_add(&next, 1) % COPIES_MAX;
	return own;
}

static int destroy(struct counters *counters)
{
	for (size_t i = 0; i < COPIES_MAX; i++)
		talloc_free((void *)atomic_load(&counters->copies[i]));
	return 0;
}

int counters_new(TALLOC_CTX *mem, size_t count, struct counters **ret, struct certctl_error *err)
{
	struct counters *counters = talloc_zero(mem, struct counters);

	if (!counters)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	counters->count = count;
	talloc_set_destructor(counters, destroy);
	*ret = counters;
	return 0;
}

/* A tree of its own: it is made by whichever thread adds first.  NULL when out of memory: what is counted then is lost. */
static atomic_ullong *make_copy(struct counters *counters, unsigned number)
{
	atomic_ullong *made = talloc_zero_array(NULL, atomic_ullong, (unsigned)counters->count), *there = NULL;

	if (!made || atomic_compare_exchange_strong(&counters->copies[number], &there, made))
		return made;
	talloc_free((void *)made);
	return there;
}

void counters_add(struct counters *counters, size_t index, uint64_t amount)
{
	unsigned number = own_copy();
	atomic_ullong *copy = atomic_load_explicit(&counters->copies[number], memory_order_acquire);

	certctl_assert(index < counters->count);
	if (!copy)
		copy = make_copy(counters, number);
	if (copy)
		atomic_fetch_add_explicit(&copy[index], amount, memory_order_relaxed);
}

uint64_t counters_get(const struct counters *counters, size_t index)
{
	uint64_t sum = 0;

	certctl_assert(index < counters->count);
	for (size_t i = 0; i < COPIES_MAX; i++) {
		atomic_ullong *copy = atomic_load_explicit(&counters->copies[i], memory_order_acquire);

		if (copy)
			sum += atomic_load_explicit(&copy[index], memory_order_relaxed);
	}
	return sum;
}
