/* Timers: statements that bring about what should be and is not.  Knows them by their table only. */
#include "timers.h"
#include "core/platform/jobs/jobs.sql.h"

#include <certctl/log.h>
#include <certctl/time.h>
#include <certctl/x509.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

/* One that failed is run again after this, or after its interval when that is shorter. */
#define RETRY_MS INT64_C(5000)

static const struct job_timer own_timers[] = {
	{ .name = "partitions.make", .interval_s = 3600, .query = &query_partitions_make },
	{ .name = "jobs.prioritize", .interval_s = 60, .query = &query_jobs_prioritize },
	{ 0 },
};

struct entry {
	const struct job_timer *timer;
	int64_t next_ms;
	bool was_failing;
	atomic_llong last_run_s; /* in seconds since 1970 */
	atomic_ullong failures;
};

struct timers {
	struct db_pool *db;
	void *context;
	void (*done)(void *arg);
	void *arg;
	struct entry *entries;
	size_t count;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool must_stop, has_thread;
	pthread_t thread;
};

/* --- One run ------------------------------------------------------------------------------------------------------- */

struct running {
	const struct job_timer *timer;
	TALLOC_CTX *mem;
	int64_t done;
};

/* Another server that is at it now does it for us too. */
static int run_statement(struct db *db, void *arg, struct certctl_error *err)
{
	struct running *running = arg;
	struct db_result *rows = NULL;
	int rc = db_run(db, running->mem, &query_timer_take, DB_VALUES(db_text(running->timer->name)), &rows, err);

	running->done = 0;
	if (rc < 0 || !db_get_boolean(rows, 0, "is_ours"))
		return rc;
	rc = db_run(db, running->mem, running->timer->query, DB_NO_VALUES, &rows, err);
	if (rc == 0)
		running->done = db_get_integer(rows, 0, "done");
	return rc;
}

static bool must_stop(struct timers *timers)
{
	pthread_mutex_lock(&timers->lock);
	bool stop = timers->must_stop;

	pthread_mutex_unlock(&timers->lock);
	return stop;
}

/* A statement does so much at a time, to stay short: again, until there is nothing left. */
static int run_timer(struct timers *timers, const struct job_timer *timer, struct certctl_error *err)
{
	struct running running = { .timer = timer };
	int rc;

	do {
		running.mem = talloc_new(NULL);
		rc = db_transaction(timers->db, run_statement, &running, err);
		talloc_free(running.mem);
		if (rc == 0 && running.done > 0) {
			certctl_log(CERTCTL_LOG_INFO, "timer.done", "timer", timer->name, "count",
				certctl_num(running.done), NULL);
			timers->done(timers->arg);
		}
	} while (rc == 0 && running.done > 0 && !must_stop(timers));
	return rc;
}

/* --- The thread ------------------------------------------------------------------------------------------------------ */

/* The interval, give or take a tenth: servers that were started together come apart. */
static int64_t next_delay_ms(const struct timers *timers, const struct job_timer *timer)
{
	int64_t interval_s = timer->choose_interval_s ? timer->choose_interval_s(timers->context) : timer->interval_s;
	int64_t interval_ms = interval_s * 1000;
	uint64_t random = 0;
	struct certctl_error err = { 0 };

	if (certctl_random(&random, sizeof(random), &err) < 0)
		return interval_ms;
	return interval_ms - interval_ms / 10 + (int64_t)(random % (uint64_t)(interval_ms / 5 + 1));
}

static void run_entry(struct timers *timers, struct entry *entry)
{
	struct certctl_error err = { 0 };
	int rc = run_timer(timers, entry->timer, &err);
	int64_t delay_ms = next_delay_ms(timers, entry->timer);

	/* Said once, not again and again in an outage. */
	if (rc < 0 && !entry->was_failing)
		certctl_log_error(CERTCTL_LOG_ERROR, "timer.failed", &err, "timer", entry->timer->name, NULL);
	entry->was_failing = rc < 0;
	if (rc < 0)
		atomic_fetch_add(&entry->failures, 1);
	else
		atomic_store(&entry->last_run_s, time(NULL));
	if (rc < 0 && delay_ms > RETRY_MS)
		delay_ms = RETRY_MS;
	entry->next_ms = certctl_monotonic_ms() + delay_ms;
}

static struct entry *find_next(struct timers *timers)
{
	struct entry *next = &timers->entries[0];

	for (size_t i = 1; i < timers->count; i++)
		if (timers->entries[i].next_ms < next->next_ms)
			next = &timers->entries[i];
	return next;
}

/* False: stop. */
static bool wait_until(struct timers *timers, int64_t until_ms)
{
	struct timespec until = { .tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000 };

	pthread_mutex_lock(&timers->lock);
	while (!timers->must_stop && certctl_monotonic_ms() < until_ms)
		pthread_cond_timedwait(&timers->changed, &timers->lock, &until);
	bool goes_on = !timers->must_stop;

	pthread_mutex_unlock(&timers->lock);
	return goes_on;
}

static void *run(void *arg)
{
	struct timers *timers = arg;
	struct entry *next = find_next(timers);

	while (wait_until(timers, next->next_ms)) {
		run_entry(timers, next);
		next = find_next(timers);
	}
	return NULL;
}

/* --- In and out ------------------------------------------------------------------------------------------------------ */

void timers_each(const struct timers *timers, void (*each)(void *arg, const struct job_timer_state *state), void *arg)
{
	for (size_t i = 0; i < timers->count; i++) {
		const struct entry *entry = &timers->entries[i];

		each(arg, &(struct job_timer_state){ .name = entry->timer->name,
				  .last_run_unix_s = atomic_load(&entry->last_run_s),
				  .failures = atomic_load(&entry->failures) });
	}
}

void timers_stop(struct timers *timers)
{
	pthread_mutex_lock(&timers->lock);
	timers->must_stop = true;
	pthread_cond_signal(&timers->changed);
	pthread_mutex_unlock(&timers->lock);
	if (timers->has_thread)
		pthread_join(timers->thread, NULL);
	timers->has_thread = false;
}

static int destroy(struct timers *timers)
{
	timers_stop(timers);
	pthread_cond_destroy(&timers->changed);
	pthread_mutex_destroy(&timers->lock);
	return 0;
}

static int add_table(struct timers *timers, const struct job_timer *table, struct certctl_error *err)
{
	for (; table->name; table++) {
		struct entry *more = talloc_realloc(timers, timers->entries, struct entry, (unsigned)timers->count + 1);

		if (!more)
			return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
		timers->entries = more;
		timers->entries[timers->count++] = (struct entry){ .timer = table };
	}
	return 0;
}

int timers_start(TALLOC_CTX *mem, struct db_pool *db, const struct job_timer *const *tables, void *context,
	void (*done)(void *arg), void *arg, struct timers **ret, struct certctl_error *err)
{
	struct timers *timers = talloc_zero(mem, struct timers);
	pthread_condattr_t monotonic;

	if (!timers)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	timers->db = db;
	timers->context = context;
	timers->done = done;
	timers->arg = arg;
	pthread_mutex_init(&timers->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&timers->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	talloc_set_destructor(timers, destroy);
	int rc = add_table(timers, own_timers, err);

	for (; rc == 0 && tables && *tables; tables++)
		rc = add_table(timers, *tables, err);
	if (rc == 0 && (errno = pthread_create(&timers->thread, NULL, run, timers)) != 0)
		rc = certctl_fail_errno(err, errno, "timers: thread");
	if (rc < 0) {
		talloc_free(timers);
		return rc;
	}
	timers->has_thread = true;
	*ret = timers;
	return 0;
}
