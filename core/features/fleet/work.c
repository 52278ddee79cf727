/* What agents are given to do.  Every query is limited to the agent's own in SQL. */
#include "work.h"
#include "core/features/audit/audit.h"
#include "core/features/deployment/deployment.h"
#include "core/features/fleet/fleet.sql.h"
#include "credentials.h"
#include "presence.h"

#include <certctl/log.h>
#include <certctl/name.h>
#include <stdlib.h>
#include <string.h>

#define JOBS_MAX   16
#define HELD_MAX   64
#define WAIT_MAX_S 55
#define VERDICT_MS 10000 /* for an answer of the database to a poll that does not wait */

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
	bool has_come; /* just now: what it says of its jobs is news; a poll that waited says nothing new */
	struct db_result *jobs;
};

static int read_wait(const struct http_request *request, int64_t *ret_s, struct certctl_error *err)
{
	const char *text = http_query(request, "wait");
	char *end = NULL;
	long wait_s = text ? strtol(text, &end, 10) : 0;

	if (text && (*text < '0' || *text > '9' || *end || wait_s > WAIT_MAX_S))
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
	int rc = 0;

	if (work->has_come)
		rc = db_run(db, NULL, &query_leases_extend,
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

/* A secret that cannot be opened is a failed attempt like any other, and the reason stands in the job. */
static void put_back(struct http_request *request, const struct db_result *jobs, size_t row,
	const struct certctl_error *why)
{
	struct deployment_report report = { .agent_id = request->actor,
		.job_id = db_get_text(jobs, row, "id"),
		.state = "Failed",
		.token = db_get_integer(jobs, row, "token") };
	char *error = job_error_json(request, why);
	const char *state = NULL;
	struct certctl_error err = { 0 };

	report.json = error ? talloc_asprintf(request, "{\"error\":%s}", error) : NULL;
	/* Not written: its lease runs out, and it is tried again then. */
	if (report.json && deployment_report(core_of(request), request, &report, &state, &err) < 0)
		certctl_log_error(CERTCTL_LOG_WARNING, "job.not_put_back", &err, "job", report.job_id, NULL);
}

static void put_jobs(struct http_request *request, const struct db_result *jobs, struct certctl_buffer *out)
{
	const char *separator = "";

	for (size_t i = 0; i < db_rows(jobs); i++) {
		struct certctl_error why = { 0 };
		const char *job = NULL;

		if (deployment_reveal(core_of(request), request, jobs, i, "job", &job, &why) < 0) {
			why.retryable = true;
			put_back(request, jobs, i, &why);
			continue;
		}
		certctl_buffer_printf(out, "%s%s", separator, job);
		separator = ",";
	}
}

static int reply_jobs(struct http_request *request, struct http_reply *reply, const struct db_result *jobs)
{
	certctl_buffer_puts(&reply->body, "{\"jobs\":[");
	put_jobs(request, jobs, &reply->body);
	certctl_buffer_puts(&reply->body, "]}");
	audit_tell_witness(request, reply);
	return http_reply_json(reply, 200);
}

static int reply_nothing(struct http_request *request, struct http_reply *reply)
{
	presence_touch(core_of(request)->presence, request->actor, true);
	audit_tell_witness(request, reply);
	return http_reply_empty(reply, 204);
}

/* Most polls find nothing, and cost no statement of their own: somebody asks for all that came in the same moment. */
static int ask_with_others(struct http_request *request, const char *runner, int64_t wait_s)
{
	struct presence *presence = core_of(request)->presence;

	presence_touch(presence, request->actor, false);
	presence_ask_for_work(presence, request->actor, wait_s == 0);
	return http_wait(request, runner, wait_s > 0 ? wait_s * 1000 : VERDICT_MS);
}

/* Run again: woken, or its time is up.  HTTP_WAITING: look for work; otherwise the reply is there. */
static int go_on(struct http_request *request, struct http_reply *reply, int64_t wait_s, struct certctl_error *err)
{
	struct presence *presence = core_of(request)->presence;
	/* It may have been retired meanwhile. */
	int rc = fleet_authenticate(request, reply, err);

	if (rc < 0)
		return rc;
	if (request->is_time_up && wait_s > 0)
		return reply_nothing(request, reply);
	if (wait_s > 0)
		return HTTP_WAITING;
	switch (presence_verdict(presence, request->actor, request->received_ms)) {
	case PRESENCE_NO_WORK:
		return reply_nothing(request, reply);
	case PRESENCE_FAILED:
		return certctl_fail(err, CERTCTL_E_UNAVAILABLE, "the database does not answer");
	case PRESENCE_UNKNOWN:
		break;
	}
	return HTTP_WAITING;
}

int fleet_work(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct handing_out work = { .mem = request,
		.runner = talloc_asprintf(request, "agent/%s", request->actor),
		.lease_s = core_of(request)->settings->jobs.lease_seconds,
		.has_come = request->wait_until_ms == 0 };
	int64_t wait_s = 0;
	int rc = read_wait(request, &wait_s, err);

	if (rc == 0 && work.has_come && !http_query(request, "held") && !request->is_time_up)
		return ask_with_others(request, work.runner, wait_s);
	if (rc == 0 && !work.has_come && (rc = go_on(request, reply, wait_s, err)) != HTTP_WAITING)
		return rc;
	if (rc >= 0)
		rc = read_held(request, &work.held, err);
	if (rc == 0)
		rc = db_transaction(core_of(request)->db, hand_out, &work, err);
	if (rc < 0)
		return rc;
	if (db_rows(work.jobs) > 0)
		return reply_jobs(request, reply, work.jobs);
	return wait_s == 0 || request->is_time_up ? reply_nothing(request, reply)
						  : http_wait(request, work.runner, wait_s * 1000);
}

/* --- Waking ---------------------------------------------------------------------------------------------------------- */

/* Agents that have work now, waiting here or not. */
static int wake_agents(struct core *core, TALLOC_CTX *mem, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int64_t look_back_s = presence_look_back_s(core->presence);
	int rc = db_once(core->db, mem, &query_runners_due, DB_VALUES(db_integer(look_back_s)), &rows, err);

	if (rc == 0)
		presence_looked(core->presence);
	for (size_t i = 0; rc == 0 && i < db_rows(rows); i++)
		http_wake(core->http, db_get_text(rows, i, "runner"));
	return rc;
}

/* What is remembered of agents that were retired or have another credential; what cannot be asked for is not believed. */
static int forget_changed(struct core *core, TALLOC_CTX *mem, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_once(core->db, mem, &query_agents_changed, DB_NO_VALUES, &rows, err);

	if (rc < 0) {
		credentials_forget(core->credentials, NULL, 0);
		return rc;
	}
	size_t count = db_rows(rows);
	const char **ids = talloc_array(mem, const char *, (unsigned)count + 1);

	if (!ids)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < count; i++)
		ids[i] = db_get_text(rows, i, "agent_id");
	if (count > 0)
		credentials_forget(core->credentials, ids, count);
	for (size_t i = 0; i < count; i++)
		http_wake(core->http, talloc_asprintf(mem, "agent/%s", ids[i]));
	return 0;
}

/* Those who wait for the end of a job. */
static int wake_enders(struct core *core, TALLOC_CTX *mem, struct certctl_error *err)
{
	const char **keys = NULL, **ids;
	struct db_result *rows = NULL;
	size_t count = 0;
	int rc = http_waiting(core->http, "job/", mem, &keys, &count, err);

	if (rc < 0 || count == 0)
		return rc;
	ids = talloc_array(mem, const char *, (unsigned)count);
	for (size_t i = 0; ids && i < count; i++)
		ids[i] = keys[i] + strlen("job/");
	rc = ids ? db_once(core->db, mem, &query_jobs_gone, DB_VALUES(db_text(db_array(mem, ids, count))), &rows, err)
		 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; rc == 0 && i < db_rows(rows); i++)
		http_wake(core->http, talloc_asprintf(mem, "job/%s", db_get_text(rows, i, "id")));
	return rc;
}

void fleet_woken(struct core *core)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct certctl_error err = { 0 };
	int rc = forget_changed(core, mem, &err);

	if (rc == 0)
		rc = wake_agents(core, mem, &err);
	if (rc == 0)
		rc = wake_enders(core, mem, &err);
	if (rc < 0)
		certctl_log_error(CERTCTL_LOG_DEBUG, "fleet.wake_failed", &err, NULL);
	talloc_free(mem);
}
