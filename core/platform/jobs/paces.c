/* How long the jobs of each runner take.  Knows no jobs and no clock. */
#include "paces.h"

#include <pthread.h>
#include <string.h>

/* Runners are issuers: few. */
struct pace {
	struct pace *next;
	const char *runner;
	double job_ms; /* one job, lately */
};

struct paces {
	pthread_mutex_t lock;
	struct pace *first;
};

static int destroy(struct paces *paces)
{
	pthread_mutex_destroy(&paces->lock);
	return 0;
}

struct paces *paces_new(TALLOC_CTX *mem)
{
	struct paces *paces = talloc_zero(mem, struct paces);

	if (!paces)
		return NULL;
	pthread_mutex_init(&paces->lock, NULL);
	talloc_set_destructor(paces, destroy);
	return paces;
}

/* The lock is held. */
static struct pace *find(struct paces *paces, const char *runner)
{
	struct pace *pace = paces->first;

	while (pace && strcmp(pace->runner, runner) != 0)
		pace = pace->next;
	return pace;
}

/* The lock is held.  NULL when out of memory: nothing is known of it then. */
static struct pace *add(struct paces *paces, const char *runner, double job_ms)
{
	struct pace *pace = talloc_zero(paces, struct pace);

	if (!pace)
		return NULL;
	*pace = (struct pace){ .next = paces->first, .runner = talloc_strdup(pace, runner), .job_ms = job_ms };
	if (!pace->runner) {
		talloc_free(pace);
		return NULL;
	}
	paces->first = pace;
	return pace;
}

void paces_note(struct paces *paces, const char *runner, size_t count, int64_t took_ms)
{
	double job_ms = (double)took_ms / (double)count;

	pthread_mutex_lock(&paces->lock);
	struct pace *pace = find(paces, runner);

	if (!pace)
		add(paces, runner, job_ms);
	else if (job_ms > pace->job_ms)
		pace->job_ms = job_ms; /* slower counts at once, faster in time */
	else
		pace->job_ms += (job_ms - pace->job_ms) / 4;
	pthread_mutex_unlock(&paces->lock);
}

unsigned paces_room(struct paces *paces, const char *runner, int64_t within_ms)
{
	pthread_mutex_lock(&paces->lock);
	const struct pace *pace = find(paces, runner);
	double job_ms = pace ? pace->job_ms : 0;

	pthread_mutex_unlock(&paces->lock);
	if (!pace)
		return 1;
	/* Jobs that take no time that is measured take half of the clock's step. */
	double room = (double)within_ms / (job_ms > 0.5 ? job_ms : 0.5);

	return room >= PACES_MOST ? PACES_MOST : room < 1 ? 1 : (unsigned)room;
}
