/*
 * The engine's threads: one that listens and wakes, some that run; claiming.c has the one that claims, timers.c its own.  Knows steps
 * by name only.
 */
#include "engine.h"

#include <certctl/log.h>
#include <certctl/time.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define CHANNEL     "certctl_wake"
#define COALESCE_MS 50

static bool must_stop(struct jobs *jobs)
{
	pthread_mutex_lock(&jobs->lock);
	bool stop = jobs->must_stop;

	pthread_mutex_unlock(&jobs->lock);
	return stop;
}

/* --- Running --------------------------------------------------------------------------------------------------------- */

static const struct job_step *find_step(const struct jobs *jobs, const char *name)
{
	for (size_t i = 0; jobs->options.steps[i]; i++)
		for (const struct job_step *step = jobs->options.steps[i]; step->name; step++)
			if (strcmp(step->name, name) == 0)
				return step;
	return NULL;
}

void job_step_failed(const struct job *job, const struct certctl_error *err)
{
	if (job_is_fenced(err))
		certctl_log(CERTCTL_LOG_NOTICE, "job.fenced", "job", job->id, "token", certctl_num(job->token), NULL);
	else
		certctl_log_error(CERTCTL_LOG_ERROR, "job.step_failed", err, "job", job->id, "step", job->step, NULL);
}

static void run_batch(struct jobs *jobs, struct batch *batch)
{
	const struct job_step *step = find_step(jobs, batch->jobs[0].step);
	int64_t began_ms = certctl_monotonic_ms();

	if (step) {
		step->run(jobs->options.context, batch, batch->jobs, batch->count);
		paces_note(jobs->paces, batch->runner, batch->count, certctl_monotonic_ms() - began_ms);
		return;
	}
	for (size_t i = 0; i < batch->count; i++) {
		struct certctl_error err = { 0 };

		certctl_fail(&err, CERTCTL_E_INTERNAL, "no step '%s'", batch->jobs[i].step);
		job_step_failed(&batch->jobs[i], &err);
	}
}

static struct batch *take(struct jobs *jobs)
{
	struct batch *batch;

	pthread_mutex_lock(&jobs->lock);
	jobs->idle++;
	pthread_cond_signal(&jobs->has_room);
	while (!jobs->queue && !jobs->must_stop)
		pthread_cond_wait(&jobs->has_work, &jobs->lock);
	batch = jobs->queue;
	if (batch)
		jobs->queue = batch->next;
	else
		jobs->idle--; /* what is taken was counted by the claimer */
	pthread_mutex_unlock(&jobs->lock);
	return batch;
}

static void *run(void *arg)
{
	struct jobs *jobs = arg;
	struct batch *batch;

	while ((batch = take(jobs)) != NULL) {
		run_batch(jobs, batch);
		talloc_free(batch);
	}
	return NULL;
}

void engine_hand_over(struct jobs *jobs, struct batch *batch)
{
	pthread_mutex_lock(&jobs->lock);
	batch->next = jobs->queue;
	jobs->queue = batch;
	jobs->idle--;
	pthread_cond_signal(&jobs->has_work);
	pthread_mutex_unlock(&jobs->lock);
}

/* --- Waking ---------------------------------------------------------------------------------------------------------- */

static void wake_claimer(struct jobs *jobs)
{
	pthread_mutex_lock(&jobs->lock);
	jobs->is_woken = true;
	pthread_cond_signal(&jobs->has_room);
	pthread_mutex_unlock(&jobs->lock);
}

static void wake_all(struct jobs *jobs)
{
	wake_claimer(jobs);
	if (jobs->options.woken)
		jobs->options.woken(jobs->options.context);
}

/* One NOTIFY for everything that happened in 50 ms, outside of any working transaction: it would serialise their commits. */
static int listen_and_wake(struct jobs *jobs, struct db *db, struct certctl_error *err)
{
	static const struct timespec coalesce = { .tv_nsec = COALESCE_MS * 1000000L };
	eventfd_t wakes;
	bool is_notified;
	int rc = db_listen(db, CHANNEL, err);

	/* What happened before we listened. */
	if (rc == 0) {
		atomic_store(&jobs->is_connected, true);
		wake_all(jobs);
	}
	while (rc == 0 && !must_stop(jobs)) {
		is_notified = false;
		rc = db_wait(db, jobs->wake_fd, JOBS_POLL_MS, &is_notified, err);
		if (rc == 0 && eventfd_read(jobs->wake_fd, &wakes) == 0) {
			/* Here at once, to the other servers in a moment. */
			wake_all(jobs);
			nanosleep(&coalesce, NULL);
			rc = db_notify(db, CHANNEL, err);
		} else if (rc == 0)
			/* Notified, or a second has passed: what became due meanwhile has sent nothing. */
			wake_all(jobs);
	}
	return rc;
}

static void *wake(void *arg)
{
	struct jobs *jobs = arg;
	static const struct timespec pause = { .tv_nsec = 500000000 };
	bool was_failing = false;

	while (!must_stop(jobs)) {
		CERTCTL_AUTO(db_release) struct db *db = NULL;
		struct certctl_error err = { 0 };
		int rc = db_acquire(jobs->options.db, &db, &err);

		if (rc == 0)
			rc = listen_and_wake(jobs, db, &err);
		atomic_store(&jobs->is_connected, false);
		if (rc < 0 && !was_failing)
			certctl_log_error(CERTCTL_LOG_ERROR, "jobs.listen_failed", &err, NULL);
		was_failing = rc < 0;
		if (rc < 0)
			nanosleep(&pause, NULL);
	}
	return NULL;
}

void jobs_each_timer(const struct jobs *jobs, void (*each)(void *arg, const struct job_timer_state *state), void *arg)
{
	if (jobs->timers)
		timers_each(jobs->timers, each, arg);
}

bool jobs_is_connected(const struct jobs *jobs)
{
	return atomic_load(&jobs->is_connected);
}

void jobs_wake(struct jobs *jobs)
{
	wake_claimer(jobs);
	eventfd_write(jobs->wake_fd, 1);
}

void jobs_tell_ended(struct jobs *jobs, const char *job_id)
{
	if (jobs->options.ended)
		jobs->options.ended(jobs->options.context, job_id);
}

static void timer_done(void *arg)
{
	jobs_wake(arg);
}

/* --- In and out ------------------------------------------------------------------------------------------------------ */

void jobs_stop(struct jobs *jobs)
{
	pthread_mutex_lock(&jobs->lock);
	jobs->must_stop = true;
	pthread_cond_broadcast(&jobs->has_work);
	pthread_cond_broadcast(&jobs->has_room);
	pthread_mutex_unlock(&jobs->lock);
	jobs_wake(jobs);
	TALLOC_FREE(jobs->timers);
	if (jobs->has_claimer)
		pthread_join(jobs->claimer, NULL);
	jobs->has_claimer = false;
	for (; jobs->thread_count > 0; jobs->thread_count--)
		pthread_join(jobs->threads[jobs->thread_count - 1], NULL);
	if (jobs->has_waker)
		pthread_join(jobs->waker, NULL);
	jobs->has_waker = false;
}

static int destroy(struct jobs *jobs)
{
	jobs_stop(jobs);
	close(jobs->wake_fd);
	pthread_cond_destroy(&jobs->has_work);
	pthread_cond_destroy(&jobs->has_room);
	pthread_mutex_destroy(&jobs->lock);
	return 0;
}

static int start_threads(struct jobs *jobs, struct certctl_error *err)
{
	int error_number = 0;

	for (; !error_number && jobs->thread_count < jobs->options.threads; jobs->thread_count += !error_number)
		error_number = pthread_create(&jobs->threads[jobs->thread_count], NULL, run, jobs);
	if (!error_number) {
		error_number = pthread_create(&jobs->claimer, NULL, engine_claim_all, jobs);
		jobs->has_claimer = !error_number;
	}
	if (!error_number) {
		error_number = pthread_create(&jobs->waker, NULL, wake, jobs);
		jobs->has_waker = !error_number;
	}
	return error_number ? certctl_fail_errno(err, error_number, "jobs: thread") : 0;
}

/* Otherwise what it had waits for minutes, though nobody works on it. */
static int let_former_go(struct jobs *jobs, struct certctl_error *err)
{
	const char *former = jobs->options.former_worker;
	struct db_result *rows = NULL;

	if (!former)
		return 0;
	int rc = db_once(jobs->options.db, jobs, &query_jobs_let_go, DB_VALUES(db_text(former)), &rows, err);

	if (rc == 0 && db_rows(rows) > 0)
		certctl_log(CERTCTL_LOG_NOTICE, "jobs.taken_over", "from", former, "jobs",
			certctl_num((int64_t)db_rows(rows)), NULL);
	talloc_free(rows);
	return rc;
}

int jobs_start(TALLOC_CTX *mem, const struct jobs_options *options, struct jobs **ret, struct certctl_error *err)
{
	struct jobs *jobs = talloc_zero(mem, struct jobs);
	pthread_condattr_t monotonic;

	if (!jobs)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	jobs->options = *options;
	jobs->options.threads = options->threads ? options->threads : 4;
	jobs->options.lease_s = options->lease_s ? options->lease_s : 120;
	jobs->threads = talloc_array(jobs, pthread_t, jobs->options.threads);
	jobs->paces = paces_new(jobs);
	jobs->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!jobs->threads || !jobs->paces || jobs->wake_fd < 0) {
		talloc_free(jobs);
		return certctl_fail_errno(err, errno, "jobs");
	}
	pthread_mutex_init(&jobs->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&jobs->has_work, NULL);
	pthread_cond_init(&jobs->has_room, &monotonic);
	pthread_condattr_destroy(&monotonic);
	talloc_set_destructor(jobs, destroy);
	int rc = let_former_go(jobs, err);

	if (rc == 0)
		rc = start_threads(jobs, err);
	if (rc == 0)
		rc = timers_start(jobs, options->db, options->timers, options->context, timer_done, jobs, &jobs->timers,
			err);
	if (rc < 0) {
		talloc_free(jobs);
		return rc;
	}
	*ret = jobs;
	return 0;
}
