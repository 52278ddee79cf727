/* Stopping and waiting. */
#include "stop.h"

#include <certctl/x509.h>
#include <time.h>

#define BACKOFF_FIRST_MS INT64_C(1000)
#define BACKOFF_LAST_MS  INT64_C(60000)
#define BACKOFF_LEAST_MS INT64_C(100)

void certctl_stop_init(struct certctl_stop *stop)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_mutex_init(&stop->lock, NULL);
	pthread_cond_init(&stop->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	stop->is_wanted = false;
}

void certctl_stop_done(struct certctl_stop *stop)
{
	pthread_cond_destroy(&stop->changed);
	pthread_mutex_destroy(&stop->lock);
}

void certctl_stop_want(struct certctl_stop *stop)
{
	pthread_mutex_lock(&stop->lock);
	stop->is_wanted = true;
	pthread_cond_broadcast(&stop->changed);
	pthread_mutex_unlock(&stop->lock);
}

bool certctl_stop_is_wanted(void *arg)
{
	struct certctl_stop *stop = arg;

	pthread_mutex_lock(&stop->lock);
	bool is_wanted = stop->is_wanted;

	pthread_mutex_unlock(&stop->lock);
	return is_wanted;
}

bool certctl_stop_wait(struct certctl_stop *stop, int64_t wait_ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait_ms / 1000;
	until.tv_nsec += wait_ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&stop->lock);
	while (!stop->is_wanted && pthread_cond_timedwait(&stop->changed, &stop->lock, &until) == 0)
		continue;
	bool is_wanted = stop->is_wanted;

	pthread_mutex_unlock(&stop->lock);
	return is_wanted;
}

/* Without randomness the middle: waiting goes on, only less spread. */
static int64_t random_below(int64_t bound)
{
	uint64_t number;

	if (certctl_random(&number, sizeof(number), NULL) < 0)
		return bound / 2;
	return (int64_t)(number % (uint64_t)bound);
}

int64_t certctl_backoff_next_ms(struct certctl_backoff *backoff, int64_t retry_after_s)
{
	int64_t bound_ms = BACKOFF_FIRST_MS;

	for (unsigned i = 0; i < backoff->failures && bound_ms < BACKOFF_LAST_MS; i++)
		bound_ms *= 2;
	if (bound_ms > BACKOFF_LAST_MS)
		bound_ms = BACKOFF_LAST_MS;
	backoff->failures++;
	return retry_after_s * 1000 + BACKOFF_LEAST_MS + random_below(bound_ms);
}

void certctl_backoff_reset(struct certctl_backoff *backoff)
{
	backoff->failures = 0;
}

int64_t certctl_jitter_ms(int64_t period_ms)
{
	int64_t fifth_ms = period_ms / 5;

	return fifth_ms == 0 ? period_ms : period_ms - fifth_ms + random_below(2 * fifth_ms);
}
