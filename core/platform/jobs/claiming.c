/* The thread that claims, for those that run: how much, in what batches.  Whose turn a job is, the database says. */
#include "engine.h"

#include <certctl/log.h>
#include <certctl/time.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Fewer jobs than these are not worth commits of their own. */
#define BATCH_MIN 8
/* A batch takes about as long: its first job waits for its last one.  Far below a third of any lease. */
#define BATCH_MS 200

static struct job job_from_row(TALLOC_CTX *mem, const struct db_result *rows, size_t row)
{
	return (struct job){ .id = talloc_strdup(mem, db_get_text(rows, row, "id")),
		.type = talloc_strdup(mem, db_get_text(rows, row, "type")),
		.step = talloc_strdup(mem, db_get_text(rows, row, "step")),
		.token = db_get_integer(rows, row, "token"),
		.attempts = db_get_integer(rows, row, "attempts"),
		.attempts_max = db_get_integer(rows, row, "attempts_max"),
		.certificate_id = talloc_strdup(mem, db_get_text(rows, row, "certificate_id")),
		.placement_id = talloc_strdup(mem, db_get_text(rows, row, "placement_id")),
		.agent_id = talloc_strdup(mem, db_get_text(rows, row, "agent_id")),
		.issuer_id = talloc_strdup(mem, db_get_text(rows, row, "issuer_id")) };
}

/* NULL when out of memory: their leases run out. */
static struct batch *batch_from_rows(const struct db_result *rows, size_t first, size_t count)
{
	struct batch *batch = talloc_zero(NULL, struct batch);
	struct job *jobs = batch ? talloc_zero_array(batch, struct job, (unsigned)count) : NULL;

	if (!jobs) {
		talloc_free(batch);
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		jobs[i] = job_from_row(jobs, rows, first + i);
	batch->runner = talloc_strdup(batch, db_get_text(rows, first, "runner"));
	batch->jobs = jobs;
	batch->count = count;
	return batch;
}

/* What a claim asks for: `room` threads are idle. */
struct claiming {
	unsigned room;
	struct job_runner *runners;
	unsigned *each; /* of each runner: how many of its jobs make a batch */
	size_t count;
	size_t limit; /* of all */
	const char *names, *slots;
};

/* The two arrays of job_claim, in PostgreSQL's text form, and how much that may be. */
static int fill_arrays(TALLOC_CTX *mem, struct jobs *jobs, struct claiming *claiming, struct certctl_error *err)
{
	size_t count = claiming->count;
	const char **names = talloc_zero_array(mem, const char *, (unsigned)count);
	const char **slots = talloc_zero_array(mem, const char *, (unsigned)count);

	claiming->each = talloc_zero_array(mem, unsigned, (unsigned)count);
	claiming->limit = claiming->room;
	for (size_t i = 0; names && slots && claiming->each && i < count; i++) {
		const struct job_runner *runner = &claiming->runners[i];
		unsigned slot_count = runner->slots < claiming->room ? runner->slots : claiming->room;

		claiming->each[i] = runner->takes_many ? paces_room(jobs->paces, runner->name, BATCH_MS) : 1;
		names[i] = runner->name;
		slots[i] = talloc_asprintf(mem, "%u", slot_count * claiming->each[i]);
		if (claiming->limit < (size_t)claiming->room * claiming->each[i])
			claiming->limit = (size_t)claiming->room * claiming->each[i];
	}
	claiming->names = names && slots ? db_array(mem, names, count) : NULL;
	claiming->slots = names && slots ? db_array(mem, slots, count) : NULL;
	return claiming->each && claiming->names && claiming->slots
		       ? 0
		       : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

/* How many of `left` jobs of one runner go to one thread: all idle ones get some, but few jobs stay together. */
static size_t share(const struct claiming *claiming, const char *runner, size_t left)
{
	size_t even = (left + claiming->room - 1) / claiming->room, most = 1;

	for (size_t i = 0; i < claiming->count; i++)
		if (strcmp(claiming->runners[i].name, runner) == 0)
			most = claiming->each[i];
	size_t size = even > BATCH_MIN ? even : BATCH_MIN;

	size = size < most ? size : most;
	return size < left ? size : left;
}

/* Rows come sorted by runner and step. */
static void hand_out(struct jobs *jobs, const struct claiming *claiming, const struct db_result *rows)
{
	size_t row = 0, end, size;

	while (row < db_rows(rows)) {
		const char *runner = db_get_text(rows, row, "runner"), *step = db_get_text(rows, row, "step");

		for (end = row + 1; end < db_rows(rows) && strcmp(db_get_text(rows, end, "runner"), runner) == 0 &&
				    strcmp(db_get_text(rows, end, "step"), step) == 0;
			end++)
			;
		for (size = share(claiming, runner, end - row); row < end; row += size) {
			struct batch *batch;

			size = size < end - row ? size : end - row;
			batch = batch_from_rows(rows, row, size);
			if (batch)
				engine_hand_over(jobs, batch);
		}
	}
}

/* Claim for `room` idle threads.  *ret_count: how many jobs were there. */
static int claim(struct jobs *jobs, unsigned room, size_t *ret_count, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct claiming claiming = { .room = room };
	struct db_result *rows = NULL;
	int rc = jobs->options.runners(jobs->options.context, mem, &claiming.runners, &claiming.count, err);

	if (rc == 0)
		rc = fill_arrays(mem, jobs, &claiming, err);
	if (rc == 0)
		rc = db_once(jobs->options.db, mem, &query_job_claim,
			DB_VALUES(db_text(jobs->options.worker), db_integer(jobs->options.lease_s),
				db_text(claiming.names), db_text(claiming.slots), db_integer((int64_t)claiming.limit)),
			&rows, err);
	if (rc == 0) {
		hand_out(jobs, &claiming, rows);
		*ret_count = db_rows(rows);
	}
	talloc_free(mem);
	return rc;
}

/* Wait for an idle thread and a reason to look.  0: stop. */
static unsigned wait_for_room(struct jobs *jobs, bool look_at_once)
{
	int64_t until_ms = certctl_monotonic_ms() + JOBS_POLL_MS;
	struct timespec until = { .tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000 };
	unsigned room;
	int rc = 0;

	pthread_mutex_lock(&jobs->lock);
	while (!jobs->must_stop && (jobs->idle <= 0 || (!look_at_once && !jobs->is_woken && rc != ETIMEDOUT)))
		if (jobs->idle <= 0)
			pthread_cond_wait(&jobs->has_room, &jobs->lock);
		else
			rc = pthread_cond_timedwait(&jobs->has_room, &jobs->lock, &until);
	jobs->is_woken = false;
	room = jobs->must_stop ? 0 : (unsigned)jobs->idle;
	pthread_mutex_unlock(&jobs->lock);
	return room;
}

void *engine_claim_all(void *arg)
{
	struct jobs *jobs = arg;
	size_t count = 0;
	unsigned room;
	bool was_failing = false;

	while ((room = wait_for_room(jobs, count > 0)) > 0) {
		struct certctl_error err = { 0 };

		count = 0;
		int rc = claim(jobs, room, &count, &err);

		/* Said once, not every second of an outage. */
		if (rc < 0 && !was_failing)
			certctl_log_error(CERTCTL_LOG_ERROR, "jobs.claim_failed", &err, NULL);
		was_failing = rc < 0;
	}
	return NULL;
}
