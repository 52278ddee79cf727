/* The database room on a real private cluster. */
#include "core/database.h"
#include "core/platform/jobs/jobs.sql.h"

#include <certctl/time.h>
#include <pthread.h>
#include <unistd.h>

static const unsigned text_and_integer[] = { 25, 20 };
static const struct db_query echo = { "echo", "SELECT $1 AS word, $2 + 1 AS number, $1 IS NULL AS is_null",
	text_and_integer, 2 };

static void values_go_in_and_rows_come_out(void)
{
	struct certctl_error err = { 0 };
	struct db_result *rows = NULL;

	ASSERT_OK(db_once(test_database(), test_mem(), &echo,
			  DB_VALUES(db_text("it's; \"x\""), db_integer(INT64_MAX - 1)), &rows, &err),
		err);
	ASSERT_TEXT(db_get_text(rows, 0, "word"), "it's; \"x\"");
	CU_ASSERT_EQUAL(db_get_integer(rows, 0, "number"), INT64_MAX);
	CU_ASSERT_FALSE(db_get_boolean(rows, 0, "is_null"));
	ASSERT_OK(db_once(test_database(), test_mem(), &echo, DB_VALUES(db_text(NULL), db_integer(0)), &rows, &err),
		err);
	CU_ASSERT_TRUE(db_get_boolean(rows, 0, "is_null"));
	CU_ASSERT_TRUE(db_is_null(rows, 0, "word"));
	CU_ASSERT_EQUAL(db_column(rows, "nowhere"), -1);
}

static void arrays_keep_every_character(void)
{
	static const unsigned types[] = { 1009 };
	static const struct db_query pick = { "pick", "SELECT ($1)[2] AS second, cardinality($1) AS count", types, 1 };
	const char *const words[] = { "a", "b\"c\\d,{e}", "" };
	struct certctl_error err = { 0 };
	struct db_result *rows = NULL;

	ASSERT_OK(db_once(test_database(), test_mem(), &pick, DB_VALUES(db_text(db_array(test_mem(), words, 3))), &rows,
			  &err),
		err);
	ASSERT_TEXT(db_get_text(rows, 0, "second"), words[1]);
	CU_ASSERT_EQUAL(db_get_integer(rows, 0, "count"), 3);
	ASSERT_OK(db_once(test_database(), test_mem(), &pick, DB_VALUES(db_text(db_array(test_mem(), words, 0))), &rows,
			  &err),
		err);
	CU_ASSERT_EQUAL(db_get_integer(rows, 0, "count"), 0);
}

static void every_named_query_prepares_on_the_migrated_database(void)
{
	struct certctl_error err = { 0 };
	struct db *db = NULL;
	size_t count = 0;

	ASSERT_OK(db_acquire(test_database(), &db, &err), err);
	for (; db_queries[count]; count++) {
		/* As the application, whose privileges are the narrow ones. */
		ASSERT_OK(db_prepare(db, db_queries[count], &err), err);
	}
	db_release(db);
	CU_ASSERT_TRUE(count > 30);
}

static void constraints_read_like_validation(void)
{
	static const struct {
		struct db_query query;
		int code;
		const char *words;
	} rows[] = {
		{ { .name = "twice",
			  .sql = "INSERT INTO issuers (id, name, type, source) "
				 "VALUES ('iss-a', 'a', 'x', 'api'), ('iss-a', 'b', 'x', 'api')" },
			CERTCTL_E_CONFLICT, "id: 'iss-a' is there already" },
		{ { .name = "dangling",
			  .sql = "INSERT INTO targets (name, type, agent_id) VALUES ('t', 'nginx', 'agent-none')" },
			CERTCTL_E_INVALID, "agent_id: there is no 'agent-none'" },
		{ { .name = "bad_id",
			  .sql = "INSERT INTO issuers (id, name, type, source) VALUES ('Not An Id', 'c', 'x', 'api')" },
			CERTCTL_E_INVALID, "object_id" },
		{ { .name = "bad_choice",
			  .sql = "INSERT INTO issuers (name, type, source) VALUES ('d', 'x', 'nowhere')" },
			CERTCTL_E_INVALID, "issuers" },
		{ { .name = "no_table", .sql = "SELECT 1 FROM nowhere" }, CERTCTL_E_INTERNAL, "42P01" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_error err = { 0 };

		ASSERT_FAILS(db_once(test_database(), NULL, &rows[i].query, DB_NO_VALUES, NULL, &err), rows[i].code,
			rows[i].words, err);
	}
}

static void a_statement_that_takes_too_long_costs_its_connection(void)
{
	struct db_pool_options options = {
		.conninfo = db_cluster_conninfo(test_cluster), .size = 1, .statement_ms = 200
	};
	static const struct db_query sleep_long = { .name = "sleep_long", .sql = "SELECT pg_sleep(10)" };
	static const struct db_query one = { .name = "one", .sql = "SELECT 1 AS one" };
	struct certctl_error err = { 0 };
	struct db_pool *pool = NULL;
	struct db_result *rows = NULL;
	int64_t began_ms = certctl_monotonic_ms();

	ASSERT_OK(db_pool_new(NULL, &options, &pool, &err), err);
	ASSERT_FAILS(db_once(pool, NULL, &sleep_long, DB_NO_VALUES, NULL, &err), CERTCTL_E_TIMEOUT, NULL, err);
	CU_ASSERT_TRUE(certctl_monotonic_ms() - began_ms < 8000);
	ASSERT_OK(db_once(pool, test_mem(), &one, DB_NO_VALUES, &rows, &err), err);
	talloc_free(pool);
}

static void two_queries_of_one_name_are_two_statements(void)
{
	static const struct db_query first = { .name = "same", .sql = "SELECT 'first' AS what" };
	static const struct db_query second = { .name = "same", .sql = "SELECT 'second' AS what" };
	struct certctl_error err = { 0 };
	struct db_result *rows = NULL;
	struct db *db = NULL;

	ASSERT_OK(db_acquire(test_database(), &db, &err), err);
	for (int i = 0; i < 2; i++) {
		ASSERT_OK(db_run(db, test_mem(), &first, DB_NO_VALUES, &rows, &err), err);
		CU_ASSERT_STRING_EQUAL(db_get_text(rows, 0, "what"), "first");
		ASSERT_OK(db_run(db, test_mem(), &second, DB_NO_VALUES, &rows, &err), err);
		CU_ASSERT_STRING_EQUAL(db_get_text(rows, 0, "what"), "second");
	}
	db_release(db);
}

static void a_full_pool_says_so_in_time(void)
{
	struct db_pool_options options = {
		.conninfo = db_cluster_conninfo(test_cluster), .size = 1, .connect_ms = 100
	};
	struct certctl_error err = { 0 };
	struct db_pool *pool = NULL;
	struct db *first = NULL, *second = NULL;

	ASSERT_OK(db_pool_new(NULL, &options, &pool, &err), err);
	ASSERT_OK(db_acquire(pool, &first, &err), err);
	ASSERT_FAILS(db_acquire(pool, &second, &err), CERTCTL_E_UNAVAILABLE, "busy", err);
	db_release(first);
	ASSERT_OK(db_acquire(pool, &second, &err), err);
	db_release(second);
	talloc_free(pool);
}

static void a_database_that_is_away_is_unavailable(void)
{
	struct db_pool_options options = {
		.conninfo = "host=/nowhere user=nobody dbname=none", .size = 1, .connect_ms = 500
	};
	struct certctl_error err = { 0 };
	struct db_pool *pool = NULL;
	struct db *db = NULL;

	ASSERT_OK(db_pool_new(NULL, &options, &pool, &err), err);
	ASSERT_FAILS(db_acquire(pool, &db, &err), CERTCTL_E_UNAVAILABLE, "database", err);
	talloc_free(pool);
}

/* --- Transactions ---------------------------------------------------------------------------------------------------- */

static int fail_after_write(struct db *db, void *arg, struct certctl_error *err)
{
	static const struct db_query insert = { .name = "insert_issuer",
		.sql = "INSERT INTO issuers (id, name, type, source) VALUES ('iss-gone', 'gone', 'x', 'api')" };
	int rc = db_run(db, NULL, &insert, DB_NO_VALUES, NULL, err);

	(*(int *)arg)++;
	return rc < 0 ? rc : certctl_fail(err, CERTCTL_E_DENIED, "changed my mind");
}

static void a_transaction_that_fails_leaves_nothing_and_is_not_repeated(void)
{
	struct certctl_error err = { 0 };
	int runs = 0;

	ASSERT_FAILS(db_transaction(test_database(), fail_after_write, &runs, &err), CERTCTL_E_DENIED,
		"changed my mind", err);
	CU_ASSERT_EQUAL(runs, 1);
	ASSERT_TEXT(test_value("SELECT count(*) FROM issuers WHERE id = 'iss-gone'"), "0");
}

/* Two transactions that lock the same two rows in opposite order. */
struct crossing {
	pthread_barrier_t *both_hold_one;
	const struct db_query *first, *second;
	int runs, rc;
};

static int lock_two(struct db *db, void *arg, struct certctl_error *err)
{
	struct crossing *crossing = arg;
	int rc = db_run(db, NULL, crossing->first, DB_NO_VALUES, NULL, err);

	if (crossing->runs++ == 0)
		pthread_barrier_wait(crossing->both_hold_one);
	return rc < 0 ? rc : db_run(db, NULL, crossing->second, DB_NO_VALUES, NULL, err);
}

static void *cross(void *arg)
{
	struct crossing *crossing = arg;
	struct certctl_error err = { 0 };

	crossing->rc = db_transaction(test_pool, lock_two, crossing, &err);
	return NULL;
}

static void a_deadlock_is_repeated_as_a_whole(void)
{
	static const struct db_query a = { .name = "lock_a",
		.sql = "UPDATE issuers SET name = name WHERE id = 'iss-1'" };
	static const struct db_query b = { .name = "lock_b",
		.sql = "UPDATE issuers SET name = name WHERE id = 'iss-2'" };
	pthread_barrier_t barrier;
	struct crossing left = { &barrier, &a, &b, 0, 1 }, right = { &barrier, &b, &a, 0, 1 };
	pthread_t thread;

	test_database();
	test_sql(
		"INSERT INTO issuers (id, name, type, source) VALUES ('iss-1', 'one', 'x', 'api'), ('iss-2', 'two', 'x', 'api')");
	pthread_barrier_init(&barrier, NULL, 2);
	CU_ASSERT_EQUAL(pthread_create(&thread, NULL, cross, &right), 0);
	cross(&left);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&barrier);
	CU_ASSERT_EQUAL(left.rc, 0);
	CU_ASSERT_EQUAL(right.rc, 0);
	/* One of them was the victim. */
	CU_ASSERT_TRUE(left.runs + right.runs >= 3);
}

/* --- Migrations, roles ----------------------------------------------------------------------------------------------- */

static void migrations_run_once_and_a_newer_schema_is_refused(void)
{
	struct certctl_error err = { 0 };
	struct db_pool *owner;

	test_database();
	owner = test_new_pool(db_cluster_owner_conninfo(test_cluster), 1);
	ASSERT_OK(db_migrate(owner, db_migrations, &err), err);
	test_sql("INSERT INTO schema_migrations (version, name) VALUES (9999, 'future')");
	ASSERT_FAILS(db_migrate(owner, db_migrations, &err), CERTCTL_E_UNSUPPORTED, "9999", err);
	test_sql("DELETE FROM schema_migrations WHERE version = 9999");
	talloc_free(owner);
}

static void a_migration_that_fails_leaves_nothing(void)
{
	static const struct db_migration broken[] = { { 9000, "broken", "CREATE TABLE half (id int); SELECT 1 / 0;" },
		{ 0 } };
	struct certctl_error err = { 0 };
	struct db_pool *owner;

	test_database();
	owner = test_new_pool(db_cluster_owner_conninfo(test_cluster), 1);
	ASSERT_FAILS(db_migrate(owner, broken, &err), CERTCTL_E_INVALID, "migration 9000_broken", err);
	ASSERT_TEXT(test_value("SELECT to_regclass('half') IS NULL"), "t");
	/* The lock is free again. */
	ASSERT_OK(db_migrate(owner, db_migrations, &err), err);
	talloc_free(owner);
}

static void the_application_cannot_change_the_audit_trail(void)
{
	static const struct db_query statements[] = {
		{ .name = "audit_update", .sql = "UPDATE audit_events SET actor = 'x'" },
		{ .name = "audit_delete", .sql = "DELETE FROM audit_events" },
		{ .name = "audit_truncate", .sql = "TRUNCATE audit_events" },
	};
	struct db_pool *owner;

	test_database();
	owner = test_new_pool(db_cluster_owner_conninfo(test_cluster), 1);
	test_sql("INSERT INTO audit_events (action, actor, actor_type, resource_type, resource_id) "
		 "VALUES ('a', 'b', 'c', 'd', 'e')");
	for (size_t i = 0; i < CERTCTL_COUNT(statements); i++) {
		struct certctl_error err = { 0 };

		ASSERT_FAILS(db_once(test_database(), NULL, &statements[i], DB_NO_VALUES, NULL, &err),
			CERTCTL_E_INTERNAL, "permission denied", err);
		/* Not even the owner, by statement. */
		ASSERT_FAILS(db_once(owner, NULL, &statements[i], DB_NO_VALUES, NULL, &err), CERTCTL_E_INTERNAL,
			"append-only", err);
	}
	talloc_free(owner);
}

static void the_application_makes_months_ahead_and_they_are_protected(void)
{
	struct db_query query = { .name = "month_truncate" };
	struct certctl_error err = { 0 };

	test_database();
	test_sql("DO $$ BEGIN EXECUTE 'DROP TABLE ' || (SELECT max(inhrelid::regclass::text) FROM pg_inherits "
		 "WHERE inhparent = 'audit_events'::regclass); END $$");
	ASSERT_TEXT(test_value("SELECT count(*) FROM pg_inherits WHERE inhparent = 'audit_events'::regclass"), "2");
	ASSERT_OK(db_once(test_database(), NULL, &query_partitions_make, DB_NO_VALUES, NULL, &err), err);
	ASSERT_TEXT(test_value("SELECT count(*) FROM pg_inherits WHERE inhparent = 'audit_events'::regclass"), "3");
	query.sql = talloc_asprintf(test_mem(), "TRUNCATE %s",
		test_value(
			"SELECT max(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'audit_events'::regclass"));
	ASSERT_FAILS(db_once(test_database(), NULL, &query, DB_NO_VALUES, NULL, &err), CERTCTL_E_INTERNAL,
		"permission denied", err);
}

static void a_notification_wakes_a_listener(void)
{
	struct certctl_error err = { 0 };
	struct db *listener = NULL, *sender = NULL;
	bool is_notified = false;

	ASSERT_OK(db_acquire(test_database(), &listener, &err), err);
	ASSERT_OK(db_acquire(test_database(), &sender, &err), err);
	ASSERT_OK(db_listen(listener, "a channel", &err), err);
	ASSERT_OK(db_wait(listener, -1, 20, &is_notified, &err), err);
	CU_ASSERT_FALSE(is_notified);
	ASSERT_OK(db_notify(sender, "a channel", &err), err);
	ASSERT_OK(db_wait(listener, -1, 10000, &is_notified, &err), err);
	CU_ASSERT_TRUE(is_notified);
	db_release(sender);
	db_release(listener);
}

const struct test tests[] = {
	TEST(values_go_in_and_rows_come_out),
	TEST(arrays_keep_every_character),
	TEST(every_named_query_prepares_on_the_migrated_database),
	TEST(constraints_read_like_validation),
	TEST(a_statement_that_takes_too_long_costs_its_connection),
	TEST(two_queries_of_one_name_are_two_statements),
	TEST(a_full_pool_says_so_in_time),
	TEST(a_database_that_is_away_is_unavailable),
	TEST(a_transaction_that_fails_leaves_nothing_and_is_not_repeated),
	TEST(a_deadlock_is_repeated_as_a_whole),
	TEST(migrations_run_once_and_a_newer_schema_is_refused),
	TEST(a_migration_that_fails_leaves_nothing),
	TEST(the_application_cannot_change_the_audit_trail),
	TEST(the_application_makes_months_ahead_and_they_are_protected),
	TEST(a_notification_wakes_a_listener),
	{ 0 },
};
