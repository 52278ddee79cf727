/* Queues, one a listener, and the threads that empty them in turn.  Knows nothing of what running an exchange means. */
#include "workers.h"

#include <pthread.h>

/* Who waits on one listener. */
struct lane {
	struct exchange *first, **end;
	unsigned queued;
};

struct workers {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct lane lanes[WORKERS_LANES];
	unsigned turn, queue_max, thread_count, idle;
	pthread_t *threads;
	workers_run_fn *run;
	void *arg;
	bool must_stop;
};

/* From the lanes in turn: a fleet that asks for much keeps nobody on another listener waiting. */
static struct exchange *take_next(struct workers *workers)
{
	for (unsigned i = 0; i < WORKERS_LANES; i++) {
		struct lane *lane = &workers->lanes[workers->turn++ % WORKERS_LANES];
		struct exchange *exchange = lane->first;

		if (!exchange)
			continue;
		lane->first = exchange->next;
		if (!lane->first)
			lane->end = &lane->first;
		exchange->next = NULL;
		lane->queued--;
		return exchange;
	}
	return NULL;
}

static struct exchange *take(struct workers *workers)
{
	struct exchange *exchange;

	pthread_mutex_lock(&workers->lock);
	workers->idle++;
	while (!(exchange = take_next(workers)) && !workers->must_stop)
		pthread_cond_wait(&workers->changed, &workers->lock);
	workers->idle--;
	pthread_mutex_unlock(&workers->lock);
	return exchange;
}

static void *work(void *arg)
{
	struct workers *workers = arg;
	struct exchange *exchange;

	while ((exchange = take(workers)) != NULL)
		workers->run(workers->arg, exchange);
	return NULL;
}

bool workers_submit(struct workers *workers, struct exchange *exchange, bool is_known)
{
	struct lane *lane = &workers->lanes[exchange->lane];

	pthread_mutex_lock(&workers->lock);
	bool fits = is_known || (!workers->must_stop && lane->queued < workers->queue_max);

	if (fits) {
		*lane->end = exchange;
		lane->end = &exchange->next;
		lane->queued++;
		pthread_cond_signal(&workers->changed);
	}
	pthread_mutex_unlock(&workers->lock);
	return fits;
}

void workers_measure(struct workers *workers, struct http_measures *ret)
{
	pthread_mutex_lock(&workers->lock);
	ret->workers = workers->thread_count;
	ret->busy = workers->thread_count - workers->idle;
	ret->queued = 0;
	for (unsigned i = 0; i < WORKERS_LANES; i++)
		ret->queued += workers->lanes[i].queued;
	ret->queue_max = workers->queue_max;
	pthread_mutex_unlock(&workers->lock);
}

void workers_stop(struct workers *workers)
{
	pthread_mutex_lock(&workers->lock);
	workers->must_stop = true;
	pthread_cond_broadcast(&workers->changed);
	pthread_mutex_unlock(&workers->lock);
	for (; workers->thread_count > 0; workers->thread_count--)
		pthread_join(workers->threads[workers->thread_count - 1], NULL);
}

static int destroy(struct workers *workers)
{
	workers_stop(workers);
	pthread_cond_destroy(&workers->changed);
	pthread_mutex_destroy(&workers->lock);
	return 0;
}

int workers_new(TALLOC_CTX *mem, unsigned threads, unsigned queue_max, workers_run_fn *run, void *arg,
	struct workers **ret, struct certctl_error *err)
{
	struct workers *workers = talloc_zero(mem, struct workers);

	if (!workers || !(workers->threads = talloc_array(workers, pthread_t, threads))) {
		talloc_free(workers);
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	}
	pthread_mutex_init(&workers->lock, NULL);
	pthread_cond_init(&workers->changed, NULL);
	for (unsigned i = 0; i < WORKERS_LANES; i++)
		workers->lanes[i].end = &workers->lanes[i].first;
	workers->queue_max = queue_max;
	workers->run = run;
	workers->arg = arg;
	talloc_set_destructor(workers, destroy);
	for (; workers->thread_count < threads; workers->thread_count++) {
		int error_number = pthread_create(&workers->threads[workers->thread_count], NULL, work, workers);

		if (error_number) {
			talloc_free(workers);
			return certctl_fail_errno(err, error_number, "http: thread");
		}
	}
	*ret = workers;
	return 0;
}
