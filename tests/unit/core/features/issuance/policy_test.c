/* Every field of a policy and of a profile that decides about jobs: stored is not enough, it must be obeyed. */
#include "core/database.h"
#include "core/features/alarms/alarms.sql.h"
#include "core/features/issuance/issuance.sql.h"
#include "core/features/issuance/order.h"
#include "core/platform/jobs/jobs.sql.h"

#include <pthread.h>

/* Several statements as one. */
static void do_sql(const char *statements)
{
	test_sql(talloc_asprintf(test_mem(), "DO $do$ BEGIN %s; END $do$", statements));
}

/* Certificate mc-p with a version of 90 days of which `left` remain (SQL interval), on agent-p, under rp-p and prof-p as they come. */
static void new_certificate(const char *left)
{
	test_database();
	do_sql("DELETE FROM jobs; DELETE FROM jobs_ended; DELETE FROM issuance_intents; DELETE FROM alarms;"
	       "UPDATE placements SET version_id = NULL, renew_at = NULL; DELETE FROM certificate_versions;"
	       "DELETE FROM placements; DELETE FROM certificate_words; DELETE FROM managed_certificates;"
	       "DELETE FROM policies; DELETE FROM profiles; DELETE FROM agent_groups;"
	       "INSERT INTO issuers (id, name, type, source) VALUES ('iss-a', 'a', 'local-ca', 'file') ON CONFLICT DO NOTHING;"
	       "INSERT INTO agents (id, name, os, architecture, ip_address, version) "
	       "VALUES ('agent-p', 'agent-p', 'linux', 'x86_64', '10.1.2.3', '1.4.0') ON CONFLICT DO NOTHING;"
	       "INSERT INTO policies (id, name) VALUES ('rp-p', 'p'); INSERT INTO profiles (id, name) VALUES ('prof-p', 'p');"
	       "INSERT INTO managed_certificates (id, name, names, key_type, issuer_id, lifetime_seconds, policy_id, profile_id) "
	       "VALUES ('mc-p', 'p', '[{\"type\":\"dns\",\"value\":\"a.example.com\"}]', 'ECDSA_P256', 'iss-a', 7776000, 'rp-p', 'prof-p');"
	       "INSERT INTO placements (id, certificate_id, agent_id) VALUES ('pl-p', 'mc-p', 'agent-p')");
	if (left)
		do_sql(talloc_asprintf(test_mem(),
			"INSERT INTO certificate_versions (id, certificate_id, placement_id, sequence, job_id, issuer_id, serial_number, "
			"subject, issuer_dn, key_type, not_before, not_after, fingerprint_sha256, public_key_sha256, csr_sha256, leaf, chain) "
			"SELECT 'ver-p', 'mc-p', 'pl-p', 1, 'job-p', 'iss-a', '0a', '', '', '', now() + interval '%s' - interval '90 days', "
			"now() + interval '%s', h, h, h, '', '' FROM encode(sha256('p'), 'hex') AS h;"
			"UPDATE placements SET version_id = 'ver-p', renew_at = now(), alert_at = now()",
			left, left));
}

static int64_t run(const struct db_query *query)
{
	struct certctl_error err = { 0 };
	struct db_result *rows = NULL;

	ASSERT_OK(db_once(test_database(), test_mem(), query, DB_NO_VALUES, &rows, &err), err);
	return db_get_integer(rows, 0, "done");
}

/* --- When ------------------------------------------------------------------------------------------------------------ */

static void a_policy_says_when(void)
{
	/* Lives from 2026-01-01 (a Thursday), `life` long; the moment it is renewed must be between these two parts of its life. */
	static const struct {
		const char *change, *life;
		double from, to;
	} rows[] = {
		{ "name = 'p'", "90 days", 0.6166, 0.6667 },
		{ "name = 'p'", "6 days", 0.45, 0.5 },
		{ "name = 'p'", "10 minutes", 0.45, 0.5 },
		{ "renewal_threshold_days = 30", "90 days", 0.6666, 0.7167 },
		{ "renewal_threshold_days = 7", "90 days", 0.9222, 0.942 },
		/* A threshold that is no less than its life would have it renewed all the time. */
		{ "renewal_threshold_days = 30", "6 days", 0.5, 0.55 },
		{ "renewal_threshold_days = 0", "90 days", 0.9888, 0.989 },
		/* A window that comes too late is not waited for. */
		{ "renewal_window_start = '23:00', renewal_window_end = '23:30'", "1 hour", 0.9, 0.9 },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		new_certificate(NULL);
		do_sql(talloc_asprintf(test_mem(), "UPDATE policies SET %s", rows[i].change));
		double part = strtod(
			test_value(talloc_asprintf(test_mem(),
				"SELECT extract(epoch FROM plan_renewal(start, start + interval '%s', 'mc-p', p) - start) / "
				"extract(epoch FROM interval '%s') FROM policies p, (SELECT timestamptz '2026-01-01 00:00+00' AS start) AS s",
				rows[i].life, rows[i].life)),
			NULL);

		CU_ASSERT_TRUE(part >= rows[i].from - 0.0001 && part <= rows[i].to + 0.0001);
		if (part < rows[i].from - 0.0001 || part > rows[i].to + 0.0001)
			fprintf(stderr, "row %zu: %f\n", i, part);
	}
	do_sql("UPDATE policies SET auto_renew = false");
	ASSERT_TEXT(test_value("SELECT plan_renewal(now(), now() + interval '90 days', 'mc-p', p) FROM policies p"),
		"");
}

static void many_certificates_are_spread(void)
{
	test_database();
	ASSERT_TEXT(
		test_value(
			"SELECT count(DISTINCT plan_renewal(start, start + interval '90 days', 'mc-' || n, NULL)) > 990 "
			"FROM generate_series(1, 1000) AS n, (SELECT timestamptz '2026-01-01 00:00+00' AS start) AS s"),
		"t");
}

static void windows_open_on_their_days_and_over_midnight(void)
{
	/* 2026-01-01 12:00 is a Thursday's noon. */
	static const struct {
		const char *change, *opens;
	} rows[] = {
		{ "name = 'p'", "2026-01-01 12:00" },
		{ "renewal_window_start = '11:00', renewal_window_end = '13:00'", "2026-01-01 12:00" },
		{ "renewal_window_start = '13:00', renewal_window_end = '14:00'", "2026-01-01 13:00" },
		{ "renewal_window_start = '02:00', renewal_window_end = '04:00'", "2026-01-02 02:00" },
		{ "renewal_window_start = '22:00', renewal_window_end = '02:00'", "2026-01-01 22:00" },
		{ "renewal_window_start = '22:00', renewal_window_end = '12:30'", "2026-01-01 12:00" },
		{ "renewal_days = '{saturday,sunday}'", "2026-01-03 00:00" },
		{ "renewal_days = '{thursday}'", "2026-01-01 12:00" },
		{ "renewal_days = '{thursday}', renewal_window_start = '02:00', renewal_window_end = '03:00'",
			"2026-01-08 02:00" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		new_certificate(NULL);
		do_sql(talloc_asprintf(test_mem(), "UPDATE policies SET %s", rows[i].change));
		ASSERT_TEXT(test_value("SELECT to_char(next_in_window('2026-01-01 12:00+00', p) AT TIME ZONE 'UTC', "
				       "'YYYY-MM-DD HH24:MI') FROM policies p"),
			rows[i].opens);
	}
}

static void a_changed_policy_plans_anew(void)
{
	static const char planned[] =
		"SELECT renew_at < now() + interval '45 days' AND renew_at > now() + interval '39 days' "
		"FROM placements";

	new_certificate("80 days");
	do_sql("UPDATE policies SET renewal_threshold_days = 40, retries_max = 3");
	while (run(&query_renewal_replan) > 0)
		;
	ASSERT_TEXT(test_value(planned), "t");
	ASSERT_TEXT(test_value("SELECT replan_after IS NULL FROM policies"), "t");
	/* What failed keeps its next attempt; what shall not be renewed by itself has none. */
	do_sql("UPDATE placements SET failures = 2, renew_at = now() + interval '40 days'");
	do_sql("UPDATE policies SET renewal_threshold_days = 20");
	while (run(&query_renewal_replan) > 0)
		;
	ASSERT_TEXT(test_value(planned), "t");
	do_sql("UPDATE policies SET auto_renew = false");
	while (run(&query_renewal_replan) > 0)
		;
	ASSERT_TEXT(test_value("SELECT renew_at IS NULL FROM placements"), "t");
	/* Another policy, or none, at once. */
	do_sql("UPDATE placements SET failures = 0; UPDATE managed_certificates SET policy_id = NULL");
	ASSERT_TEXT(test_value("SELECT renew_at > now() + interval '40 days' FROM placements"), "t");
}

/* --- Whether, and how often ------------------------------------------------------------------------------------------ */

static void rules_shape_the_job(void)
{
	static const struct {
		const char *change, *job; /* state, attempts_max, has a time limit for approval */
	} rows[] = {
		{ "NULL", "AwaitingCSR 6 f" },
		{ "UPDATE policies SET retries_max = 0", "AwaitingCSR 1 f" },
		{ "UPDATE policies SET retries_max = 9", "AwaitingCSR 10 f" },
		{ "UPDATE managed_certificates SET policy_id = NULL", "AwaitingCSR 5 f" },
		{ "UPDATE profiles SET requires_approval = true, approval_timeout_seconds = 7200",
			"AwaitingApproval 6 t" },
		{ "INSERT INTO agent_groups (id, name, match_os) VALUES ('ag-p', 'p', 'Linux')", "AwaitingCSR 6 f" },
		{ "INSERT INTO agent_groups (id, name, match_os) VALUES ('ag-p', 'p', 'plan9')", "" },
		{ "INSERT INTO agent_groups (id, name, match_architecture) VALUES ('ag-p', 'p', 'arm64')", "" },
		{ "INSERT INTO agent_groups (id, name, match_cidr) VALUES ('ag-p', 'p', '10.1.0.0/16')",
			"AwaitingCSR 6 f" },
		{ "INSERT INTO agent_groups (id, name, match_cidr) VALUES ('ag-p', 'p', '10.2.0.0/16')", "" },
		{ "INSERT INTO agent_groups (id, name, match_version) VALUES ('ag-p', 'p', '1.4.0')",
			"AwaitingCSR 6 f" },
		{ "INSERT INTO agent_groups (id, name, match_version) VALUES ('ag-p', 'p', '2.0.0')", "" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		new_certificate("20 days");
		do_sql(rows[i].change);
		do_sql("UPDATE policies SET agent_group_id = (SELECT id FROM agent_groups)");
		do_sql("UPDATE placements SET renew_at = now()");
		CU_ASSERT_EQUAL(run(&query_renewal_scan), rows[i].job[0] ? 1 : 0);
		ASSERT_TEXT(
			test_value(
				"SELECT concat_ws(' ', state, attempts_max, approve_until > now() + interval '119 minutes' "
				"AND approve_until < now() + interval '121 minutes' IS TRUE) FROM jobs"),
			rows[i].job);
	}
}

static void what_is_close_to_its_end_goes_first(void)
{
	new_certificate("5 days");
	CU_ASSERT_EQUAL(run(&query_renewal_scan), 1);
	ASSERT_TEXT(test_value("SELECT priority FROM jobs"), "10");
	new_certificate("20 days");
	CU_ASSERT_EQUAL(run(&query_renewal_scan), 1);
	ASSERT_TEXT(test_value("SELECT priority FROM jobs"), "100");
	do_sql("UPDATE certificate_versions SET not_before = now() - interval '85 days', not_after = now() + interval '5 days'");
	run(&query_jobs_prioritize);
	ASSERT_TEXT(test_value("SELECT priority FROM jobs"), "10");
}

static void an_issuer_is_asked_so_often_an_hour_and_a_fifth_is_kept(void)
{
	new_certificate("20 days");
	/* Ten an hour, eight for everybody: seven were asked already, five more wait. */
	do_sql("UPDATE issuers SET rate_per_hour = 10 WHERE id = 'iss-a';"
	       "INSERT INTO issuance_intents (job_id, attempt, issuer_id, serial_number, not_before, not_after, csr_sha256, is_reserving, token) "
	       "SELECT 'job-' || n, 1, 'iss-a', '0' || n, now(), now() + interval '1 day', repeat('a', 64), true, 1 FROM generate_series(1, 7) AS n;"
	       "INSERT INTO agents (id, name) SELECT 'agent-r' || n, 'agent-r' || n FROM generate_series(1, 5) AS n ON CONFLICT DO NOTHING;"
	       "INSERT INTO placements (certificate_id, agent_id) SELECT 'mc-p', 'agent-r' || n FROM generate_series(1, 5) AS n;"
	       "INSERT INTO jobs (type, state, step, certificate_id, placement_id, agent_id, issuer_id, created_by) "
	       "SELECT 'Renewal', 'Pending', 'issue', 'mc-p', id, agent_id, 'iss-a', 'test' FROM placements WHERE agent_id LIKE 'agent-r%'");
	for (int round = 0; round < 4; round++) {
		struct certctl_error err = { 0 };
		struct db_result *rows = NULL;
		/* One; none; with two close to their end, two; none. */
		static const size_t claimed[] = { 1, 0, 2, 0 };

		if (round == 2)
			do_sql("UPDATE jobs SET priority = 10 WHERE state = 'Pending'");
		ASSERT_OK(db_once(test_database(), test_mem(), &query_job_claim,
				  DB_VALUES(db_text("w"), db_integer(60), db_text("{issuer/iss-a}"), db_text("{9}"),
					  db_integer(9)),
				  &rows, &err),
			err);
		CU_ASSERT_EQUAL(db_rows(rows), claimed[round]);
	}
	do_sql("UPDATE issuance_intents SET opened_at = now() - interval '61 minutes'");
	ASSERT_TEXT(test_value("SELECT room || ' ' || urgent_room FROM runner_room('issuer/iss-a')"), "5 7");
	do_sql("UPDATE issuers SET rate_per_hour = NULL");
	ASSERT_TEXT(test_value("SELECT room IS NULL FROM runner_room('issuer/iss-a')"), "t");
}

/* Forty jobs wait for an issuer that may be asked ten times an hour. */
static void let_many_wait(void)
{
	new_certificate("20 days");
	do_sql("UPDATE issuers SET rate_per_hour = 10 WHERE id = 'iss-a';"
	       "INSERT INTO agents (id, name) SELECT 'agent-m' || n, 'agent-m' || n FROM generate_series(1, 40) AS n ON CONFLICT DO NOTHING;"
	       "INSERT INTO placements (certificate_id, agent_id) SELECT 'mc-p', 'agent-m' || n FROM generate_series(1, 40) AS n;"
	       "INSERT INTO jobs (type, state, step, certificate_id, placement_id, agent_id, issuer_id, created_by) "
	       "SELECT 'Renewal', 'Pending', 'issue', 'mc-p', id, agent_id, 'iss-a', 'test' FROM placements WHERE agent_id LIKE 'agent-m%'");
}

static void *claim_at_once(void *arg)
{
	struct certctl_error err = { 0 };
	struct db_result *rows = NULL;
	TALLOC_CTX *mem = talloc_new(NULL);
	size_t claimed = 0;

	pthread_barrier_wait(arg);
	if (db_once(test_pool, mem, &query_job_claim,
		    DB_VALUES(db_text("w"), db_integer(60), db_text("{issuer/iss-a}"), db_text("{9}"), db_integer(9)),
		    &rows, &err) == 0)
		claimed = db_rows(rows);
	talloc_free(mem);
	return (void *)claimed;
}

static void servers_that_claim_at_once_share_the_rate(void)
{
	pthread_barrier_t barrier;
	pthread_t threads[4];

	pthread_barrier_init(&barrier, NULL, CERTCTL_COUNT(threads));
	for (int round = 0; round < 5; round++) {
		size_t total = 0;

		let_many_wait();
		for (size_t i = 0; i < CERTCTL_COUNT(threads); i++)
			CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, claim_at_once, &barrier), 0);
		for (size_t i = 0; i < CERTCTL_COUNT(threads); i++) {
			void *claimed = NULL;

			pthread_join(threads[i], &claimed);
			total += (size_t)claimed;
		}
		/* A fifth is kept. */
		CU_ASSERT_EQUAL(total, 8);
	}
	pthread_barrier_destroy(&barrier);
	/* Those whose holder is gone have asked nobody: they are taken up again. */
	do_sql("UPDATE jobs SET lease_until = now() - interval '1 second' WHERE state = 'Running'");
	ASSERT_TEXT(test_value("SELECT room || ' ' || urgent_room FROM runner_room('issuer/iss-a')"), "8 10");
}

/* --- What ------------------------------------------------------------------------------------------------------------ */

static void a_profile_shapes_the_certificate(void)
{
	static const struct {
		const char *change, *rules; /* lifetime, must staple, reuse key, short-lived, usages, refusal */
	} rows[] = {
		{ "name = 'p'", "7776000 f f f serverAuth" },
		{ "max_ttl_seconds = 3600", "3600 f f f serverAuth" },
		{ "max_ttl_seconds = 8000000", "7776000 f f f serverAuth" },
		{ "must_staple = true", "7776000 t f f serverAuth" },
		{ "reuse_key = true", "7776000 f t f serverAuth" },
		{ "allowed_key_types = '{RSA_2048}'",
			"7776000 f f f serverAuth key_type: profile prof-p allows RSA_2048" },
		{ "name_patterns = '{*.example.com}'", "7776000 f f f serverAuth" },
		{ "name_patterns = '{*.internal,b.example.com}'",
			"7776000 f f f serverAuth sans: profile prof-p does not allow a.example.com" },
		{ "name_patterns = '{_.example.com}'",
			"7776000 f f f serverAuth sans: profile prof-p does not allow a.example.com" },
		{ "short_lived = true", "7776000 f f t serverAuth" },
		{ "allowed_ekus = '{clientAuth,serverAuth}'", "7776000 f f f clientAuth,serverAuth" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		new_certificate(NULL);
		do_sql(talloc_asprintf(test_mem(), "UPDATE profiles SET %s", rows[i].change));
		ASSERT_TEXT(test_value("SELECT concat_ws(' ', lifetime_seconds, must_staple, reuse_key, short_lived, "
				       "array_to_string(extended_key_usages, ','), profile_refusal('mc-p')) "
				       "FROM certificate_rules"),
			rows[i].rules);
	}
	new_certificate(NULL);
	do_sql("UPDATE profiles SET min_key_bits = 3072; UPDATE managed_certificates SET key_type = 'RSA_2048'");
	ASSERT_TEXT(test_value("SELECT profile_refusal('mc-p')"),
		"key_type: profile prof-p wants RSA keys of at least 3072 bits");
	do_sql("UPDATE profiles SET min_key_bits = NULL; UPDATE managed_certificates SET names = '[]'");
	ASSERT_TEXT(test_value("SELECT profile_refusal('mc-p')"), "sans: profile prof-p wants at least one");
	do_sql("UPDATE profiles SET require_sans = false");
	ASSERT_TEXT(test_value("SELECT profile_refusal('mc-p')"),
		"sans: profile prof-p says serverAuth, which needs a DNS name or an IP address");
	do_sql("UPDATE profiles SET allowed_ekus = '{emailProtection}'");
	ASSERT_TEXT(test_value("SELECT profile_refusal('mc-p')"), "");
	do_sql("UPDATE profiles SET short_lived = true; UPDATE managed_certificates SET must_staple = true");
	ASSERT_TEXT(test_value("SELECT profile_refusal('mc-p')"),
		"must_staple: profile prof-p is short-lived: there is no OCSP to staple");
	do_sql("UPDATE managed_certificates SET must_staple = false, profile_id = NULL");
	ASSERT_TEXT(test_value("SELECT extended_key_usages IS NULL FROM certificate_rules"), "t");
}

/* --- Who hears of it ------------------------------------------------------------------------------------------------- */

static void one_alarm_a_threshold_and_day_the_nearest_one_only(void)
{
	static const struct {
		const char *left, *thresholds, *alarms;
	} rows[] = {
		{ "40 days", "{30,14,7,0}", "" },
		{ "20 days", "{30,14,7,0}", "30 warning" },
		{ "10 days", "{30,14,7,0}", "14 warning" },
		{ "6 days", "{30,14,7,0}", "7 critical" },
		{ "-1 days", "{30,14,7,0}", "0 critical" },
		{ "20 days", "{14}", "" },
		{ "20 days", "{25}", "25 warning" },
		{ "20 days", "{}", "" },
	};
	static const char open[] =
		"SELECT string_agg(threshold_days || ' ' || severity, ' ') FROM alarms WHERE resolved_at IS NULL";

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		new_certificate(rows[i].left);
		do_sql(talloc_asprintf(test_mem(), "UPDATE policies SET alert_thresholds_days = '%s'",
			rows[i].thresholds));
		CU_ASSERT_EQUAL(run(&query_alarms_scan), 1);
		ASSERT_TEXT(test_value(open), rows[i].alarms);
		/* Looked at again the same day. */
		CU_ASSERT_EQUAL(run(&query_alarms_scan), 0);
		do_sql("UPDATE placements SET alert_at = now()");
		CU_ASSERT_EQUAL(run(&query_alarms_scan), 1);
		ASSERT_TEXT(test_value("SELECT count(*) FROM alarms"), rows[i].alarms[0] ? "1" : "0");
		ASSERT_TEXT(
			test_value("SELECT alert_at > now() AND alert_at <= now() + interval '1 day' FROM placements"),
			rows[i].alarms[0]                       ? "t"
			: strcmp(rows[i].thresholds, "{}") == 0 ? ""
								: "f");
	}
	/* Another day, in place of yesterday's; a version of six days is not alarmed from its first day on. */
	new_certificate("20 days");
	run(&query_alarms_scan);
	do_sql("UPDATE alarms SET key = key || '-yesterday'; UPDATE placements SET alert_at = now()");
	run(&query_alarms_scan);
	ASSERT_TEXT(test_value("SELECT count(*) || ' ' || count(resolved_at) FROM alarms"), "2 1");
	ASSERT_TEXT(
		test_value(
			"SELECT next_alert(now(), now() + interval '6 days', '{30,14,7,0}') = now() + interval '4 days'"),
		"t");
}

const struct test tests[] = {
	TEST(a_policy_says_when),
	TEST(many_certificates_are_spread),
	TEST(windows_open_on_their_days_and_over_midnight),
	TEST(a_changed_policy_plans_anew),
	TEST(rules_shape_the_job),
	TEST(what_is_close_to_its_end_goes_first),
	TEST(an_issuer_is_asked_so_often_an_hour_and_a_fifth_is_kept),
	TEST(servers_that_claim_at_once_share_the_rate),
	TEST(a_profile_shapes_the_certificate),
	TEST(one_alarm_a_threshold_and_day_the_nearest_one_only),
	{ 0 },
};
