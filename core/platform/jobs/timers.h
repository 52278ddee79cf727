/* Inside jobs: the thread that asks again and again for what should be and is not. */
#ifndef CORE_JOBS_TIMERS_H
#define CORE_JOBS_TIMERS_H

#include "jobs.h"

struct timers;

/**
 * Run the engine's own timers and those of `tables`, each for the first time at once.
 * @param tables  NULL-terminated, or NULL
 * @param context  for job_timer.choose_interval_s
 * @param done  called, on the timers' thread, after something was brought about
 */
int timers_start(TALLOC_CTX *mem, struct db_pool *db, const struct job_timer *const *tables, void *context,
	void (*done)(void *arg), void *arg, struct timers **ret, struct certctl_error *err) CERTCTL_CHECKED;
/** How each of them fares; any thread may ask. */
void timers_each(const struct timers *timers, void (*each)(void *arg, const struct job_timer_state *state), void *arg);
/** Finish what runs, end the thread.  talloc_free does it too. */
void timers_stop(struct timers *timers);

#endif
