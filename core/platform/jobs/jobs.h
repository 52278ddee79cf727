/**
 * The job engine: threads that claim what is due and run it, wake-ups between servers, and the few writes by which a job goes on.
 * What a step does is the features' business; whose turn it is, is the database's (column `runner`).
 */
#ifndef CORE_JOBS_H
#define CORE_JOBS_H

#include "core/platform/db/db.h"

struct jobs;

/** A job that this process holds, until its lease ends. */
struct job {
	const char *id, *type, *step;
	int64_t token; /* every write says it: "fenced" when it is no longer the row's */
	int64_t attempts, attempts_max;
	const char *certificate_id, *placement_id, *agent_id, *issuer_id;
};

/** A step that servers run.  A row without name ends the table. */
struct job_step {
	const char *name;
	/**
	 * Do the step for all of these jobs, of one runner, and write what came of each: it must be released or ended.  Of one
	 * that is neither, job_step_failed() says why: its lease runs out, and it is claimed again.  `mem` goes afterwards.
	 */
	void (*run)(void *context, TALLOC_CTX *mem, const struct job *jobs, size_t count);
};

/** Log why a step wrote nothing: a fault, or no fault at all (job_is_fenced). */
void job_step_failed(const struct job *job, const struct certctl_error *err);

/**
 * Something that is looked after again and again, on every server: running it twice, or on two servers at once, does no harm.
 * A row without name ends the table.
 */
struct job_timer {
	const char *name; /* "renewal.scan" */
	int64_t interval_s;
	/**
	 * Without parameters: one statement that brings about what should be and is not, as much of it as stays short.  Its row
	 * has `done`, how much that was; it is run again at once until that is 0.
	 */
	const struct db_query *query;
	/** How often instead, in seconds, by the settings; NULL: interval_s.  Asked before each wait. */
	int64_t (*choose_interval_s)(void *context);
};

/** Whose jobs may this server run now, and how many each? */
struct job_runner {
	const char *name; /* "issuer/iss-local" */
	unsigned slots;
	bool takes_many; /* at once, on one slot, one after the other: as many as take a fifth of a second */
};

struct jobs_options {
	struct db_pool *db;
	const char *worker;                  /* this process, in the column `worker` */
	const char *former_worker;           /* one that runs no more for certain: its leases are over.  NULL: nobody */
	unsigned threads;                    /* 0: 4 */
	int64_t lease_s;                     /* 0: 120; longer than any step takes */
	const struct job_step *const *steps; /* tables, NULL-terminated */
	const struct job_timer *const *timers; /* the same; NULL: none */
	int (*runners)(void *context, TALLOC_CTX *mem, struct job_runner **ret, size_t *ret_count,
		struct certctl_error *err);
	/** Something changed somewhere: look at who waits.  On the engine's own thread; at most every 50 ms. */
	void (*woken)(void *context);
	/** A job has ended here: tell who waits for it, at once.  On the thread that ended it. */
	void (*ended)(void *context, const char *job_id);
	void *context;
};

int jobs_start(TALLOC_CTX *mem, const struct jobs_options *options, struct jobs **ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** Claim no more, finish what runs, end the threads.  talloc_free does it too. */
void jobs_stop(struct jobs *jobs);

/** After a commit that made work or ended some.  A hint to all servers: the engine finds the work anyway. */
void jobs_wake(struct jobs *jobs);
/** After the commit that ended a job: those who wait for it here hear of it at once, others when they look. */
void jobs_tell_ended(struct jobs *jobs, const char *job_id);

/** How a timer fares on this server. */
struct job_timer_state {
	const char *name;
	int64_t last_run_unix_s; /* to its end; 0: not yet */
	uint64_t failures;
};
void jobs_each_timer(const struct jobs *jobs, void (*each)(void *arg, const struct job_timer_state *state), void *arg);

/** Does the engine have its connection to the database now?  From memory: what /ready says. */
bool jobs_is_connected(const struct jobs *jobs);

/* --- Writes, inside a transaction.  CONFLICT "fenced": the token is no longer the job's; discard everything. ----------------- */

/** Put it back: `state` and `step` to go on from, not before `delay_s`.  The members after it may be NULL. */
struct job_release {
	const char *state, *step;
	int64_t delay_s;
	const char *error_json, *saved_state, *saved_state_version;
	const char *hold_reason; /* why it waits, when that is no error */
};
int job_release(struct db *db, const char *id, int64_t token, const struct job_release *how,
	struct certctl_error *err) CERTCTL_CHECKED;

/** End it: Completed, Failed or Cancelled.  The other members may be NULL. */
struct job_end {
	const char *state, *error_json, *report_json, *hold_reason, *version_id;
};
int job_end(struct db *db, const char *id, int64_t token, const struct job_end *how,
	struct certctl_error *err) CERTCTL_CHECKED;

/** The error of a write that says a token which is no longer the job's; returns its code. */
int job_fenced(struct certctl_error *err);
/** Is it this error? */
bool job_is_fenced(const struct certctl_error *err);

/** {"code","what","hint","retryable"}; NULL when out of memory. */
char *job_error_json(TALLOC_CTX *mem, const struct certctl_error *err);

/**
 * Full jitter over 30 s doubling with each attempt, up to a day or a tenth of `remaining_s` (of the certificate's life; 0: none yet);
 * never before what the other side asked for.
 * @param random  any number: the same one gives the same delay
 */
int64_t job_backoff_s(int64_t attempts, int64_t remaining_s, int64_t retry_after_s, uint64_t random);

#endif
