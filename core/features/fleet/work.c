/* What agents are given to do.  Every query is limited to the agent's own in SQL. */
#include "work.h"
#include "core/features/fleet/fleet.sql.h"

#include <certctl/log.h>
#include <certctl/name.h>
#include <stdlib.h>
#include <string.h>

#define JOBS_MAX   16
#define HELD_MAX   64
#define WAIT_MAX_S 55

const struct certctl_field fleet_work_parameters[] = {
	{ .name = "wait",
		.type = CERTCTL_INTEGER,
		.max = WAIT_MAX_S,
		.help = "Seconds to wait when there is nothing." },
	{ .name = "held",
		.type = CERTCTL_TEXT,
		.help = "Jobs at work, separated by commas: left out, their leases extended." },
	{ 0 },
};
static const struct certctl_field work_fields[] = { RESOURCE_SHOWN("jobs", CERTCTL_LIST), { 0 } };
const struct http_body fleet_work_body = { "Work", work_fields };

/* What one transaction needs, and what it found. */
struct handing_out {
	TALLOC_CTX *mem;
	const char *runner; /* "agent/<id>": column `runner`, and the key that a waiting poll is woken by */
	const char *held;   /* text[] */
	int64_t lease_s;
	struct db_result *jobs;
};

static int read_wait(const struct http_request *request, int64_t *ret_s, struct certctl_error *err)
{
	const char *text = http_query(request, "wait");
	char *end = NULL;
	long wait_s = text ? strtol(text, &end, 10) : 0;

	if (text && (!*text || *end || wait_s < 0 || wait_s > WAIT_MAX_S))
		return certctl_fail(err, CERTCTL_E_INVALID, "wait: 0..%d seconds expected, got '%s'", WAIT_MAX_S, text);
	*ret_s = wait_s;
	return 0;
}

static int read_held(struct http_request *request, const char **ret, struct certctl_error *err)
{
	char *rest = talloc_strdup(request, http_query(request, "held") ? http_query(request, "held") : ""), *word;
	const char *ids[HELD_MAX];
	size_t count = 0;

	while (rest && *rest && (word = strsep(&rest, ","))) {
		if (count == HELD_MAX || !certctl_id_is_valid(word))
			return certctl_fail(err, CERTCTL_E_INVALID, "held: at most %d ids of jobs expected", HELD_MAX);
		ids[count++] = word;
	}
	*ret = db_array(request, ids, count);
	return *ret ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

static int hand_out(struct db *db, void *arg, struct certctl_error *err)
{
	struct handing_out *work = arg;
	struct db_result *claimed = NULL;
	int rc = db_run(db, NULL, &query_leases_extend,
		DB_VALUES(db_text(work->runner), db_text(work->held), db_integer(work->lease_s)), NULL, err);

	if (rc == 0)
		rc = db_run(db, work->mem, &query_agent_claim,
			DB_VALUES(db_text(work->runner), db_integer(work->lease_s), db_text(work->held),
				db_integer(JOBS_MAX)),
			&claimed, err);
	if (rc < 0)
		return rc;
	const char *ids[JOBS_MAX];
	size_t count = db_rows(claimed);

	for (size_t i = 0; i < count; i++)
		ids[i] = db_get_text(claimed, i, "id");
	return db_run(db, work->mem, &query_agent_jobs,
		DB_VALUES(db_text(work->runner), db_text(db_array(work->mem, ids, count)), db_integer(work->lease_s)),
		&work->jobs, err);
}

int fleet_work(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct handing_out work = { .mem = request,
		.runner = talloc_asprintf(request, "agent/%s", request->actor),
		.lease_s = core_of(request)->settings->jobs.lease_seconds };
	int64_t wait_s = 0;
	int rc = read_wait(request, &wait_s, err);

	if (rc == 0)
		rc = read_held(request, &work.held, err);
	if (rc == 0)
		rc = db_transaction(core_of(request)->db, hand_out, &work, err);
	if (rc < 0)
		return rc;
	if (db_rows(work.jobs) == 0)
		return wait_s == 0 || request->is_time_up ? http_reply_empty(reply, 204)
							  : http_wait(request, work.runner, wait_s * 1000);
	for (size_t i = 0; i < db_rows(work.jobs); i++)
		certctl_buffer_printf(&reply->body, "%s%s", i ? "," : "{\"jobs\":[", db_get_text(work.jobs, i, "job"));
	certctl_buffer_puts(&reply->body, "]}");
	return http_reply_json(reply, 200);
}

/* --- Waking ---------------------------------------------------------------------------------------------------------- */

/* One query for all who wait under a prefix: which of them may go on? */
static int wake(struct core *core, TALLOC_CTX *mem, const char *prefix, size_t skip, const struct db_query *query,
	const char *column, struct certctl_error *err)
{
	const char **keys = NULL, **names;
	struct db_result *rows = NULL;
	size_t count = 0;
	int rc = http_waiting(core->http, prefix, mem, &keys, &count, err);

	if (rc < 0 || count == 0)
		return rc;
	names = talloc_array(mem, const char *, (unsigned)count);
	for (size_t i = 0; names && i < count; i++)
		names[i] = keys[i] + skip;
	rc = names ? db_once(core->db, mem, query, DB_VALUES(db_text(db_array(mem, names, count))), &rows, err)
		   : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; rc == 0 && i < db_rows(rows); i++)
		http_wake(core->http, talloc_asprintf(mem, "%.*s%s", (int)skip, prefix, db_get_text(rows, i, column)));
	return rc;
}

void fleet_woken(struct core *core)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct certctl_error err = { 0 };
	int rc = wake(core, mem, "agent/", 0, &query_runners_due, "runner", &err);

	if (rc == 0)
		rc = wake(core, mem, "job/", strlen("job/"), &query_jobs_gone, "id", &err);
	if (rc < 0)
		certctl_log_error(CERTCTL_LOG_DEBUG, "fleet.wake_failed", &err, NULL);
	talloc_free(mem);
}
