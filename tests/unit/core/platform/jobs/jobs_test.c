/* The queue on a real database: claims, leases, fencing, endings, and the engine that runs jobs. */
#include "core/database.h"
#include "core/platform/jobs/jobs.h"
#include "core/platform/jobs/jobs.sql.h"

#include <certctl/time.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

/* One certificate, placed with `agents` agents, so that as many issuances can live at once. */
static void new_inventory(const char *certificate, int agents)
{
	test_database();
	test_sql(
		"INSERT INTO issuers (id, name, type, source) VALUES ('iss-a', 'a', 'local-ca', 'file') ON CONFLICT DO NOTHING");
	test_sql(talloc_asprintf(test_mem(),
		"INSERT INTO agents (id, name) SELECT 'agent-' || n, 'agent-' || n FROM generate_series(1, %d) AS n ON CONFLICT DO NOTHING",
		agents));
	test_sql(talloc_asprintf(test_mem(),
		"INSERT INTO managed_certificates (id, name, names, key_type, issuer_id, lifetime_seconds) "
		"VALUES ('%s', '%s', '[]', 'ECDSA_P256', 'iss-a', 86400)",
		certificate, certificate));
	test_sql(talloc_asprintf(test_mem(),
		"INSERT INTO placements (certificate_id, agent_id) SELECT '%s', 'agent-' || n FROM generate_series(1, %d) AS n",
		certificate, agents));
}

static void new_jobs(const char *certificate)
{
	test_sql(talloc_asprintf(test_mem(),
		"INSERT INTO jobs (type, state, step, certificate_id, placement_id, agent_id, issuer_id, created_by) "
		"SELECT 'Issuance', 'Pending', 'issue', certificate_id, id, agent_id, 'iss-a', 'test' FROM placements "
		"WHERE certificate_id = '%s'",
		certificate));
}

static void empty(void)
{
	test_database();
	test_sql("DELETE FROM jobs");
	test_sql("DELETE FROM jobs_ended");
}

static struct db_result *claim(const char *worker, const char *slots, int limit, int64_t lease_s)
{
	struct certctl_error err = { 0 };
	struct db_result *rows = NULL;

	ASSERT_OK(db_once(test_database(), test_mem(), &query_job_claim,
			  DB_VALUES(db_text(worker), db_integer(lease_s), db_text("{issuer/iss-a,issuer/iss-b}"),
				  db_text(slots), db_integer(limit)),
			  &rows, &err),
		err);
	return rows;
}

static void what_an_ended_worker_had_is_due_at_once(void)
{
	struct certctl_error err = { 0 };
	struct db_result *rows = NULL;

	empty();
	new_inventory("mc-former", 3);
	new_jobs("mc-former");
	CU_ASSERT_EQUAL(db_rows(claim("server/a/1", "{2,0}", 2, 600)), 2);
	CU_ASSERT_EQUAL(db_rows(claim("server/b/1", "{1,0}", 1, 600)), 1);
	ASSERT_OK(db_once(test_database(), test_mem(), &query_jobs_let_go, DB_VALUES(db_text("server/a/1")), &rows,
			  &err),
		err);
	CU_ASSERT_EQUAL(db_rows(rows), 2);
	CU_ASSERT_EQUAL(db_rows(claim("server/a/2", "{9,0}", 9, 600)), 2);
	CU_ASSERT_EQUAL(db_rows(claim("server/a/2", "{9,0}", 9, 600)), 0);
}

static void a_claim_takes_what_the_slots_allow_and_no_more(void)
{
	empty();
	new_inventory("mc-slots", 5);
	new_jobs("mc-slots");
	CU_ASSERT_EQUAL(db_rows(claim("w1", "{2,9}", 10, 60)), 2);
	CU_ASSERT_EQUAL(db_rows(claim("w1", "{9,9}", 1, 60)), 1);
	CU_ASSERT_EQUAL(db_rows(claim("w1", "{9,9}", 10, 60)), 2);
	CU_ASSERT_EQUAL(db_rows(claim("w1", "{9,9}", 10, 60)), 0);
	ASSERT_TEXT(test_value("SELECT count(DISTINCT token) FROM jobs"), "5");
	ASSERT_TEXT(test_value("SELECT count(*) FROM jobs WHERE state = 'Running' AND worker = 'w1' AND claims = 1"),
		"5");
}

static void nobody_claims_for_an_issuer_it_has_not_open(void)
{
	struct certctl_error err = { 0 };
	struct db_result *rows = NULL;

	empty();
	new_inventory("mc-closed", 1);
	new_jobs("mc-closed");
	ASSERT_OK(db_once(test_database(), test_mem(), &query_job_claim,
			  DB_VALUES(db_text("w"), db_integer(60), db_text("{issuer/iss-other}"), db_text("{5}"),
				  db_integer(5)),
			  &rows, &err),
		err);
	CU_ASSERT_EQUAL(db_rows(rows), 0);
}

static void an_expired_lease_is_claimed_again_with_another_token(void)
{
	struct db_result *first, *second;

	empty();
	new_inventory("mc-lease", 1);
	new_jobs("mc-lease");
	first = claim("w1", "{5,5}", 5, 60);
	CU_ASSERT_EQUAL_FATAL(db_rows(first), 1);
	CU_ASSERT_EQUAL(db_rows(claim("w2", "{5,5}", 5, 60)), 0);
	test_sql("UPDATE jobs SET lease_until = now() - interval '1 second'");
	second = claim("w2", "{5,5}", 5, 60);
	CU_ASSERT_EQUAL_FATAL(db_rows(second), 1);
	ASSERT_TEXT(db_get_text(second, 0, "id"), db_get_text(first, 0, "id"));
	CU_ASSERT_TRUE(db_get_integer(second, 0, "token") > db_get_integer(first, 0, "token"));
	ASSERT_TEXT(test_value("SELECT claims FROM jobs"), "2");
}

/* --- Fencing --------------------------------------------------------------------------------------------------------- */

struct writing {
	const char *id;
	int64_t token;
	bool is_end;
};

static int write_it(struct db *db, void *arg, struct certctl_error *err)
{
	struct writing *writing = arg;

	return writing->is_end
		       ? job_end(db, writing->id, writing->token, &(struct job_end){ .state = "Completed" }, err)
		       : job_release(db, writing->id, writing->token,
				 &(struct job_release){ .state = "Pending", .step = "issue", .delay_s = 30 }, err);
}

static void a_holder_whose_lease_was_lost_writes_nothing(void)
{
	struct certctl_error err = { 0 };
	struct db_result *first, *second;
	struct writing stale = { 0 }, fresh = { .is_end = true };

	empty();
	new_inventory("mc-fence", 1);
	new_jobs("mc-fence");
	first = claim("w1", "{5,5}", 5, 60);
	test_sql("UPDATE jobs SET lease_until = now() - interval '1 second'");
	second = claim("w2", "{5,5}", 5, 60);
	stale.id = fresh.id = db_get_text(first, 0, "id");
	stale.token = db_get_integer(first, 0, "token");
	fresh.token = db_get_integer(second, 0, "token");
	for (int i = 0; i < 2; i++, stale.is_end = true) {
		ASSERT_FAILS(db_transaction(test_database(), write_it, &stale, &err), CERTCTL_E_CONFLICT, "fenced",
			err);
		CU_ASSERT_TRUE(job_is_fenced(&err));
	}
	ASSERT_TEXT(test_value("SELECT worker FROM jobs"), "w2");
	ASSERT_OK(db_transaction(test_database(), write_it, &fresh, &err), err);
	/* Moved, not copied, and never twice. */
	ASSERT_TEXT(test_value("SELECT count(*) FROM jobs"), "0");
	ASSERT_TEXT(test_value("SELECT state FROM jobs_ended"), "Completed");
	ASSERT_FAILS(db_transaction(test_database(), write_it, &fresh, &err), CERTCTL_E_CONFLICT, "fenced", err);
	ASSERT_TEXT(test_value("SELECT count(*) FROM jobs_ended"), "1");
}

static void a_released_job_waits_for_its_time(void)
{
	struct certctl_error err = { 0 };
	struct db_result *rows;
	struct writing release = { 0 };

	empty();
	new_inventory("mc-release", 1);
	new_jobs("mc-release");
	rows = claim("w1", "{5,5}", 5, 60);
	release.id = db_get_text(rows, 0, "id");
	release.token = db_get_integer(rows, 0, "token");
	ASSERT_OK(db_transaction(test_database(), write_it, &release, &err), err);
	CU_ASSERT_EQUAL(db_rows(claim("w1", "{5,5}", 5, 60)), 0);
	ASSERT_TEXT(test_value("SELECT worker IS NULL AND lease_until IS NULL FROM jobs"), "t");
	test_sql("UPDATE jobs SET run_at = now()");
	CU_ASSERT_EQUAL(db_rows(claim("w1", "{5,5}", 5, 60)), 1);
}

static void two_claimers_never_share_a_job(void)
{
	struct certctl_error err = { 0 };
	struct db *left = NULL, *right = NULL;
	struct db_result *a = NULL, *b = NULL;
	static const struct db_query begin = { .name = "begin", .sql = "BEGIN" },
				     commit = { .name = "commit", .sql = "COMMIT" };

	empty();
	new_inventory("mc-two", 4);
	new_jobs("mc-two");
	ASSERT_OK(db_acquire(test_database(), &left, &err), err);
	ASSERT_OK(db_acquire(test_database(), &right, &err), err);
	/* Left has claimed and not committed: right passes over its rows and waits for nothing. */
	ASSERT_OK(db_run(left, NULL, &begin, DB_NO_VALUES, NULL, &err), err);
	ASSERT_OK(db_run(left, test_mem(), &query_job_claim,
			  DB_VALUES(db_text("l"), db_integer(60), db_text("{issuer/iss-a}"), db_text("{3}"),
				  db_integer(3)),
			  &a, &err),
		err);
	ASSERT_OK(db_run(right, test_mem(), &query_job_claim,
			  DB_VALUES(db_text("r"), db_integer(60), db_text("{issuer/iss-a}"), db_text("{3}"),
				  db_integer(3)),
			  &b, &err),
		err);
	ASSERT_OK(db_run(left, NULL, &commit, DB_NO_VALUES, NULL, &err), err);
	CU_ASSERT_EQUAL(db_rows(a), 3);
	CU_ASSERT_EQUAL(db_rows(b), 1);
	db_release(left);
	db_release(right);
}

static void illegal_transitions_and_second_issuances_are_refused(void)
{
	static const struct {
		struct db_query query;
		int code;
	} rows[] = {
		{ { .name = "t1", .sql = "UPDATE jobs SET state = 'AwaitingApproval'" }, CERTCTL_E_INVALID },
		{ { .name = "t2", .sql = "UPDATE jobs SET state = 'Running'" },
			CERTCTL_E_INVALID }, /* without a lease */
		{ { .name = "t3", .sql = "UPDATE jobs SET attempts = attempts_max + 1" }, CERTCTL_E_INVALID },
		{ { .name = "t4",
			  .sql = "INSERT INTO jobs (type, state, step, certificate_id, placement_id, agent_id, created_by) "
				 "SELECT 'Renewal', 'AwaitingCSR', 'csr', certificate_id, placement_id, agent_id, 'test' FROM jobs" },
			CERTCTL_E_CONFLICT },
	};

	empty();
	new_inventory("mc-illegal", 1);
	new_jobs("mc-illegal");
	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_error err = { 0 };

		ASSERT_FAILS(db_once(test_database(), NULL, &rows[i].query, DB_NO_VALUES, NULL, &err), rows[i].code,
			NULL, err);
	}
}

static void every_change_of_state_is_in_the_trail_from_its_own_transaction(void)
{
	empty();
	new_inventory("mc-trail", 2);
	new_jobs("mc-trail");
	claim("w1", "{5,5}", 5, 60);
	ASSERT_TEXT(test_value("SELECT count(*) FROM audit_events a JOIN jobs j ON j.id = a.resource_id "
			       "WHERE action = 'job_created' AND certificate_id = 'mc-trail'"),
		"2");
	ASSERT_TEXT(
		test_value("SELECT count(*) FROM audit_events a JOIN jobs j ON j.id = a.resource_id AND j.xmin::text = "
			   "(a.txid::text::bigint % 4294967296)::text WHERE action = 'job_status_updated' "
			   "AND certificate_id = 'mc-trail' AND details ->> 'to' = 'Running' AND actor = 'w1'"),
		"2");
}

/* --- Engine ---------------------------------------------------------------------------------------------------------- */

static atomic_int ran;

static void end_it(void *context, TALLOC_CTX *mem, const struct job *jobs, size_t count)
{
	(void)context, (void)mem;
	for (size_t i = 0; i < count; i++) {
		struct writing writing = { jobs[i].id, jobs[i].token, true };
		struct certctl_error err = { 0 };

		atomic_fetch_add(&ran, 1);
		if (db_transaction(test_pool, write_it, &writing, &err) < 0)
			job_step_failed(&jobs[i], &err);
	}
}

static int one_runner(void *context, TALLOC_CTX *mem, struct job_runner **ret, size_t *ret_count,
	struct certctl_error *err)
{
	(void)context, (void)err;
	*ret = talloc_zero(mem, struct job_runner);
	**ret = (struct job_runner){ .name = "issuer/iss-a", .slots = 8 };
	*ret_count = 1;
	return 0;
}

/* At most half a minute. */
static bool becomes(const char *sql, const char *value)
{
	static const struct timespec pause = { .tv_nsec = 50000000 };

	for (int i = 0; i < 600; i++, nanosleep(&pause, NULL))
		if (strcmp(test_value(sql), value) == 0)
			return true;
	return false;
}

static void the_engine_runs_what_is_due_once(void)
{
	static const struct job_step steps[] = { { "issue", end_it }, { 0 } };
	static const struct job_step *const step_tables[] = { steps, NULL };
	struct jobs_options options = {
		.db = test_database(), .worker = "engine", .threads = 3, .steps = step_tables, .runners = one_runner
	};
	struct certctl_error err = { 0 };
	struct jobs *jobs = NULL;

	empty();
	atomic_store(&ran, 0);
	new_inventory("mc-engine", 20);
	new_jobs("mc-engine");
	ASSERT_OK(jobs_start(NULL, &options, &jobs, &err), err);
	CU_ASSERT_TRUE(becomes("SELECT count(*) FROM jobs_ended WHERE state = 'Completed'", "20"));
	/* And what comes while it runs, with a hint and without one. */
	new_inventory("mc-engine2", 2);
	new_jobs("mc-engine2");
	jobs_wake(jobs);
	CU_ASSERT_TRUE(becomes("SELECT count(*) FROM jobs_ended WHERE state = 'Completed'", "22"));
	CU_ASSERT_TRUE(jobs_is_connected(jobs));
	talloc_free(jobs);
	CU_ASSERT_EQUAL(atomic_load(&ran), 22);
	ASSERT_TEXT(test_value("SELECT count(*) FROM jobs"), "0");
}

static void a_job_of_a_dead_worker_is_taken_up(void)
{
	static const struct job_step steps[] = { { "issue", end_it }, { 0 } };
	static const struct job_step *const step_tables[] = { steps, NULL };
	struct jobs_options options = {
		.db = test_database(), .worker = "survivor", .threads = 1, .steps = step_tables, .runners = one_runner
	};
	struct certctl_error err = { 0 };
	struct jobs *jobs = NULL;

	empty();
	new_inventory("mc-dead", 1);
	new_jobs("mc-dead");
	CU_ASSERT_EQUAL(db_rows(claim("dead", "{5,5}", 5, 1)), 1);
	ASSERT_OK(jobs_start(NULL, &options, &jobs, &err), err);
	CU_ASSERT_TRUE(becomes("SELECT worker FROM jobs_ended WHERE state = 'Completed'", "survivor"));
	talloc_free(jobs);
}

/* --- Timers ---------------------------------------------------------------------------------------------------------- */

static void timers_run_at_once_and_until_nothing_is_left(void)
{
	static const struct db_query three = { .name = "three",
		.sql = "WITH gone AS (DELETE FROM backlog WHERE n IN (SELECT n FROM backlog LIMIT 2) RETURNING n) "
		       "SELECT count(*) AS done FROM gone" };
	static const struct db_query bad = { .name = "bad", .sql = "SELECT 1 / (SELECT 0) AS done" };
	static const struct job_timer timers[] = { { "broken", 3600, &bad }, { "three", 3600, &three }, { 0 } };
	static const struct job_timer *const tables[] = { timers, NULL };
	static const struct job_step *const no_steps[] = { NULL };
	struct jobs_options options = { .db = test_database(),
		.worker = "timers",
		.threads = 1,
		.steps = no_steps,
		.timers = tables,
		.runners = one_runner };
	struct certctl_error err = { 0 };
	struct jobs *jobs = NULL, *other = NULL;

	empty();
	test_sql("CREATE TABLE backlog AS SELECT n FROM generate_series(1, 7) AS n");
	/* On two servers, and beside one that is broken. */
	ASSERT_OK(jobs_start(NULL, &options, &jobs, &err), err);
	ASSERT_OK(jobs_start(NULL, &options, &other, &err), err);
	CU_ASSERT_TRUE(becomes("SELECT count(*) FROM backlog", "0"));
	talloc_free(other);
	talloc_free(jobs);
	test_sql("DROP TABLE backlog");
}

static void a_timer_is_run_by_one_server_at_a_time(void)
{
	static const struct db_query begin = { .name = "begin_timer", .sql = "BEGIN" },
				     commit = { .name = "commit_timer", .sql = "COMMIT" };
	struct certctl_error err = { 0 };
	struct db *left = NULL;
	struct db_result *rows = NULL;

	ASSERT_OK(db_acquire(test_database(), &left, &err), err);
	for (int i = 0; i < 2; i++) {
		ASSERT_OK(db_run(left, NULL, i == 0 ? &begin : &commit, DB_NO_VALUES, NULL, &err), err);
		if (i == 0)
			ASSERT_OK(db_run(left, test_mem(), &query_timer_take, DB_VALUES(db_text("a.timer")), &rows,
					  &err),
				err);
		ASSERT_OK(db_once(test_database(), test_mem(), &query_timer_take, DB_VALUES(db_text("a.timer")), &rows,
				  &err),
			err);
		CU_ASSERT_EQUAL(db_get_boolean(rows, 0, "is_ours"), i == 1);
	}
	db_release(left);
}

/* --- Backoff --------------------------------------------------------------------------------------------------------- */

static void backoff_grows_is_bounded_and_keeps_what_the_ca_said(void)
{
	int64_t longest[4] = { 0 };

	for (uint64_t random = 0; random < 100000; random += 7) {
		static const int64_t attempts[] = { 1, 2, 5, 40 };

		for (size_t i = 0; i < 4; i++) {
			int64_t delay_s = job_backoff_s(attempts[i], 0, 0, random);

			CU_ASSERT_TRUE(delay_s >= 1 && delay_s <= 86400);
			longest[i] = delay_s > longest[i] ? delay_s : longest[i];
		}
		CU_ASSERT_TRUE(job_backoff_s(10, 600, 0, random) <= 60);
		CU_ASSERT_TRUE(job_backoff_s(1, 0, 3600, random) >= 3600);
	}
	CU_ASSERT_EQUAL(longest[0], 30);
	CU_ASSERT_EQUAL(longest[1], 60);
	CU_ASSERT_EQUAL(longest[2], 480);
	CU_ASSERT_TRUE(longest[3] > 80000);
}

const struct test tests[] = {
	TEST(a_claim_takes_what_the_slots_allow_and_no_more),
	TEST(what_an_ended_worker_had_is_due_at_once),
	TEST(nobody_claims_for_an_issuer_it_has_not_open),
	TEST(an_expired_lease_is_claimed_again_with_another_token),
	TEST(a_holder_whose_lease_was_lost_writes_nothing),
	TEST(a_released_job_waits_for_its_time),
	TEST(two_claimers_never_share_a_job),
	TEST(illegal_transitions_and_second_issuances_are_refused),
	TEST(every_change_of_state_is_in_the_trail_from_its_own_transaction),
	TEST(the_engine_runs_what_is_due_once),
	TEST(a_job_of_a_dead_worker_is_taken_up),
	TEST(timers_run_at_once_and_until_nothing_is_left),
	TEST(a_timer_is_run_by_one_server_at_a_time),
	TEST(backoff_grows_is_bounded_and_keeps_what_the_ca_said),
	{ 0 },
};
