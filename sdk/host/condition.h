/** Condition variables that wait on the clock of deadlines. */
#ifndef CERTCTL_CONDITION_H
#define CERTCTL_CONDITION_H

#include <pthread.h>
#include <stdint.h>

/** A condition variable on CLOCK_MONOTONIC, and waiting on it until a point of certctl_monotonic_ms(). */
void certctl_cond_init(pthread_cond_t *cond);
void certctl_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline_ms);

#endif
