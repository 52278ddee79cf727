/* A queue and the threads that empty it.  Knows nothing of what running an exchange means. */
#include "workers.h"

#include <pthread.h>

struct workers {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct exchange *first, **end;
	unsigned queued, queue_max, thread_count;
	pthread_t *threads;
	workers_run_fn *run;
	void *arg;
	bool must_stop;
};

static struct exchange *take(struct workers *workers)
{
	struct exchange *exchange;

	pthread_mutex_lock(&workers->lock);
	while (!workers->first && !workers->must_stop)
		pthread_cond_wait(&workers->changed, &workers->lock);
	exchange = workers->first;
	if (exchange) {
		workers->first = exchange->next;
		if (!workers->first)
			workers->end = &workers->first;
		exchange->next = NULL;
		workers->queued--;
	}
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
	pthread_mutex_lock(&workers->lock);
	bool fits = is_known || (!workers->must_stop && workers->queued < workers->queue_max);

	if (fits) {
		*workers->end = exchange;
		workers->end = &exchange->next;
		workers->queued++;
		pthread_cond_signal(&workers->changed);
	}
	pthread_mutex_unlock(&workers->lock);
	return fits;
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
	workers->end = &workers->first;
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
