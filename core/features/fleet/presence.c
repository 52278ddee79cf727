/*
 * The table of agents in memory, and the thread that asks and writes for all of them at once.  Knows nothing of requests, nor of
 * what the work is.
 */
#include "presence.h"
#include "core/features/fleet/fleet.sql.h"

#include <certctl/log.h>
#include <certctl/time.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BUCKETS 16384
#define GATHER_US                                                                                                      \
	1000 /* how long the first of a moment waits for others: a statement for each would cost ten times as much */
#define SIGHT_MS 1000   /* how long a sign of life may wait to be written */
#define FACTS_MS 300000 /* another server may have heard something else since */
#define ID_SIZE  64

struct agent {
	struct agent *next;         /* of its bucket */
	struct agent *next_touched; /* of those that were seen since the last writing */
	struct agent *next_asking;  /* of those whose poll has just come */
	char id[ID_SIZE], facts_sha256[65];
	int64_t facts_ms, verdict_ms;
	enum presence_verdict verdict;
	unsigned empty_polls;
	bool is_touched, is_asking, wants_verdict;
};

struct presence {
	struct core *core;
	pthread_mutex_t lock;
	pthread_cond_t has_asking;
	struct agent *agents[BUCKETS];
	struct agent *touched, *asking;
	size_t touched_count, asking_count;
	int64_t looked_ms; /* monotonic; 0: never */
	bool must_stop, is_running;
	pthread_t thread;
};

/* FNV-1a */
static size_t bucket_of(const char *key)
{
	uint32_t hash = 2166136261U;

	for (; *key; key++)
		hash = (hash ^ (unsigned char)*key) * 16777619U;
	return hash % BUCKETS;
}

/* Polls are asked for when they come: older jobs were seen then.  Two seconds: transactions that became visible late. */
#define LOOK_BACK_S     2
#define LOOK_BACK_MAX_S 600

int64_t presence_look_back_s(const struct presence *presence)
{
	int64_t since_s = (certctl_monotonic_ms() - presence->looked_ms + 999) / 1000 + LOOK_BACK_S;

	return presence->looked_ms == 0 || since_s > LOOK_BACK_MAX_S ? LOOK_BACK_MAX_S : since_s;
}

void presence_looked(struct presence *presence)
{
	presence->looked_ms = certctl_monotonic_ms();
}

/* --- Agents -------------------------------------------------------------------------------------------------------------- */

/* The lock is held.  NULL: out of memory, which costs a query more. */
static struct agent *find_agent(struct presence *presence, const char *id)
{
	struct agent **bucket = &presence->agents[bucket_of(id)], *agent = *bucket;

	while (agent && strcmp(agent->id, id) != 0)
		agent = agent->next;
	if (agent || !(agent = talloc_zero(presence, struct agent)))
		return agent;
	memcpy(agent->id, id, strnlen(id, ID_SIZE - 1));
	agent->next = *bucket;
	*bucket = agent;
	return agent;
}

void presence_touch(struct presence *presence, const char *agent_id, bool is_empty_poll)
{
	pthread_mutex_lock(&presence->lock);
	struct agent *agent = find_agent(presence, agent_id);

	if (agent) {
		agent->empty_polls += is_empty_poll;
		if (!agent->is_touched) {
			agent->is_touched = true;
			agent->next_touched = presence->touched;
			presence->touched = agent;
			presence->touched_count++;
		}
	}
	pthread_mutex_unlock(&presence->lock);
}

bool presence_has_facts(struct presence *presence, const char *agent_id, const char *facts_sha256)
{
	pthread_mutex_lock(&presence->lock);
	const struct agent *agent = find_agent(presence, agent_id);
	bool has_facts = agent && strcmp(agent->facts_sha256, facts_sha256) == 0 &&
			 certctl_monotonic_ms() - agent->facts_ms < FACTS_MS;

	pthread_mutex_unlock(&presence->lock);
	return has_facts;
}

void presence_keep_facts(struct presence *presence, const char *agent_id, const char *facts_sha256)
{
	pthread_mutex_lock(&presence->lock);
	struct agent *agent = find_agent(presence, agent_id);

	if (agent) {
		memcpy(agent->facts_sha256, facts_sha256, sizeof(agent->facts_sha256));
		agent->facts_ms = certctl_monotonic_ms();
	}
	pthread_mutex_unlock(&presence->lock);
}

/* --- Asking -------------------------------------------------------------------------------------------------------------- */

void presence_ask_for_work(struct presence *presence, const char *agent_id, bool wants_verdict)
{
	pthread_mutex_lock(&presence->lock);
	struct agent *agent = find_agent(presence, agent_id);

	if (agent) {
		agent->wants_verdict |= wants_verdict;
		if (!agent->is_asking) {
			agent->is_asking = true;
			agent->next_asking = presence->asking;
			presence->asking = agent;
			presence->asking_count++;
		}
		pthread_cond_signal(&presence->has_asking);
	}
	pthread_mutex_unlock(&presence->lock);
}

enum presence_verdict presence_verdict(struct presence *presence, const char *agent_id, int64_t since_ms)
{
	pthread_mutex_lock(&presence->lock);
	const struct agent *agent = find_agent(presence, agent_id);
	enum presence_verdict verdict = agent && agent->verdict_ms >= since_ms ? agent->verdict : PRESENCE_UNKNOWN;

	pthread_mutex_unlock(&presence->lock);
	return verdict;
}

/* One agent of a round. */
struct asked {
	const char *id;
	bool wants_verdict, has_work;
};

static struct asked *take_asking(struct presence *presence, TALLOC_CTX *mem, const char ***ret_runners,
	size_t *ret_count)
{
	struct asked *asked = talloc_array(mem, struct asked, (unsigned)presence->asking_count + 1);
	const char **runners = talloc_array(mem, const char *, (unsigned)presence->asking_count + 1);
	size_t count = 0;

	certctl_assert(asked && runners);
	for (struct agent *agent = presence->asking; agent; agent = agent->next_asking) {
		/* An agent is never freed while the server runs. */
		asked[count] = (struct asked){ .id = agent->id, .wants_verdict = agent->wants_verdict };
		runners[count++] = talloc_asprintf(runners, "agent/%s", agent->id);
		agent->is_asking = agent->wants_verdict = false;
	}
	presence->asking = NULL;
	presence->asking_count = 0;
	*ret_runners = runners;
	*ret_count = count;
	return asked;
}

static int compare_asked(const void *a, const void *b)
{
	return strcmp(((const struct asked *)a)->id, ((const struct asked *)b)->id);
}

static void mark_work(struct asked *asked, size_t count, const struct db_result *rows)
{
	qsort(asked, count, sizeof(*asked), compare_asked);
	for (size_t row = 0; row < db_rows(rows); row++) {
		struct asked key = { .id = db_get_text(rows, row, "runner") + strlen("agent/") };
		struct asked *found = bsearch(&key, asked, count, sizeof(*asked), compare_asked);

		if (found)
			found->has_work = true;
	}
}

static void give_verdicts(struct presence *presence, const struct asked *asked, size_t count, bool has_failed,
	int64_t began_ms)
{
	pthread_mutex_lock(&presence->lock);
	for (size_t i = 0; i < count; i++) {
		struct agent *agent = find_agent(presence, asked[i].id);

		if (!agent)
			continue;
		agent->verdict = has_failed ? PRESENCE_FAILED : asked[i].has_work ? PRESENCE_UNKNOWN : PRESENCE_NO_WORK;
		agent->verdict_ms = began_ms;
	}
	pthread_mutex_unlock(&presence->lock);
}

static void answer_asking(struct presence *presence, TALLOC_CTX *mem)
{
	struct certctl_error err = { 0 };
	struct db_result *rows = NULL;
	const char **runners;
	size_t count;

	pthread_mutex_lock(&presence->lock);
	struct asked *asked = take_asking(presence, mem, &runners, &count);

	pthread_mutex_unlock(&presence->lock);
	if (count == 0)
		return;
	int64_t began_ms = certctl_monotonic_ms();
	int rc = db_once(presence->core->db, mem, &query_runners_with_work,
		DB_VALUES(db_text(db_array(mem, runners, count))), &rows, &err);

	if (rc == 0)
		mark_work(asked, count, rows);
	give_verdicts(presence, asked, count, rc < 0, began_ms);
	for (size_t i = 0; i < count; i++)
		if (rc < 0 || asked[i].has_work || asked[i].wants_verdict)
			http_wake(presence->core->http, talloc_asprintf(mem, "agent/%s", asked[i].id));
}

/* --- Writing --------------------------------------------------------------------------------------------------------------- */

static void write_touched(struct presence *presence, TALLOC_CTX *mem)
{
	struct certctl_error err = { 0 };
	size_t count = 0;

	pthread_mutex_lock(&presence->lock);
	const char **ids = talloc_array(mem, const char *, (unsigned)presence->touched_count + 1);
	const char **polls = talloc_array(mem, const char *, (unsigned)presence->touched_count + 1);

	certctl_assert(ids && polls);
	for (struct agent *agent = presence->touched; agent; agent = agent->next_touched) {
		ids[count] = agent->id;
		polls[count++] = talloc_asprintf(polls, "%u", agent->empty_polls);
		agent->empty_polls = 0;
		agent->is_touched = false;
	}
	presence->touched = NULL;
	presence->touched_count = 0;
	pthread_mutex_unlock(&presence->lock);
	if (count > 0 && db_once(presence->core->db, mem, &query_agents_seen,
				 DB_VALUES(db_text(db_array(mem, ids, count)), db_text(db_array(mem, polls, count))),
				 NULL, &err) < 0)
		certctl_log_error(CERTCTL_LOG_WARNING, "fleet.signs_of_life_lost", &err, "agents",
			certctl_num((int64_t)count), NULL);
}

/* False: stop. */
static bool await_asking(struct presence *presence, int64_t until_ms)
{
	static const struct timespec gather = { .tv_nsec = GATHER_US * 1000L };
	struct timespec until = { .tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000 };
	int rc = 0;

	pthread_mutex_lock(&presence->lock);
	while (!presence->must_stop && !presence->asking && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&presence->has_asking, &presence->lock, &until);
	bool must_stop = presence->must_stop, has_asking = presence->asking != NULL;

	pthread_mutex_unlock(&presence->lock);
	if (has_asking && !must_stop)
		nanosleep(&gather, NULL);
	return !must_stop;
}

static void *look_after(void *arg)
{
	struct presence *presence = arg;
	int64_t write_ms = certctl_monotonic_ms() + SIGHT_MS;
	bool goes_on = true;

	while (goes_on) {
		TALLOC_CTX *mem = talloc_new(NULL);

		goes_on = await_asking(presence, write_ms);
		answer_asking(presence, mem);
		if (!goes_on || certctl_monotonic_ms() >= write_ms) {
			write_touched(presence, mem);
			write_ms = certctl_monotonic_ms() + SIGHT_MS;
		}
		talloc_free(mem);
	}
	return NULL;
}

/* --- In and out ---------------------------------------------------------------------------------------------------------- */

int presence_start(struct core *core, TALLOC_CTX *mem, struct certctl_error *err)
{
	struct presence *presence = talloc_zero(mem, struct presence);
	pthread_condattr_t monotonic;

	if (!presence)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	presence->core = core;
	pthread_mutex_init(&presence->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&presence->has_asking, &monotonic);
	pthread_condattr_destroy(&monotonic);
	int error_number = pthread_create(&presence->thread, NULL, look_after, presence);

	if (error_number)
		return certctl_fail_errno(err, error_number, "fleet: thread");
	presence->is_running = true;
	core->presence = presence;
	return 0;
}

void presence_stop(struct core *core)
{
	struct presence *presence = core->presence;

	if (!presence || !presence->is_running)
		return;
	pthread_mutex_lock(&presence->lock);
	presence->must_stop = true;
	pthread_cond_signal(&presence->has_asking);
	pthread_mutex_unlock(&presence->lock);
	pthread_join(presence->thread, NULL);
	presence->is_running = false;
}
