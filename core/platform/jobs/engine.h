/**
 * What the engine's threads share: the queue of those that run, and what wakes the one that claims.
 */
#ifndef CORE_PLATFORM_JOBS_ENGINE_H
#define CORE_PLATFORM_JOBS_ENGINE_H

#include "core/platform/jobs/jobs.sql.h"
#include "paces.h"
#include "timers.h"

#include <pthread.h>
#include <stdatomic.h>

/** How long work can lie when every wake-up was lost. */
#define JOBS_POLL_MS 1000

/* Jobs that one thread runs together: of one runner, one after the other. */
struct batch {
	struct batch *next;
	const char *runner;
	size_t count;
	struct job *jobs;
};

struct jobs {
	struct jobs_options options;
	pthread_mutex_t lock;
	pthread_cond_t has_work, has_room; /* for the runners; for the claimer */
	struct batch *queue;
	int idle; /* threads that wait for work, without those that the queue has some for */
	struct paces *paces;
	bool is_woken, must_stop;
	pthread_t waker, claimer, *threads;
	unsigned thread_count;
	bool has_waker, has_claimer;
	struct timers *timers;
	atomic_bool is_connected;
	int wake_fd;
};

/** Give a batch to an idle thread. */
void engine_hand_over(struct jobs *jobs, struct batch *batch);
/** The claimer's thread, until the engine stops.  @param jobs  the struct jobs */
void *engine_claim_all(void *jobs);

#endif
