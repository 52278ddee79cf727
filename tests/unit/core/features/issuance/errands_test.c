/* What CAs are asked beside the jobs: when they want certificates renewed, and what is given up.  With a CA that does both. */
#include "core/database.h"
#include "core/features/issuance/errands.h"
#include "core/features/issuance/issuance.sql.h"
#include "core/platform/jobs/jobs.sql.h"

#include <unistd.h>

static char *folder; /* of the CA: what it says, what it hears */
static struct sealing *sealing;
static struct core core;

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(talloc_asprintf(test_mem(), "%s/%s", folder, name), "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs(text, file);
	fclose(file);
}

/* begin, end, retry_after; NULL: it does not answer */
static void say(const char *window)
{
	unlink(talloc_asprintf(test_mem(), "%s/window", folder));
	if (window)
		write_file("window", window);
}

static const char *heard(void)
{
	FILE *file = fopen(talloc_asprintf(test_mem(), "%s/heard", folder), "r");
	char *text = talloc_zero_size(test_mem(), 1000);

	if (!file)
		return "";
	CU_ASSERT_TRUE(fread(text, 1, 999, file) < 999);
	fclose(file);
	return text;
}

/* Before the database goes: connectors look at it now and then. */
static void disconnect_all(void)
{
	talloc_free(core.connectors);
	talloc_free(sealing);
	talloc_free(folder);
}

static void connect_all(void)
{
	static const char *dirs[2];
	struct sealing_options keys = { .state_dir = test_temporary_dir() };
	struct connectors_options options = { .db = test_database(), .plugin_dirs = dirs };
	struct certctl_error err = { 0 };

	if (core.connectors)
		return;
	folder = talloc_strdup(NULL, test_passable_dir());
	write_file("ca.yaml", talloc_asprintf(test_mem(),
				      "issuers:\n  - id: iss-s\n    type: suggests\n    options:\n      folder: %s\n"
				      "  - id: iss-deaf\n    type: good\n",
				      folder));
	options.directory = folder;
	dirs[0] = talloc_asprintf(folder, "%s/zoo", test_build_dir());
	options.host_program = talloc_asprintf(folder, "%s/bin/certctl-plugin-host", test_build_dir());
	ASSERT_OK(sealing_open(NULL, &keys, &sealing, &err), err);
	options.sealing = sealing;
	ASSERT_OK(connectors_new(NULL, &options, &core.connectors, &err), err);
	ASSERT_OK(connectors_load(core.connectors, &err), err);
	core.db = test_database();
	atexit(disconnect_all);
}

/* One certificate on one agent, with a version of 90 days, half an hour old. */
static void new_certificate(void)
{
	test_database();
	connect_all();
	test_sql("DO $$ BEGIN DELETE FROM jobs; "
		 "DELETE FROM jobs_ended; "
		 "DELETE FROM abandoned_orders; "
		 "DELETE FROM issuance_intents; "
		 "DELETE FROM alarms; "
		 "UPDATE placements SET version_id = NULL; "
		 "UPDATE managed_certificates SET version_id = NULL; "
		 "DELETE FROM certificate_versions; "
		 "DELETE FROM placements; "
		 "DELETE FROM certificate_words; "
		 "DELETE FROM managed_certificates; "
		 "DELETE FROM policies; END $$");
	test_sql("INSERT INTO agents (id, name) VALUES ('agent-s', 'agent-s') ON CONFLICT DO NOTHING");
	test_sql("INSERT INTO policies (id, name) VALUES ('rp-s', 's')");
	test_sql(
		"INSERT INTO managed_certificates (id, name, names, key_type, issuer_id, lifetime_seconds, policy_id) VALUES "
		"('mc-s', 's', '[{\"type\":\"dns\",\"value\":\"a.example.com\"}]', 'ECDSA_P256', 'iss-s', 7776000, 'rp-s')");
	test_sql("INSERT INTO placements (id, certificate_id, agent_id) VALUES ('pl-s', 'mc-s', 'agent-s')");
	test_sql(
		"INSERT INTO certificate_versions (id, certificate_id, placement_id, sequence, job_id, issuer_id, serial_number, "
		"subject, issuer_dn, key_type, not_before, not_after, fingerprint_sha256, public_key_sha256, csr_sha256, leaf, chain) "
		"SELECT 'ver-s' || n, 'mc-s', 'pl-s', n, 'job-s' || n, 'iss-s', '0' || n, '', '', '', now() - interval '30 minutes', "
		"now() + interval '90 days', encode(sha256(n::text::bytea), 'hex'), encode(sha256(n::text::bytea), 'hex'), "
		"encode(sha256(n::text::bytea), 'hex'), 'leaf', '' FROM generate_series(1, 2) AS n");
	test_sql("UPDATE placements SET version_id = 'ver-s1', renew_at = now() + interval '58 days'");
}

static void run_windows(void)
{
	struct errand errand = { .core = &core, .mem = test_mem(), .after = "", .keeper = test_mem() };
	struct certctl_error err = { 0 };

	ASSERT_OK(errand_windows(&errand, &err), err);
}

static void a_window_moves_a_renewal(void)
{
	/* renew_at, in days from now */
	static const struct {
		const char *window, *policy;
		double from, to;
	} rows[] = {
		{ NULL, "name = 's'", 58, 58 },
		{ "-86400 -3600 3600", "name = 's'", -1, -0.04 },
		{ "864000 1728000 3600", "name = 's'", 10, 20 },
		{ "864000 864000 3600", "name = 's'", 10, 10 },
		/* Later than planned, while there is time; a day of 90 is left. */
		{ "6912000 6912000 3600", "name = 's'", 80, 80 },
		{ "7700000 7700000 3600", "name = 's'", 89, 89 },
		{ "86400000 96400000 3600", "name = 's'", 89, 89 },
		/* The policy's own window is waited for only within the CA's. */
		{ "-3600 -1800 3600",
			"renewal_days = (SELECT array_agg(day) FROM (VALUES ('monday'), ('tuesday'), ('wednesday'), "
			"('thursday'), ('friday'), ('saturday'), ('sunday')) AS days (day) "
			"WHERE left(day, 3) <> to_char(now() AT TIME ZONE 'UTC', 'dy'))",
			-0.05, -0.01 },
		{ "-3600 864000 3600",
			"renewal_days = ARRAY[trim(to_char((now() + interval '3 days') AT TIME ZONE 'UTC', 'day'))]", 2,
			10 },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		new_certificate();
		test_sql(talloc_asprintf(test_mem(), "UPDATE policies SET %s", rows[i].policy));
		say(rows[i].window);
		run_windows();
		double days =
			strtod(test_value("SELECT extract(epoch FROM renew_at - now()) / 86400 FROM placements"), NULL);

		CU_ASSERT_TRUE(days >= rows[i].from - 0.01 && days <= rows[i].to + 0.01);
		if (days < rows[i].from - 0.01 || days > rows[i].to + 0.01)
			fprintf(stderr, "row %zu: %f\n", i, days);
	}
}

static void what_a_ca_says_is_kept_until_it_says_something_else(void)
{
	static const char checked[] = "SELECT round(extract(epoch FROM ari_check_at - now()) / 60) FROM placements";

	new_certificate();
	say("864000 1728000 1");
	run_windows();
	const char *first = test_value("SELECT renew_at FROM placements");

	ASSERT_TEXT(test_value(checked), "1"); /* not every second */
	ASSERT_TEXT(test_value("SELECT ari_url FROM placements"), "https://ca.example.com/why");
	ASSERT_TEXT(
		test_value("SELECT details ->> 'issuer_id' FROM audit_events WHERE action = 'renewal_window_changed' "
			   "ORDER BY id DESC LIMIT 1"),
		"iss-s");
	/* Not asked before its time; then asked: nonsense changes nothing, and neither does silence of its process. */
	say("-10 -5 3600");
	run_windows();
	ASSERT_TEXT(test_value("SELECT renew_at FROM placements"), first);
	test_sql("UPDATE placements SET ari_check_at = now()");
	say("20 10 3600");
	run_windows();
	ASSERT_TEXT(test_value("SELECT renew_at FROM placements"), first);
	ASSERT_TEXT(test_value(checked), "60");
	/* No answer any more: as the policy says. */
	test_sql("UPDATE placements SET ari_check_at = now()");
	say(NULL);
	run_windows();
	ASSERT_TEXT(
		test_value("SELECT ari_starts_at IS NULL AND renew_at > now() + interval '50 days' FROM placements"),
		"t");
	ASSERT_TEXT(test_value(checked), "360");
}

static void a_window_is_of_one_version(void)
{
	struct certctl_error err = { 0 };

	new_certificate();
	say("-100 -50 3600");
	run_windows();
	ASSERT_TEXT(test_value("SELECT renew_at < now() FROM placements"), "t");
	/* Renewed: what was said of the one before counts no more, also when the policy is changed before the CA is asked again. */
	test_sql("UPDATE placements SET version_id = 'ver-s2', renew_at = now() + interval '58 days'");
	test_sql("UPDATE policies SET renewal_threshold_days = 20");
	for (int64_t done = 1; done > 0;) {
		struct db_result *rows = NULL;

		ASSERT_OK(db_once(core.db, test_mem(), &query_renewal_replan, DB_NO_VALUES, &rows, &err), err);
		done = db_get_integer(rows, 0, "done");
	}
	ASSERT_TEXT(test_value("SELECT renew_at > now() + interval '69 days' FROM placements"), "t");
	/* And the new one is asked about. */
	say("864000 1728000 3600");
	run_windows();
	ASSERT_TEXT(
		test_value("SELECT ari_version_id || ' ' || (renew_at < now() + interval '21 days') FROM placements"),
		"ver-s2 true");
	/* A changed policy keeps to it. */
	test_sql("UPDATE managed_certificates SET policy_id = NULL");
	ASSERT_TEXT(test_value("SELECT renew_at < now() + interval '21 days' FROM placements"), "t");
}

static void what_shall_not_be_renewed_or_failed_is_not_moved(void)
{
	new_certificate();
	test_sql("UPDATE policies SET auto_renew = false");
	say("-100 -50 3600");
	run_windows();
	ASSERT_TEXT(test_value("SELECT renew_at IS NULL FROM placements"), "t");
	new_certificate();
	test_sql("UPDATE placements SET failures = 2, renew_at = now() + interval '1 hour'");
	run_windows();
	ASSERT_TEXT(test_value("SELECT renew_at > now() + interval '59 minutes' FROM placements"), "t");
	/* What has ended is asked about no more. */
	new_certificate();
	run_windows();
	test_sql("UPDATE managed_certificates SET archived_at = now()");
	test_sql("UPDATE placements SET ari_check_at = now()");
	run_windows();
	ASSERT_TEXT(test_value("SELECT ari_check_at IS NULL FROM placements"), "t");
}

/* --- What is given up ------------------------------------------------------------------------------------------------ */

static void run_abandon(void)
{
	struct errand errand = { .core = &core, .mem = test_mem(), .after = "", .keeper = test_mem() };
	struct certctl_error err = { 0 };

	ASSERT_OK(errand_abandon(&errand, &err), err);
}

/* A job that its CA has on its hands, after so many attempts. */
static const char *told(void)
{
	return talloc_asprintf(test_mem(), "%s order 17\n", test_value("SELECT id FROM jobs_ended"));
}

static void new_job(const char *issuer, int attempts)
{
	new_certificate();
	unlink(talloc_asprintf(test_mem(), "%s/heard", folder));
	test_sql(talloc_asprintf(test_mem(),
		"INSERT INTO jobs (type, state, step, certificate_id, placement_id, agent_id, issuer_id, created_by, csr, "
		"saved_state, saved_state_version, attempts) VALUES ('Renewal', 'Pending', 'issue', 'mc-s', 'pl-s', 'agent-s', "
		"'%s', 'test', 'csr', 'order 17', '1.0.0', %d)",
		issuer, attempts));
}

static void cancel(void)
{
	const char *ids = test_value("SELECT array_agg(id)::text FROM jobs");
	struct certctl_error err = { 0 };

	ASSERT_OK(db_once(core.db, NULL, &query_jobs_cancel,
			  DB_VALUES(db_text(ids), db_text("somebody"), db_text("cancelled"), db_text(NULL)), NULL,
			  &err),
		err);
}

static void a_ca_hears_of_what_is_given_up_once(void)
{
	new_job("iss-s", 1);
	cancel();
	ASSERT_TEXT(test_value("SELECT saved_state || saved_state_version FROM jobs_ended"), "order 171.0.0");
	run_abandon();
	ASSERT_TEXT(heard(), told());
	run_abandon();
	ASSERT_TEXT(heard(), told());
	ASSERT_TEXT(test_value("SELECT count(*) FROM abandoned_orders"), "0");
	ASSERT_TEXT(test_value("SELECT concat_ws(' ', resource_id, details ->> 'issuer_notified') FROM audit_events "
			       "WHERE action = 'issuance_abandoned' ORDER BY id DESC LIMIT 1"),
		"mc-s true");
}

static void a_ca_is_told_only_what_it_knows(void)
{
	/* It was never asked; it is at it this moment; it cannot be told; the job failed. */
	new_job("iss-s", 0);
	cancel();
	ASSERT_TEXT(test_value("SELECT count(*) FROM abandoned_orders"), "0");
	new_job("iss-s", 1);
	test_sql("UPDATE jobs SET state = 'Running', worker = 'w', lease_until = now() + interval '1 hour'");
	cancel();
	run_abandon();
	ASSERT_TEXT(heard(), "");
	ASSERT_TEXT(test_value("SELECT ask_at > now() + interval '50 seconds' FROM abandoned_orders"), "t");
	new_job("iss-s", 1);
	test_sql("UPDATE jobs SET state = 'Running', token = 7, worker = 'w', lease_until = now() + interval '1 hour'");
	struct certctl_error err = { 0 };

	ASSERT_OK(db_once(core.db, NULL, &query_job_end,
			  DB_VALUES(db_text(test_value("SELECT id FROM jobs")), db_integer(7), db_text("Failed"),
				  db_text(NULL), db_text(NULL), db_text("no attempts left"), db_text(NULL)),
			  NULL, &err),
		err);
	run_abandon();
	ASSERT_TEXT(heard(), told());
}

static void who_does_not_listen_is_told_three_times(void)
{
	new_job("iss-s", 1);
	cancel();
	/* A folder where a file should be. */
	CU_ASSERT_EQUAL(mkdir(talloc_asprintf(test_mem(), "%s/heard", folder), 0700), 0);
	for (int attempt = 1; attempt <= 3; attempt++) {
		ASSERT_TEXT(test_value("SELECT count(*) FROM abandoned_orders"), "1");
		run_abandon();
		test_sql("UPDATE abandoned_orders SET ask_at = now()");
	}
	rmdir(talloc_asprintf(test_mem(), "%s/heard", folder));
	ASSERT_TEXT(test_value("SELECT count(*) FROM abandoned_orders"), "0");
	ASSERT_TEXT(test_value("SELECT details ->> 'error' FROM audit_events WHERE action = 'issuance_abandoned' "
			       "ORDER BY id DESC LIMIT 1"),
		"heard: cannot be written");
	run_abandon();
	ASSERT_TEXT(heard(), "");
}

const struct test tests[] = {
	TEST(a_window_moves_a_renewal),
	TEST(what_a_ca_says_is_kept_until_it_says_something_else),
	TEST(a_window_is_of_one_version),
	TEST(what_shall_not_be_renewed_or_failed_is_not_moved),
	TEST(a_ca_hears_of_what_is_given_up_once),
	TEST(a_ca_is_told_only_what_it_knows),
	TEST(who_does_not_listen_is_told_three_times),
	{ 0 },
};
