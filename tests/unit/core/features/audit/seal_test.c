/* Sealing and verifying against a real PostgreSQL: many writers, and somebody who owns the database and lies. */
#include "core/features/audit/audit.h"
#include "core/features/audit/audit.sql.h"
#include "core/features/audit/check.h"
#include "core/features/audit/seal.h"
#include "core/features/audit/seal.sql.h"
#include "tests/unit/core/database.h"

#include <certctl/files.h>
#include <pthread.h>
#include <stdatomic.h>

#define WRITERS      16
#define TRANSACTIONS 60

static struct audit_signer *signer;
static struct audit_keys *keys;
static const char *state_dir;

/* --- Furniture ------------------------------------------------------------------------------------------------------- */

static struct db_pool *trail(void)
{
	struct db_pool *pool = test_database();
	struct certctl_error err = { 0 };
	char *pem = NULL;
	size_t len = 0;

	if (signer)
		return pool;
	ASSERT_OK(db_once(pool, NULL, &query_audit_epoch_begin, DB_NO_VALUES, NULL, &err), err);
	state_dir = talloc_strdup(NULL, test_temporary_dir()); /* the tests after this one want it too */
	ASSERT_OK(audit_signer_open(NULL, state_dir, &signer, &err), err);
	ASSERT_OK(audit_keys_new(NULL, &keys, &err), err);
	ASSERT_OK(certctl_file_read_path(test_mem(), talloc_asprintf(test_mem(), "%s/" AUDIT_PUBLIC_FILE, state_dir),
			  4096, &pem, &len, &err),
		err);
	ASSERT_OK(audit_keys_add(keys, pem, len, &err), err);
	return pool;
}

/* Seal everything and sign the head. */
static int seal(struct certctl_error *err)
{
	CERTCTL_AUTO(db_release) struct db *db = NULL;
	struct audit_position position;
	int64_t sealed = 1;
	int rc = db_acquire(trail(), &db, err);

	if (rc == 0)
		rc = audit_position_load(db, &position, err);
	while (rc == 0 && sealed > 0)
		rc = audit_seal_step(db, signer, &position, &sealed, err);
	return rc < 0 ? rc : audit_checkpoint(db, signer, state_dir, &position, err);
}

static int check(struct audit_report *ret, struct certctl_error *err)
{
	const char *file = talloc_asprintf(test_mem(), "%s/" AUDIT_CHECKPOINT_FILE, state_dir);

	return audit_check_database(trail(), keys, file, ret, err);
}

static int write_event(struct db *db, const char *id, struct certctl_error *err)
{
	static const struct audit_actor actor = { .name = "tester", .type = "api_key", .source_ip = "127.0.0.1" };
	struct audit_event event = { "test_event", "thing", id, "{\"text\": \"a\\nb\\\"c\\u202e\", \"n\": 1.10}" };

	return audit_record(db, &actor, &event, err);
}

static int write_some(struct db *db, void *arg, struct certctl_error *err)
{
	int rc = 0;

	for (int i = 0; rc == 0 && i < *(int *)arg; i++)
		rc = write_event(db, "some", err);
	return rc;
}

static void write_and_seal(int count)
{
	struct certctl_error err = { 0 };

	ASSERT_OK(db_transaction(trail(), write_some, &count, &err), err);
	ASSERT_OK(seal(&err), err);
}

/* --- Writers --------------------------------------------------------------------------------------------------------- */

struct writers {
	struct db_pool *pool;
	atomic_int running, committed;
	atomic_uint seed;
};

static int write_or_fail(struct db *db, void *arg, struct certctl_error *err)
{
	struct writers *writers = arg;
	unsigned seed = atomic_fetch_add(&writers->seed, 1);
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i <= seed % 3; i++)
		rc = write_event(db, "many", err);
	if (rc == 0 && seed % 4 == 3)
		return certctl_fail(err, CERTCTL_E_CANCELLED, "rolled back");
	if (rc == 0)
		atomic_fetch_add(&writers->committed, (int)(seed % 3) + 1);
	return rc;
}

static void *run_writer(void *arg)
{
	struct writers *writers = arg;

	for (int i = 0; i < TRANSACTIONS; i++) {
		struct certctl_error err = { 0 };
		int rc = db_transaction(writers->pool, write_or_fail, writers, &err);

		certctl_assert(rc == 0 || rc == CERTCTL_E_CANCELLED);
	}
	atomic_fetch_sub(&writers->running, 1);
	return NULL;
}

static void sixteen_writers_with_rollbacks_raise_no_false_alarm(void)
{
	struct writers writers = { .running = WRITERS };
	struct audit_report report = { 0 };
	struct certctl_error err = { 0 };
	pthread_t threads[WRITERS];
	int checks = 0;

	trail();
	writers.pool = test_new_pool(db_cluster_conninfo(test_cluster), WRITERS);
	for (int i = 0; i < WRITERS; i++)
		pthread_create(&threads[i], NULL, run_writer, &writers);
	while (atomic_load(&writers.running) > 0) {
		ASSERT_OK(seal(&err), err);
		if (checks++ % 4 == 0)
			ASSERT_OK(check(&report, &err), err);
	}
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	talloc_free(writers.pool);
	ASSERT_OK(seal(&err), err);
	ASSERT_OK(check(&report, &err), err);
	ASSERT_TEXT(test_value("SELECT count(*) FROM audit_events WHERE resource_id = 'many'"),
		talloc_asprintf(test_mem(), "%d", atomic_load(&writers.committed)));
	ASSERT_TEXT(test_value("SELECT count(*) FROM audit_events"),
		talloc_asprintf(test_mem(), "%lld", (long long)report.events));
	CU_ASSERT_EQUAL(report.signed_events, report.events);
}

static int seal_inside(struct db *db, void *arg, struct certctl_error *err)
{
	int rc = write_event(db, "open", err);

	if (rc == 0)
		rc = db_once(trail(), NULL, &query_audit_record,
			DB_VALUES(db_text("test_event"), db_text("later"), db_text("api_key"), db_text(NULL),
				db_text(NULL), db_text("thing"), db_text("later"), db_text(NULL)),
			NULL, err);
	if (rc == 0)
		rc = seal(err);
	*(const char **)arg =
		test_value("SELECT (SELECT count(*) FROM audit_events) - (SELECT max(size) FROM audit_batches)");
	return rc;
}

static void nothing_is_sealed_past_a_transaction_that_runs(void)
{
	struct certctl_error err = { 0 };
	struct audit_report report = { 0 };
	const char *unsealed = "";

	write_and_seal(1);
	ASSERT_OK(db_transaction(trail(), seal_inside, &unsealed, &err), err);
	/* the later one has committed, and waits for the open one */
	ASSERT_TEXT(unsealed, "1");
	ASSERT_OK(seal(&err), err);
	ASSERT_OK(check(&report, &err), err);
}

/* --- Who may do what ------------------------------------------------------------------------------------------------- */

static const char *const refused[] = {
	"UPDATE audit_events SET actor = 'x'",
	"DELETE FROM audit_events",
	"TRUNCATE audit_events",
	"DROP TABLE audit_events",
	"ALTER TABLE audit_events DISABLE TRIGGER ALL",
	"UPDATE audit_batches SET size = 1",
	"DELETE FROM audit_batches",
	"TRUNCATE audit_batches CASCADE",
	"UPDATE audit_checkpoints SET size = 1",
	"DELETE FROM audit_checkpoints",
	"TRUNCATE audit_checkpoints",
	"DELETE FROM audit_links",
	"UPDATE audit_links SET reason = 'x'",
	"DELETE FROM audit_epochs",
	"UPDATE audit_epochs SET first_seq = 9",
	("INSERT INTO audit_events (txid, action, actor, actor_type, resource_type, resource_id) "
	 "VALUES ('3', 'a', 'b', 'c', 'd', 'e')"),
};

static void the_application_may_only_add(void)
{
	struct db_pool *pool = trail();
	char *partition = talloc_strdup(test_mem(),
		test_value(
			"SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'audit_events'::regclass LIMIT 1"));
	const char *on_partition[] = { "UPDATE %s SET actor = 'x'", "DELETE FROM %s", "TRUNCATE %s" };

	write_and_seal(2);
	for (size_t i = 0; i < CERTCTL_COUNT(refused) + CERTCTL_COUNT(on_partition); i++) {
		const char *sql = i < CERTCTL_COUNT(refused) ? refused[i] : NULL;
		struct certctl_error err = { 0 };

		if (!sql) {
			char *text = talloc_strdup(test_mem(), on_partition[i - CERTCTL_COUNT(refused)]);

			*strchr(text, '%') = '\0';
			sql = talloc_asprintf(test_mem(), "%s%s%s", text, partition, strchr(text, '\0') + 2);
		}
		ASSERT_FAILS(db_once(pool, NULL, &(struct db_query){ .name = "", .sql = sql }, DB_NO_VALUES, NULL,
				     &err),
			CERTCTL_E_INTERNAL, "42501", err);
	}
}

static void the_owner_is_refused_too_until_it_removes_the_triggers(void)
{
	static const char *const tries[] = { "UPDATE audit_events SET actor = 'x'", "DELETE FROM audit_events",
		"TRUNCATE audit_events", "DELETE FROM audit_batches", "TRUNCATE audit_checkpoints" };
	struct certctl_error err = { 0 };

	write_and_seal(1);
	for (size_t i = 0; i < CERTCTL_COUNT(tries); i++) {
		struct db_pool *owner = test_new_pool(db_cluster_owner_conninfo(test_cluster), 1);

		ASSERT_FAILS(db_once(owner, NULL, &(struct db_query){ .name = "", .sql = tries[i] }, DB_NO_VALUES, NULL,
				     &err),
			CERTCTL_E_INTERNAL, "append-only", err);
		talloc_free(owner);
	}
}

/* --- Tampering ------------------------------------------------------------------------------------------------------- */

/* As whoever owns the tables: triggers off, the change, triggers on.  A copy of the table is put back afterwards. */
static void tamper(const char *sql)
{
	test_sql(talloc_asprintf(test_mem(),
		"DO $x$ BEGIN "
		"ALTER TABLE audit_events DISABLE TRIGGER USER; ALTER TABLE audit_batches DISABLE TRIGGER USER; "
		"ALTER TABLE audit_checkpoints DISABLE TRIGGER USER; ALTER TABLE audit_links DISABLE TRIGGER USER; "
		"%s; "
		"ALTER TABLE audit_events ENABLE TRIGGER USER; ALTER TABLE audit_batches ENABLE TRIGGER USER; "
		"ALTER TABLE audit_checkpoints ENABLE TRIGGER USER; ALTER TABLE audit_links ENABLE TRIGGER USER; "
		"END $x$",
		sql));
}

static void save(void)
{
	test_sql("DO $x$ BEGIN DROP SCHEMA IF EXISTS saved CASCADE; CREATE SCHEMA saved; "
		 "CREATE TABLE saved.audit_events AS TABLE audit_events; "
		 "CREATE TABLE saved.audit_batches AS TABLE audit_batches; "
		 "CREATE TABLE saved.audit_links AS TABLE audit_links; "
		 "CREATE TABLE saved.audit_checkpoints AS TABLE audit_checkpoints; END $x$");
}

static void restore(void)
{
	tamper("DELETE FROM audit_checkpoints; DELETE FROM audit_batches; DELETE FROM audit_events; DELETE FROM audit_links; "
	       "INSERT INTO audit_links TABLE saved.audit_links; INSERT INTO audit_events TABLE saved.audit_events; "
	       "INSERT INTO audit_batches TABLE saved.audit_batches; "
	       "INSERT INTO audit_checkpoints TABLE saved.audit_checkpoints");
}

/* %s is the id of one event in the middle of the last batch. */
static const struct {
	const char *sql, *words;
} lies[] = {
	{ "UPDATE audit_events SET txid = (txid::text::bigint - 1)::text::xid8 WHERE id = '%s'", "seq " },
	{ "UPDATE audit_events SET seq = seq + 1000000 WHERE id = '%s'", "missing" },
	{ "UPDATE audit_events SET id = left(id, 15) || '000000000000' WHERE id = '%s'", "(seq " },
	{ "UPDATE audit_events SET \"timestamp\" = \"timestamp\" + interval '1 microsecond' WHERE id = '%s'",
		"%s (seq" },
	{ "UPDATE audit_events SET action = 'other' WHERE id = '%s'", "%s (seq" },
	{ "UPDATE audit_events SET actor = 'other' WHERE id = '%s'", "%s (seq" },
	{ "UPDATE audit_events SET actor_type = 'other' WHERE id = '%s'", "%s (seq" },
	{ "UPDATE audit_events SET source_ip = NULL WHERE id = '%s'", "%s (seq" },
	{ "UPDATE audit_events SET request_id = '' WHERE id = '%s'", "%s (seq" },
	{ "UPDATE audit_events SET resource_type = 'other' WHERE id = '%s'", "%s (seq" },
	{ "UPDATE audit_events SET resource_id = 'other' WHERE id = '%s'", "%s (seq" },
	{ "UPDATE audit_events SET details = '{\"n\": 1.1}' WHERE id = '%s'", "%s (seq" },
	{ "DELETE FROM audit_events WHERE id = '%s'", "1 events are missing before" },
	{ "DELETE FROM audit_events WHERE txid = (SELECT txid FROM audit_events WHERE id = '%s')", "missing after" },
	/* one more, where it looks as if it had always been there */
	{ "INSERT INTO audit_events (txid, seq, action, actor, actor_type, resource_type, resource_id) "
	  "SELECT txid, seq, 'x', 'x', 'x', 'x', 'x' FROM audit_events WHERE id = '%s'",
		"was added" },
	{ "INSERT INTO audit_events (txid, seq, action, actor, actor_type, resource_type, resource_id) "
	  "SELECT txid, -5, 'x', 'x', 'x', 'x', 'x' FROM audit_events WHERE id = '%s'",
		"some were added" },
	/* two events exchange their places */
	{ "UPDATE audit_events SET seq = seq + (CASE WHEN id = '%s' THEN 1 ELSE -1 END) WHERE id = '%s' OR "
	  "seq = (SELECT seq + 1 FROM audit_events WHERE id = '%s')",
		"is not as it was sealed" },
	{ "UPDATE audit_batches SET root = repeat('0', 64) WHERE batch = 2 AND '%s' <> ''", "batch 2: its leaves" },
	{ "UPDATE audit_batches SET leaves = set_byte(leaves, 0, 255 - get_byte(leaves, 0)) WHERE batch = 1 AND '%s' <> ''",
		"batch 1: its leaves" },
	{ "UPDATE audit_batches SET head = repeat('0', 64) WHERE batch = 1 AND '%s' <> ''", "batch 1: its head" },
	{ "UPDATE audit_batches SET previous = repeat('0', 64) WHERE batch = 2 AND '%s' <> ''",
		"batch 2: it does not follow" },
	{ "UPDATE audit_batches SET last_seq = last_seq + 1 WHERE batch = 1 AND '%s' <> ''", "batch 1: its head" },
	{ "UPDATE audit_checkpoints SET head = repeat('0', 64) WHERE batch = (SELECT min(batch) FROM audit_checkpoints) AND '%s' <> ''",
		"rewritten" },
	{ "UPDATE audit_checkpoints SET signature = repeat('0', 128) WHERE batch = (SELECT min(batch) FROM audit_checkpoints) AND '%s' <> ''",
		"not signed" },
	{ "UPDATE audit_checkpoints SET size = 7000 WHERE batch = (SELECT min(batch) FROM audit_checkpoints) AND '%s' <> ''",
		"speaks of" },
	{ "UPDATE audit_links SET reason = 'other' WHERE '%s' <> ''", "not signed" },
	{ "DELETE FROM audit_checkpoints WHERE batch = 1; DELETE FROM audit_batches WHERE batch = 1 AND '%s' <> ''",
		"batch 2 follows it" },
	/* everything, and everything that was said about it inside the database */
	{ "DELETE FROM audit_checkpoints; DELETE FROM audit_batches; DELETE FROM audit_events WHERE '%s' <> ''",
		"cut off" },
	{ "DELETE FROM audit_checkpoints WHERE batch = (SELECT max(batch) FROM audit_batches); "
	  "DELETE FROM audit_batches WHERE batch = (SELECT max(batch) FROM audit_batches); "
	  "DELETE FROM audit_events WHERE '%s' <> '' AND txid > (SELECT last_txid FROM audit_batches ORDER BY batch DESC LIMIT 1)",
		"cut off" },
};

static const char *with_id(const char *text, const char *id)
{
	char *filled = talloc_strdup(test_mem(), "");

	for (const char *place; (place = strstr(text, "%s")); text = place + 2)
		filled = talloc_asprintf_append(filled, "%.*s%s", (int)(place - text), text, id);
	return talloc_strdup_append(filled, text);
}

static void every_lie_is_found_and_named(void)
{
	struct audit_report report = { 0 };
	struct certctl_error err = { 0 };

	write_and_seal(3);
	write_and_seal(3);
	write_and_seal(5);
	save();
	const char *id = talloc_strdup(test_mem(),
		test_value(
			"SELECT id FROM audit_events WHERE txid = (SELECT max(txid) FROM audit_events) ORDER BY seq OFFSET 2 LIMIT 1"));

	for (size_t i = 0; i < CERTCTL_COUNT(lies); i++) {
		tamper(with_id(lies[i].sql, id));
		ASSERT_FAILS(check(&report, &err), CERTCTL_E_INVALID, with_id(lies[i].words, id), err);
		restore();
		ASSERT_OK(check(&report, &err), err);
	}
}

static void another_key_is_not_believed(void)
{
	struct audit_keys *none = NULL;
	struct audit_report report = { 0 };
	struct certctl_error err = { 0 };

	write_and_seal(1);
	ASSERT_OK(audit_keys_new(test_mem(), &none, &err), err);
	ASSERT_FAILS(audit_check_database(trail(), none, NULL, &report, &err), CERTCTL_E_INVALID, "not signed by a key",
		err);
}

/* --- Restored databases ---------------------------------------------------------------------------------------------- */

static void sealing_stops_in_another_database_until_it_is_linked(void)
{
	struct audit_report before = { 0 }, after = { 0 };
	struct certctl_error err = { 0 };
	struct audit_position position;
	CERTCTL_AUTO(db_release) struct db *db = NULL;

	write_and_seal(2);
	ASSERT_OK(check(&before, &err), err);
	/* What a dump holds that was taken before everything was sealed, restored where transactions start again. */
	ASSERT_OK(db_once(trail(), NULL, &query_audit_record,
			  DB_VALUES(db_text("test_event"), db_text("old"), db_text("api_key"), db_text(NULL),
				  db_text(NULL), db_text("thing"), db_text("old"), db_text(NULL)),
			  NULL, &err),
		err);
	test_sql("INSERT INTO audit_epochs (epoch, system_identifier, first_seq) "
		 "SELECT max(epoch) + 1, 'another', nextval('audit_seq') FROM audit_epochs");
	ASSERT_FAILS(seal(&err), CERTCTL_E_DENIED, "another database", err);
	ASSERT_OK(check(&after, &err), err);
	CU_ASSERT_EQUAL(after.events, before.events + 1);
	ASSERT_OK(db_acquire(trail(), &db, &err), err);
	ASSERT_OK(audit_position_load(db, &position, &err), err);
	ASSERT_OK(audit_link(db, signer, &position, "restored after the fire", &err), err);
	CU_ASSERT_EQUAL(position.epoch, 2);
	write_and_seal(2);
	ASSERT_OK(check(&after, &err), err);
	CU_ASSERT_EQUAL(after.events, before.events + 3);
	ASSERT_FAILS(audit_link(db, signer, &position, "once more", &err), CERTCTL_E_CONFLICT, "the last one", err);
}

const struct test tests[] = {
	TEST(sixteen_writers_with_rollbacks_raise_no_false_alarm),
	TEST(nothing_is_sealed_past_a_transaction_that_runs),
	TEST(the_application_may_only_add),
	TEST(the_owner_is_refused_too_until_it_removes_the_triggers),
	TEST(every_lie_is_found_and_named),
	TEST(another_key_is_not_believed),
	TEST(sealing_stops_in_another_database_until_it_is_linked),
	{ 0 },
};
