/* Several transactions made one, on a real database. */
#include "core/database.h"

static const unsigned text_type[] = { 25 };
static const struct db_query insert = { "unit_insert", "INSERT INTO teams (id, name) VALUES ($1, $1)", text_type, 1 };
static const struct db_query count_teams = { "unit_count", "SELECT count(*) AS n FROM teams WHERE id = $1", text_type,
	1 };
static const struct db_query end_ours = { "unit_end", "SELECT pg_terminate_backend(pg_backend_pid())", NULL, 0 };

static int add(struct db *db, void *arg, struct certctl_error *err)
{
	return db_run(db, NULL, &insert, DB_VALUES(db_text(arg)), NULL, err);
}

static int add_and_fail(struct db *db, void *arg, struct certctl_error *err)
{
	int rc = add(db, arg, err);

	return rc < 0 ? rc : certctl_fail(err, CERTCTL_E_CONFLICT, "no");
}

static int end_connection(struct db *db, void *arg, struct certctl_error *err)
{
	(void)arg;
	return db_run(db, NULL, &end_ours, DB_NO_VALUES, NULL, err);
}

static int64_t seen(struct db_pool *pool, const char *id)
{
	struct certctl_error err = { 0 };
	struct db_result *rows = NULL;

	ASSERT_OK(db_once(pool, test_mem(), &count_teams, DB_VALUES(db_text(id)), &rows, &err), err);
	return rows ? db_get_integer(rows, 0, "n") : -1;
}

static struct db_pool *new_unit(db_work_fn *first, const char *arg)
{
	struct certctl_error err = { 0 };
	struct db_pool *unit = NULL;

	ASSERT_OK(db_unit_new(test_mem(), test_database(), first, (void *)(uintptr_t)arg, &unit, &err), err);
	return unit;
}

static int part(struct db_pool *unit, db_work_fn *work, const char *id)
{
	struct certctl_error err = { 0 };

	return db_transaction(unit, work, (void *)(uintptr_t)id, &err);
}

static void count_call(void *arg)
{
	++*(int *)arg;
}

static void parts_are_committed_together_and_seen_by_each_other_before(void)
{
	struct db_pool *unit = new_unit(add, "t-first");
	struct certctl_error err = { 0 };
	int calls = 0;

	CU_ASSERT_FALSE(db_unit_is_open(unit));
	CU_ASSERT_EQUAL(part(unit, add, "t-a"), 0);
	CU_ASSERT_EQUAL(part(unit, add, "t-b"), 0);
	CU_ASSERT_TRUE(db_unit_is_open(unit));
	CU_ASSERT_EQUAL(seen(unit, "t-first") + seen(unit, "t-a") + seen(unit, "t-b"), 3);
	CU_ASSERT_EQUAL(seen(test_database(), "t-first") + seen(test_database(), "t-a"), 0);
	db_when_committed(unit, count_call, &calls);
	CU_ASSERT_EQUAL(calls, 0);
	ASSERT_OK(db_unit_end(unit, true, NULL, &err), err);
	CU_ASSERT_EQUAL(calls, 1);
	CU_ASSERT_EQUAL(seen(test_database(), "t-first") + seen(test_database(), "t-a") + seen(test_database(), "t-b"),
		3);
}

static void what_is_undone_was_never_there(void)
{
	struct db_pool *unit = new_unit(NULL, NULL);
	struct certctl_error err = { 0 };
	int calls = 0;

	CU_ASSERT_EQUAL(part(unit, add, "t-gone"), 0);
	db_when_committed(unit, count_call, &calls);
	ASSERT_OK(db_unit_end(unit, false, NULL, &err), err);
	CU_ASSERT_EQUAL(calls, 0);
	CU_ASSERT_EQUAL(seen(test_database(), "t-gone"), 0);
	/* As new. */
	CU_ASSERT_EQUAL(part(unit, add, "t-gone"), 0);
	ASSERT_OK(db_unit_end(unit, true, NULL, &err), err);
	CU_ASSERT_EQUAL(seen(test_database(), "t-gone"), 1);
}

static void a_part_that_fails_is_undone_alone(void)
{
	struct db_pool *unit = new_unit(NULL, NULL);
	struct certctl_error err = { 0 };

	CU_ASSERT_EQUAL(part(unit, add, "t-stays"), 0);
	CU_ASSERT_EQUAL(part(unit, add_and_fail, "t-fails"), CERTCTL_E_CONFLICT);
	CU_ASSERT_EQUAL(part(unit, add, "t-stays"), CERTCTL_E_CONFLICT);
	CU_ASSERT_EQUAL(part(unit, add, "t-later"), 0);
	ASSERT_OK(db_unit_end(unit, true, NULL, &err), err);
	CU_ASSERT_EQUAL(seen(test_database(), "t-stays") + seen(test_database(), "t-later"), 2);
	CU_ASSERT_EQUAL(seen(test_database(), "t-fails"), 0);
}

static void a_unit_whose_first_part_fails_has_done_nothing(void)
{
	struct db_pool *unit = new_unit(add, "t-claim");
	struct certctl_error err = { 0 };

	CU_ASSERT_EQUAL(part(unit, add_and_fail, "t-x"), CERTCTL_E_CONFLICT);
	CU_ASSERT_FALSE(db_unit_is_open(unit));
	ASSERT_OK(db_unit_end(unit, true, NULL, &err), err);
	CU_ASSERT_EQUAL(seen(test_database(), "t-claim") + seen(test_database(), "t-x"), 0);
}

static void a_failure_that_nobody_noticed_is_not_committed_as_success(void)
{
	struct db_pool *unit = new_unit(NULL, NULL);
	struct certctl_error err = { 0 };
	bool is_unknown = true;

	CU_ASSERT_EQUAL(part(unit, add, "t-noticed"), 0);
	CU_ASSERT_EQUAL(db_once(unit, NULL, &insert, DB_VALUES(db_text("t-noticed")), NULL, &err), CERTCTL_E_CONFLICT);
	CU_ASSERT_EQUAL(db_unit_end(unit, true, &is_unknown, &err), CERTCTL_E_INTERNAL);
	CU_ASSERT_FALSE(is_unknown);
	CU_ASSERT_EQUAL(seen(test_database(), "t-noticed"), 0);
}

static void a_lost_connection_commits_nothing_and_says_so(void)
{
	struct db_pool *unit = new_unit(NULL, NULL);
	struct certctl_error err = { 0 };
	bool is_unknown = true;

	CU_ASSERT_EQUAL(part(unit, add, "t-lost"), 0);
	CU_ASSERT_EQUAL(part(unit, end_connection, NULL), CERTCTL_E_UNAVAILABLE);
	CU_ASSERT_EQUAL(db_unit_end(unit, true, &is_unknown, &err), CERTCTL_E_UNAVAILABLE);
	CU_ASSERT_FALSE(is_unknown);
	CU_ASSERT_EQUAL(seen(test_database(), "t-lost"), 0);
}

/* COMMIT ends the connection: nobody can say by it alone whether it was done. */
static void a_commit_without_an_answer_is_unknown(void)
{
	struct db_pool *unit = new_unit(NULL, NULL);
	struct certctl_error err = { 0 };
	bool is_unknown = false;
	int calls = 0;

	test_sql("CREATE FUNCTION end_us() RETURNS trigger LANGUAGE plpgsql AS "
		 "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(10); RETURN NULL; END $$");
	test_sql("CREATE CONSTRAINT TRIGGER end_us AFTER INSERT ON teams DEFERRABLE INITIALLY DEFERRED "
		 "FOR EACH ROW WHEN (NEW.id = 't-unknown') EXECUTE FUNCTION end_us()");
	CU_ASSERT_EQUAL(part(unit, add, "t-unknown"), 0);
	db_when_committed(unit, count_call, &calls);
	CU_ASSERT_EQUAL(db_unit_end(unit, true, &is_unknown, &err), CERTCTL_E_UNAVAILABLE);
	CU_ASSERT_TRUE(is_unknown);
	CU_ASSERT_EQUAL(calls, 0);
	CU_ASSERT_EQUAL(seen(test_database(), "t-unknown"), 0);
	test_sql("DROP TRIGGER end_us ON teams");
}

static void without_a_unit_a_callback_is_called_at_once(void)
{
	int calls = 0;

	db_when_committed(test_database(), count_call, &calls);
	db_when_committed(new_unit(NULL, NULL), count_call, &calls);
	CU_ASSERT_EQUAL(calls, 2);
}

const struct test tests[] = {
	TEST(parts_are_committed_together_and_seen_by_each_other_before),
	TEST(what_is_undone_was_never_there),
	TEST(a_part_that_fails_is_undone_alone),
	TEST(a_unit_whose_first_part_fails_has_done_nothing),
	TEST(a_failure_that_nobody_noticed_is_not_committed_as_success),
	TEST(a_lost_connection_commits_nothing_and_says_so),
	TEST(a_commit_without_an_answer_is_unknown),
	TEST(without_a_unit_a_callback_is_called_at_once),
	{ 0 },
};
