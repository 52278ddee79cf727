/* Renewal of many: a piece at a time, to the end, whoever does it. */
#include "core/database.h"
#include "core/features/issuance/bulk.sql.h"

/* So many certificates on one agent; every tenth is of profile prof-b, which allows none of them. */
static void new_certificates(int count)
{
	test_database();
	test_sql(
		"DO $$ BEGIN DELETE FROM jobs; DELETE FROM jobs_ended; DELETE FROM bulk_renewals; DELETE FROM placements; "
		"DELETE FROM certificate_words; DELETE FROM managed_certificates; END $$");
	test_sql(
		"INSERT INTO issuers (id, name, type, source) VALUES ('iss-a', 'a', 'local-ca', 'file') ON CONFLICT DO NOTHING");
	test_sql("INSERT INTO agents (id, name) VALUES ('agent-b', 'agent-b') ON CONFLICT DO NOTHING");
	test_sql(
		"INSERT INTO profiles (id, name, name_patterns) VALUES ('prof-b', 'b', '{*.internal}') ON CONFLICT DO NOTHING");
	test_sql(talloc_asprintf(test_mem(),
		"INSERT INTO managed_certificates (id, name, names, key_type, issuer_id, lifetime_seconds, profile_id) "
		"SELECT 'mc-' || n, 'b' || n, '[{\"type\":\"dns\",\"value\":\"a.example.com\"}]', 'ECDSA_P256', 'iss-a', 86400, "
		"CASE WHEN n %% 10 = 0 THEN 'prof-b' END FROM generate_series(1, %d) AS n",
		count));
	test_sql("INSERT INTO placements (certificate_id, agent_id) SELECT id, 'agent-b' FROM managed_certificates");
}

static const char *ask(const char *filter, const char *ids, const char *scope, bool is_dry)
{
	struct certctl_error err = { 0 };
	struct db_result *rows = NULL;

	ASSERT_OK(db_once(test_database(), test_mem(), &query_bulk_create,
			  DB_VALUES(db_text(filter), db_text(ids), db_text(scope), db_text("exercise"),
				  db_boolean(is_dry), db_text("somebody")),
			  &rows, &err),
		err);
	return db_get_text(rows, 0, "id");
}

/* A piece of so many, whoever does it. */
static int64_t do_pieces_of(int size)
{
	return strtoll(test_value(talloc_asprintf(test_mem(), "SELECT coalesce(renew_piece(NULL, %d), 0)", size)), NULL,
		10);
}

/* As the timer has it done. */
static int64_t do_piece(void)
{
	struct certctl_error err = { 0 };
	struct db_result *rows = NULL;

	ASSERT_OK(db_once(test_database(), test_mem(), &query_bulk_pieces, DB_NO_VALUES, &rows, &err), err);
	return db_get_integer(rows, 0, "done");
}

static const char *counts(const char *id)
{
	return test_value(talloc_asprintf(test_mem(),
		"SELECT concat_ws(' ', matched, started, skipped, failed, jsonb_array_length(reasons), ended_at IS NOT NULL) "
		"FROM bulk_renewals WHERE id = '%s'",
		id));
}

static void many_are_done_a_piece_at_a_time_and_none_is_left_out(void)
{
	new_certificates(250);
	const char *id = ask("{\"issuer_id\": \"iss-a\"}", NULL, NULL, false);

	CU_ASSERT_EQUAL(do_pieces_of(100), 100);
	ASSERT_TEXT(counts(id), "100 90 0 10 10 f");
	ASSERT_TEXT(test_value("SELECT count(*) FROM jobs"), "90");
	/* Whoever was at it is gone: another one goes on. */
	CU_ASSERT_EQUAL(do_pieces_of(100), 100);
	CU_ASSERT_EQUAL(do_pieces_of(100), 50);
	CU_ASSERT_EQUAL(do_pieces_of(100), 0);
	ASSERT_TEXT(counts(id), "250 225 0 25 25 t");
	ASSERT_TEXT(test_value("SELECT count(*) FROM jobs"), "225");
	ASSERT_TEXT(test_value("SELECT count(*) FROM audit_events WHERE action = 'certificate_renewal_requested' "
			       "AND details ->> 'reason' = 'exercise'"),
		"225");
	/* Once more: all of them are on their way, and a hundred reasons are enough. */
	id = ask("{\"issuer_id\": \"iss-a\"}", NULL, NULL, false);
	while (do_pieces_of(100) > 0)
		;
	ASSERT_TEXT(counts(id), "250 0 225 25 100 t");
}

static void filters_and_limits_hold_and_a_dry_run_starts_nothing(void)
{
	static const struct {
		const char *filter, *ids, *scope, *counts;
		bool is_dry;
	} rows[] = {
		{ "{\"issuer_id\": \"iss-a\"}", NULL, NULL, "20 18 0 2 2 t", true },
		{ "{\"issuer_id\": \"iss-z\"}", NULL, NULL, "0 0 0 0 0 t", false },
		{ "{\"profile_id\": \"prof-b\"}", NULL, NULL, "2 0 0 2 2 t", false },
		{ "{\"team_id\": \"t-none\"}", NULL, NULL, "0 0 0 0 0 t", false },
		{ "{\"agent_id\": \"agent-b\", \"profile_id\": \"prof-b\"}", NULL, NULL, "2 0 0 2 2 t", false },
		{ "{\"agent_id\": \"agent-z\"}", NULL, NULL, "0 0 0 0 0 t", false },
		{ "{\"issuer_id\": \"iss-a\"}", NULL, "{\"teams\": [\"t-own\"]}", "0 0 0 0 0 t", false },
		{ "{\"issuer_id\": \"iss-a\"}", NULL, "{\"issuers\": [\"iss-a\"]}", "20 18 0 2 2 t", true },
		{ "{}", "{mc-1,mc-2,mc-none}", NULL, "2 2 0 0 0 t", false },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		new_certificates(20);
		const char *id = ask(rows[i].filter, rows[i].ids, rows[i].scope, rows[i].is_dry);

		while (do_piece() > 0)
			;
		ASSERT_TEXT(counts(id), rows[i].counts);
		if (rows[i].is_dry)
			ASSERT_TEXT(test_value("SELECT count(*) FROM jobs"), "0");
	}
}

static void several_that_are_open_are_all_done(void)
{
	new_certificates(20);
	const char *none = ask("{\"issuer_id\": \"iss-z\"}", NULL, NULL, false);
	const char *some = ask("{}", "{mc-1}", NULL, false);

	/* The first has nothing to do, and does not stand in the way of the second. */
	do_piece();
	do_piece();
	ASSERT_TEXT(counts(none), "0 0 0 0 0 t");
	ASSERT_TEXT(counts(some), "1 1 0 0 0 t");
}

const struct test tests[] = {
	TEST(many_are_done_a_piece_at_a_time_and_none_is_left_out),
	TEST(filters_and_limits_hold_and_a_dry_run_starts_nothing),
	TEST(several_that_are_open_are_all_done),
	{ 0 },
};
