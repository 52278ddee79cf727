/*
 * The queue: looking for what is due among a million certificates; from a request to its certificate over HTTPS, as agents do it; and
 * renewals that wait for their CA, claimed, signed, stored and recorded.
 */
#include "bench.h"
#include "plane.h"

#include "core/features/issuance/issuance.sql.h"

#include <certctl/log.h>
#include <certctl/x509.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT    "1000000"
#define DUE      100000
#define AGENTS   64
#define RENEWALS 5000
#define REPEATS  3

static bool is_small; /* CERTCTL_BENCH_SMALL: to look at, not to print */
static TALLOC_CTX *all;

static void check(int rc, const char *what, const struct certctl_error *err)
{
	if (rc < 0)
		bench_die(what, err->what);
}

/* --- The database ---------------------------------------------------------------------------------------------------- */

static struct plane plane;
static struct db_pool *owner; /* of its tables: the bench makes what there is to do, and vacuums */

static void open_database(void)
{
	struct db_pool_options options = { .program = "bench", .size = 2, .statement_ms = INT64_C(600000) };
	struct certctl_error err = { 0 };

	talloc_free(plane_database(&plane, 1));
	options.conninfo = db_cluster_owner_conninfo(plane.cluster);
	check(db_pool_new(all, &options, &owner, &err), "pool", &err);
}

static void end_plane(void)
{
	TALLOC_FREE(owner);
	plane_end(&plane);
}

/* Statements that were run: a connection knows them by their address. */
static struct statement {
	struct statement *next;
	struct db_query query;
} * statements;

static const struct db_query *statement(const char *text)
{
	static unsigned count;

	for (struct statement *at = statements; at; at = at->next)
		if (strcmp(at->query.sql, text) == 0)
			return &at->query;
	struct statement *made = talloc_zero(all, struct statement);

	*made = (struct statement){ .next = statements,
		.query = { .name = talloc_asprintf(made, "bench_%u", count++), .sql = talloc_strdup(made, text) } };
	statements = made;
	return &made->query;
}

static int64_t sql(const char *text)
{
	struct certctl_error err = { 0 };
	struct db_result *rows = NULL;
	TALLOC_CTX *mem = talloc_new(NULL);

	check(db_once(owner, mem, statement(text), DB_NO_VALUES, &rows, &err), text, &err);
	int64_t value =
		rows && db_rows(rows) > 0 && db_value_at(rows, 0, 0) ? strtoll(db_value_at(rows, 0, 0), NULL, 10) : 0;

	talloc_free(mem);
	return value;
}

/* --- The scan -------------------------------------------------------------------------------------------------------- */

static int64_t scan(void)
{
	struct certctl_error err = { 0 };
	struct db_result *rows = NULL;
	TALLOC_CTX *mem = talloc_new(NULL);

	check(db_once(owner, mem, &query_renewal_scan, DB_NO_VALUES, &rows, &err), "scan", &err);
	int64_t done = db_get_integer(rows, 0, "done");

	talloc_free(mem);
	return done;
}

static void measure_scan(void)
{
	double none_ms[20], due_s[REPEATS];

	plane_seed(&plane, COUNT);
	open_database();
	sql("UPDATE placements SET renew_at = clock.now() + interval '1 day' WHERE renew_at <= clock.now() + interval '1 hour'");
	sql("VACUUM (ANALYZE) placements");
	for (size_t i = 0; i < CERTCTL_COUNT(none_ms); i++) {
		double begin = bench_now_s();

		if (scan() != 0)
			bench_die("scan", "something is due");
		none_ms[i] = (bench_now_s() - begin) * 1000;
	}
	bench_value("jobs.scan_none", "looking among 1,000,000 certificates, none due", "ms", none_ms,
		CERTCTL_COUNT(none_ms));
	for (size_t i = 0; i < REPEATS; i++) {
		sql("DELETE FROM jobs");
		sql("UPDATE placements SET renew_at = clock.now() WHERE id IN (SELECT p.id FROM placements p "
		    "JOIN managed_certificates c ON c.id = p.certificate_id WHERE c.archived_at IS NULL ORDER BY p.id LIMIT 100000)");
		sql("VACUUM (ANALYZE) placements, jobs");
		double begin = bench_now_s();
		int64_t total = 0;

		for (int64_t done; (done = scan()) > 0; total += done)
			;
		due_s[i] = bench_now_s() - begin;
		if (total != DUE)
			bench_die("scan", "not as many jobs as were due");
	}
	bench_value("jobs.scan_due", "jobs for 100,000 that are due among 1,000,000, with their audit events", "s",
		due_s, REPEATS);
	end_plane();
}

/* --- From a request to its certificate ------------------------------------------------------------------------------- */

static struct agent {
	struct https *https;
	char id[32];
	json_t *jobs; /* handed out and not done */
	size_t at;
	struct certctl_key *key;
	char *certificate, *key_pem;
} agents[AGENTS];

static json_t *ask(struct https *https, const char *method, const char *path, const char *headers, const json_t *body,
	unsigned status)
{
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	char *request = talloc_asprintf(NULL,
		"%s %s HTTP/1.1\r\nHost: bench\r\n%sContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		method, path, headers, text ? strlen(text) : 0, text ? text : "");
	size_t len = 0;
	const char *answer = https_ask(https, request, status, &len);
	json_t *json = len > 0 ? json_loadb(answer, len, 0, NULL) : NULL;

	talloc_free(request);
	free(text);
	return json;
}

static char *new_request(const struct certctl_key *key, const char *name)
{
	struct certctl_name dns = { .type = CERTCTL_NAME_DNS, .text = name };
	const struct certctl_name *const names[] = { &dns, NULL };
	struct certctl_csr_request request = { .names = names };
	struct certctl_error err = { 0 };
	char *pem = NULL;

	if (!name)
		request.names = names + 1;
	check(certctl_csr_make(all, key, &request, &pem, &err), "request", &err);
	return pem;
}

static void enrol(struct agent *agent, unsigned number)
{
	struct certctl_error err = { 0 };
	struct certctl_secret secret = { 0 };
	char headers[256];
	struct https *operators = https_open(plane.address), *anonymous = https_open(plane.agents_address);

	snprintf(agent->id, sizeof(agent->id), "agent-bench-%u", number);
	snprintf(headers, sizeof(headers), "Authorization: Bearer %s\r\n", plane.key);
	check(certctl_key_generate(all, CERTCTL_ECDSA_P256, &agent->key, &err), "key", &err);
	check(certctl_key_write(all, agent->key, CERTCTL_KEY_PKCS8_PEM, &secret, &err), "key", &err);
	agent->key_pem = talloc_strndup(all, (const char *)secret.data, secret.len);
	json_t *wanted = json_pack("{s:s}", "agent_id", agent->id);
	json_t *token = ask(operators, "POST", "/api/v1/enrollment-tokens", headers, wanted, 201);
	json_t *body = json_pack("{s:O, s:s, s:s}", "token", json_object_get(token, "token"), "csr",
		new_request(agent->key, NULL), "name", agent->id);
	json_t *credential = ask(anonymous, "POST", "/api/v1/agents/enroll", "", body, 201);

	agent->certificate = talloc_asprintf(all, "%s%s", json_string_value(json_object_get(credential, "certificate")),
		json_string_value(json_object_get(credential, "chain")));
	json_decref(wanted);
	json_decref(token);
	json_decref(body);
	json_decref(credential);
	https_close(operators);
	https_close(anonymous);
}

/* What there is to do: requests first, deployments are not what is measured. */
static void fetch(struct agent *agent)
{
	char path[128];

	/* Not before: a connection that nobody uses is closed. */
	if (!agent->https)
		agent->https = https_open_as(plane.agents_address, agent->certificate, agent->key_pem);
	json_decref(agent->jobs);
	snprintf(path, sizeof(path), "/api/v1/agents/%s/work?wait=20", agent->id);
	json_t *work = ask(agent->https, "GET", path, "", NULL, 200);

	agent->jobs = json_incref(json_object_get(work, "jobs"));
	agent->at = 0;
	json_decref(work);
}

static const json_t *next_job(struct agent *agent)
{
	for (int tries = 0; tries < 100; tries++) {
		while (agent->at < json_array_size(agent->jobs)) {
			const json_t *job = json_array_get(agent->jobs, agent->at++);

			if (strcmp(json_string_value(json_object_get(job, "step")), "csr") == 0)
				return job;
		}
		fetch(agent);
	}
	bench_die("work", "no more jobs to measure with");
}

static void issue(void *arg, unsigned thread)
{
	struct agent *agent = &agents[thread];
	const json_t *job = next_job(agent);
	const json_t *names = json_object_get(json_object_get(job, "certificate"), "names");
	struct certctl_error err = { 0 };
	struct certctl_key *key = NULL;
	char path[128];

	(void)arg;
	check(certctl_key_generate(NULL, CERTCTL_ECDSA_P256, &key, &err), "key", &err);
	struct certctl_name dns = { .type = CERTCTL_NAME_DNS,
		.text = json_string_value(json_object_get(json_array_get(names, 0), "value")) };
	const struct certctl_name *const wanted[] = { &dns, NULL };
	struct certctl_csr_request request = { .names = wanted };
	char *pem = NULL;

	check(certctl_csr_make(key, key, &request, &pem, &err), "request", &err);
	json_t *body = json_pack("{s:O, s:O, s:s}", "job_id", json_object_get(job, "id"), "token",
		json_object_get(job, "token"), "csr", pem);

	snprintf(path, sizeof(path), "/api/v1/agents/%s/csr", agent->id);
	json_decref(ask(agent->https, "POST", path, "Prefer: wait=5\r\n", body, 200));
	json_decref(body);
	talloc_free(key);
}

static double server_cpu_s(void *arg)
{
	(void)arg;
	return bench_cpu_s(plane.pid) + bench_cpu_of_children_s(plane.pid) + bench_cpu_of_children_s(plane.postmaster);
}

/* Certificates for the first `agent_count` agents, one name each; their jobs are there when this returns. */
static void order(const char *prefix, int64_t count, unsigned agent_count)
{
	sql(talloc_asprintf(all,
		"INSERT INTO managed_certificates (id, name, names, key_type, issuer_id, lifetime_seconds) SELECT '%s' || n, '%s' || n, "
		"jsonb_build_array(jsonb_build_object('type', 'dns', 'value', '%s' || n || '.example.com')), 'ECDSA_P256', 'iss-local', 4060800 "
		"FROM generate_series(0, %lld) AS n",
		prefix, prefix, prefix, (long long)count - 1));
	sql(talloc_asprintf(all,
		"INSERT INTO placements (certificate_id, agent_id) SELECT '%s' || n, 'agent-bench-' || n %% %d "
		"FROM generate_series(0, %lld) AS n",
		prefix, agent_count, (long long)count - 1));
	while (sql(talloc_asprintf(all, "SELECT count(*) FROM jobs WHERE certificate_id LIKE '%s%%'", prefix)) < count)
		usleep(200000);
}

static void measure_issue(void)
{
	static const unsigned concurrency[] = { 1, 4, 16, 64, 0 };
	static const struct bench bench = { .name = "jobs.issue",
		.what = "from a request to its certificate over HTTPS, with a key of its own each: intent, certificate, audit, all durable",
		.concurrency = concurrency,
		.rounds = 3,
		.round_s = 1.5 };
	static const struct bench_side sides[] = { { .name = "certctl", .run = issue, .cpu_s = server_cpu_s }, { 0 } };

	for (unsigned i = 0; i < AGENTS; i++)
		enrol(&agents[i], i);
	fprintf(stderr, "bench: certificates are ordered\n");
	/* Enough for as many agents as work at once. */
	for (size_t i = 0; concurrency[i]; i++)
		order(talloc_asprintf(all, "bench-%u-", concurrency[i]), is_small ? 2000 : 9000, concurrency[i]);
	sql("VACUUM (ANALYZE) jobs, placements, managed_certificates");
	bench_compare(&bench, sides);
}

/* --- Renewals that wait for their CA --------------------------------------------------------------------------------- */

/* What agents do is done beforehand: every job has a request, and only its CA is missing. */
static void prepare_renewals(size_t round)
{
	const char *prefix = talloc_asprintf(all, "renewal-%zu-", round);

	/* Nothing else is due any more. */
	sql("UPDATE placements SET renew_at = NULL");
	sql("DELETE FROM jobs");
	order(prefix, RENEWALS, AGENTS);
	/* One name and one request for all: what is measured is what the server does. */
	sql(talloc_asprintf(all,
		"UPDATE managed_certificates SET names = '[{\"type\":\"dns\",\"value\":\"renewal.example.com\"}]' WHERE id LIKE '%s%%'",
		prefix));
	plane_stop(&plane, SIGKILL);
	const char *pem = new_request(agents[0].key, "renewal.example.com");
	struct certctl_csr *request = NULL;
	struct certctl_error err = { 0 };

	check(certctl_csr_read(all, pem, strlen(pem), &request, &err), "request", &err);
	sql(talloc_asprintf(all,
		"UPDATE jobs SET state = 'Pending', step = 'issue', csr = '%s', csr_sha256 = '%s', public_key_sha256 = '%s', "
		"lease_until = NULL, worker = NULL, run_at = clock.now()",
		pem, request->sha256, request->public_key_sha256));
}

static void measure_renewals(void)
{
	double a_second[REPEATS], cpu_us[REPEATS];

	for (size_t i = 0; i < REPEATS; i++) {
		int64_t left, first;

		prepare_renewals(i);
		plane_start(&plane);
		/* From the first tenth on, so that a start is not counted. */
		while ((first = sql("SELECT count(*) FROM jobs WHERE step = 'issue'")) > RENEWALS * 9 / 10)
			usleep(2000);
		double begin = bench_now_s(), cpu_s = server_cpu_s(NULL);

		while ((left = sql("SELECT count(*) FROM jobs WHERE step = 'issue'")) > 0)
			usleep(20000);
		a_second[i] = (double)first / (bench_now_s() - begin);
		cpu_us[i] = (server_cpu_s(NULL) - cpu_s) * 1e6 / (double)first;
		if (sql("SELECT count(*) FROM jobs_ended WHERE state = 'Failed'") > 0)
			bench_die("renewals", "one has failed");
	}
	bench_value("jobs.renewals", "renewals that wait for a local CA: claimed, signed, stored, finished, recorded",
		"1/s", a_second, REPEATS);
	bench_value("jobs.renewals_cpu", "CPU time of server, plugin and database for one of them", "µs", cpu_us,
		REPEATS);
}

int main(void)
{
	all = talloc_new(NULL);
	certctl_log_setup(&(struct certctl_log_options){ .level = CERTCTL_LOG_ERROR, .fd = 2 });
	is_small = getenv("CERTCTL_BENCH_SMALL") != NULL;
	if (!is_small)
		measure_scan();
	plane_seed(&plane, "1");
	plane_start(&plane);
	open_database();
	measure_issue();
	measure_renewals();
	end_plane();
	talloc_free(all);
	return 0;
}
