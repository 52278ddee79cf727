/** A wish to stop that every waiting thread hears at once, and the waiting between tries. */
#ifndef CERTCTL_AGENT_STOP_H
#define CERTCTL_AGENT_STOP_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct certctl_stop {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool is_wanted;
};
void certctl_stop_init(struct certctl_stop *stop);
void certctl_stop_done(struct certctl_stop *stop);
void certctl_stop_want(struct certctl_stop *stop);
/** In the shape that HTTP requests and the worker's socket ask for. */
bool certctl_stop_is_wanted(void *stop);
/** Wait; true as soon as the stop is wanted. */
bool certctl_stop_wait(struct certctl_stop *stop, int64_t wait_ms);

/** Full jitter: a random wait below a bound that doubles with every failure, from a second to a minute. */
struct certctl_backoff {
	unsigned failures;
};
/** The wait after one more failure; `retry_after_s` of the other side is the least. */
int64_t certctl_backoff_next_ms(struct certctl_backoff *backoff, int64_t retry_after_s);
void certctl_backoff_reset(struct certctl_backoff *backoff);

/** `period_ms`, a fifth more or less: agents that start together must not stay together. */
int64_t certctl_jitter_ms(int64_t period_ms);

#endif
