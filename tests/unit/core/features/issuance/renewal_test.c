/* The scans on a real database: what is due gets one job, whoever looks, and what failed comes back. */
#include "core/database.h"
#include "core/features/deployment/deployment.sql.h"
#include "core/features/issuance/issuance.sql.h"
#include "core/platform/jobs/jobs.h"

#include <pthread.h>
#include <time.h>

/* Certificate `id` with a version that is in its life's middle, placed with agent-a and bound to tgt-a; renew_at as SQL. */
static void new_certificate(const char *id, const char *renew_at, const char *not_after)
{
	test_database();
	test_sql("DELETE FROM jobs");
	test_sql(
		"INSERT INTO issuers (id, name, type, source) VALUES ('iss-a', 'a', 'local-ca', 'file') ON CONFLICT DO NOTHING");
	test_sql("INSERT INTO agents (id, name) VALUES ('agent-a', 'agent-a') ON CONFLICT DO NOTHING");
	test_sql(
		"INSERT INTO targets (id, name, type, agent_id) VALUES ('tgt-a', 'a', 'nginx', 'agent-a') ON CONFLICT DO NOTHING");
	test_sql("UPDATE placements SET renew_at = NULL");
	test_sql("UPDATE bindings SET deployed_version_id = desired_version_id");
	test_sql(talloc_asprintf(test_mem(),
		"INSERT INTO managed_certificates (id, name, names, key_type, issuer_id, lifetime_seconds) "
		"VALUES ('%s', '%s', '[]', 'ECDSA_P256', 'iss-a', 86400)",
		id, id));
	test_sql(talloc_asprintf(test_mem(),
		"INSERT INTO placements (id, certificate_id, agent_id, renew_at) VALUES ('pl-%s', '%s', 'agent-a', %s)",
		id, id, renew_at));
	if (not_after)
		test_sql(talloc_asprintf(test_mem(),
			"INSERT INTO certificate_versions (id, certificate_id, placement_id, sequence, job_id, issuer_id, serial_number, "
			"subject, issuer_dn, key_type, not_before, not_after, fingerprint_sha256, public_key_sha256, csr_sha256, leaf, chain) "
			"SELECT 'ver-%s', '%s', 'pl-%s', 1, 'job-%s', 'iss-a', '%s', '', '', '', now() - interval '1 hour', %s, h, h, h, '', '' "
			"FROM encode(sha256('%s'), 'hex') AS h",
			id, id, id, id, id, not_after, id));
	if (not_after)
		test_sql(talloc_asprintf(test_mem(), "UPDATE placements SET version_id = 'ver-%s' WHERE id = 'pl-%s'",
			id, id));
	test_sql(talloc_asprintf(test_mem(),
		"INSERT INTO bindings (certificate_id, target_id, agent_id, desired_version_id, deployed_version_id) "
		"SELECT '%s', 'tgt-a', 'agent-a', version_id, version_id FROM placements WHERE id = 'pl-%s'",
		id, id));
}

static int64_t scan(const struct db_query *query)
{
	struct certctl_error err = { 0 };
	struct db_result *rows = NULL;

	ASSERT_OK(db_once(test_database(), test_mem(), query, DB_NO_VALUES, &rows, &err), err);
	return db_get_integer(rows, 0, "done");
}

static void what_is_due_gets_one_job_however_often_one_looks(void)
{
	new_certificate("mc-twice", "now()", "now() + interval '1 hour'");
	CU_ASSERT_EQUAL(scan(&query_renewal_scan), 1);
	CU_ASSERT_EQUAL(scan(&query_renewal_scan), 0);
	ASSERT_TEXT(test_value("SELECT type || ' ' || state || ' ' || agent_id FROM jobs"),
		"Renewal AwaitingCSR agent-a");
	ASSERT_TEXT(test_value("SELECT count(*) FROM audit_events JOIN jobs ON jobs.id = resource_id "
			       "WHERE action = 'job_created' AND actor = 'certctld' AND actor_type = 'server'"),
		"1");
}

static void what_is_not_due_is_left_alone(void)
{
	new_certificate("mc-left", "NULL", "now() + interval '1 hour'");
	CU_ASSERT_EQUAL(scan(&query_renewal_scan), 0);
	test_sql("UPDATE placements SET renew_at = now() + interval '1 minute' WHERE certificate_id = 'mc-left'");
	CU_ASSERT_EQUAL(scan(&query_renewal_scan), 0);
	test_sql("UPDATE placements SET renew_at = now() - interval '1 minute' WHERE certificate_id = 'mc-left'");
	test_sql("UPDATE managed_certificates SET archived_at = now() WHERE id = 'mc-left'");
	CU_ASSERT_EQUAL(scan(&query_renewal_scan), 0);
	test_sql("UPDATE managed_certificates SET archived_at = NULL WHERE id = 'mc-left'");
	test_sql("UPDATE agents SET retired_at = now()");
	CU_ASSERT_EQUAL(scan(&query_renewal_scan), 0);
	test_sql("UPDATE agents SET retired_at = NULL");
	CU_ASSERT_EQUAL(scan(&query_renewal_scan), 1);
}

static void *scan_now(void *arg)
{
	struct certctl_error err = { 0 };
	TALLOC_CTX *mem = talloc_new(NULL);
	struct db_result *rows = NULL;
	int rc = db_once(arg, mem, &query_renewal_scan, DB_NO_VALUES, &rows, &err);
	intptr_t done = rc < 0 ? -1 : (intptr_t)db_get_integer(rows, 0, "done");

	talloc_free(mem);
	return (void *)done;
}

static void two_servers_at_once_make_one_job_each(void)
{
	for (int round = 0; round < 10; round++) {
		pthread_t threads[4];
		intptr_t total = 0;

		new_certificate(talloc_asprintf(test_mem(), "mc-race-%d", round), "now()", "now() + interval '1 hour'");
		for (size_t i = 0; i < CERTCTL_COUNT(threads); i++)
			CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, scan_now, test_pool), 0);
		for (size_t i = 0; i < CERTCTL_COUNT(threads); i++) {
			void *done = NULL;

			pthread_join(threads[i], &done);
			total += (intptr_t)done;
		}
		CU_ASSERT_EQUAL(total, 1);
		ASSERT_TEXT(test_value("SELECT count(*) FROM jobs"), "1");
	}
}

/* --- After a failure ------------------------------------------------------------------------------------------------- */

struct ending {
	const char *id, *state;
};

static int end_it(struct db *db, void *arg, struct certctl_error *err)
{
	struct ending *ending = arg;

	return job_end(db, ending->id, 0,
		&(struct job_end){ .state = ending->state, .error_json = "{\"what\":\"the CA is on fire\"}" }, err);
}

static void end_the_job(const char *state)
{
	struct certctl_error err = { 0 };
	struct ending ending = { test_value("SELECT id FROM jobs"), state };

	test_sql("UPDATE jobs SET state = 'Running', worker = 'w', lease_until = now() WHERE state = 'Pending'");
	ASSERT_OK(db_transaction(test_database(), end_it, &ending, &err), err);
}

/* Between a tenth and a quarter less or more of it: as the rule says for this distance from the end. */
static void assert_planned_in(const char *column, const char *table, double seconds)
{
	double planned = strtod(test_value(talloc_asprintf(test_mem(),
					"SELECT extract(epoch FROM %s - now()) FROM %s WHERE %s IS NOT NULL", column,
					table, column)),
		NULL);

	CU_ASSERT_TRUE(planned > seconds * 0.70);
	CU_ASSERT_TRUE(planned < seconds * 1.26);
}

static void a_renewal_that_failed_is_planned_again_and_says_so(void)
{
	static const struct {
		const char *id, *not_after, *status;
		double again_s;
	} rows[] = {
		{ "mc-soon", "now() + interval '50 seconds'", "Failed", 10 },
		{ "mc-hour", "now() + interval '1 hour'", "Failed", 360 },
		{ "mc-month", "now() + interval '30 days'", "Failed", 86400 },
		{ "mc-late", "now() - interval '1 hour'", "Expired", 360 },
		{ "mc-never", NULL, "Failed", 10 },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		new_certificate(rows[i].id, "now()", rows[i].not_after);
		CU_ASSERT_EQUAL(scan(&query_renewal_scan), 1);
		end_the_job("Failed");
		assert_planned_in("renew_at", "placements", rows[i].again_s);
		CU_ASSERT_EQUAL(scan(&query_renewal_scan), 0);
		ASSERT_TEXT(
			test_value(talloc_asprintf(test_mem(),
				"SELECT status || ': ' || status_reason || (next_action_at > now()) FROM certificates WHERE id = '%s'",
				rows[i].id)),
			talloc_asprintf(test_mem(), "%s: the CA is on firetrue", rows[i].status));
		test_sql("UPDATE placements SET renew_at = now() WHERE renew_at IS NOT NULL");
		CU_ASSERT_EQUAL(scan(&query_renewal_scan), 1);
	}
	ASSERT_TEXT(test_value("SELECT type FROM jobs"), "Issuance");
}

static void a_deployment_that_failed_is_planned_again(void)
{
	new_certificate("mc-deploy", "NULL", "now() + interval '1 hour'");
	CU_ASSERT_EQUAL(scan(&query_deployment_scan), 0);
	test_sql("UPDATE bindings SET deployed_version_id = NULL WHERE certificate_id = 'mc-deploy'");
	CU_ASSERT_EQUAL(scan(&query_deployment_scan), 1);
	CU_ASSERT_EQUAL(scan(&query_deployment_scan), 0);
	end_the_job("Failed");
	assert_planned_in("retry_at", "bindings", 10);
	CU_ASSERT_EQUAL(scan(&query_deployment_scan), 0);
	ASSERT_TEXT(test_value("SELECT status || ': ' || status_reason FROM certificates WHERE id = 'mc-deploy'"),
		"Active: tgt-a: the CA is on fire");
	test_sql("UPDATE bindings SET retry_at = now()");
	CU_ASSERT_EQUAL(scan(&query_deployment_scan), 1);
}

const struct test tests[] = {
	TEST(what_is_due_gets_one_job_however_often_one_looks),
	TEST(what_is_not_due_is_left_alone),
	TEST(two_servers_at_once_make_one_job_each),
	TEST(a_renewal_that_failed_is_planned_again_and_says_so),
	TEST(a_deployment_that_failed_is_planned_again),
	{ 0 },
};
