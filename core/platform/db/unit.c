/* Units: several transactions made one, under the type of a pool.  Knows nothing of why they belong together. */
#include "connection.h"

struct callback {
	struct callback *next;
	void (*run)(void *arg);
	void *arg;
};

struct db_unit {
	struct db_pool *pool;
	db_work_fn *first;
	void *first_arg;
	struct db *db; /* inside the transaction; NULL: nothing has been done */
	struct callback *callbacks, **end;
};

static void give_back(struct db_unit *unit)
{
	struct db *db = unit->db;

	if (!db)
		return;
	unit->db = NULL;
	db->is_of_unit = false;
	db_release(db);
}

/* A connection inside a transaction is closed by its pool, which undoes everything. */
static int destroy(struct db_unit *unit)
{
	give_back(unit);
	return 0;
}

int db_unit_new(TALLOC_CTX *mem, struct db_pool *pool, db_work_fn *first, void *arg, struct db_pool **ret,
	struct certctl_error *err)
{
	struct db_unit *unit = talloc_zero(mem, struct db_unit);
	struct db_pool *as_pool = unit ? db_pool_of_unit(unit, unit) : NULL;

	certctl_assert(!db_unit_of(pool));
	if (!as_pool) {
		talloc_free(unit);
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "database: out of memory");
	}
	unit->pool = pool;
	unit->first = first;
	unit->first_arg = arg;
	unit->end = &unit->callbacks;
	talloc_set_destructor(unit, destroy);
	*ret = as_pool;
	return 0;
}

bool db_unit_is_open(const struct db_pool *unit)
{
	return db_unit_of(unit)->db != NULL;
}

int db_unit_acquire(struct db_unit *unit, struct db **ret, struct certctl_error *err)
{
	if (!unit->db)
		return db_acquire(unit->pool, ret, err);
	*ret = unit->db;
	return 0;
}

/* --- Parts ----------------------------------------------------------------------------------------------------------- */

struct part {
	struct db_unit *unit;
	db_work_fn *work;
	void *arg;
};

static int first_part(struct db *db, void *arg, struct certctl_error *err)
{
	const struct part *part = arg;
	int rc = part->unit->first ? part->unit->first(db, part->unit->first_arg, err) : 0;

	return rc < 0 ? rc : part->work(db, part->arg, err);
}

/* The transaction begins, and stays open when its first part went well. */
static int begin(struct db_unit *unit, db_work_fn *work, void *arg, struct certctl_error *err)
{
	struct part part = { unit, work, arg };
	bool repeat = true;
	int rc = 0;

	for (int tries = 0; repeat && db_pause(tries); tries++) {
		CERTCTL_AUTO(db_release) struct db *db = NULL;

		rc = db_acquire(unit->pool, &db, err);
		if (rc < 0)
			return rc;
		rc = db_try(db, NULL, first_part, &part, &repeat, err);
		if (rc == 0) {
			db->is_of_unit = true;
			unit->db = CERTCTL_TAKE(db);
			return 0;
		}
	}
	return rc;
}

/* A part that fails is undone alone, as it would be without a unit. */
static int go_on(struct db_unit *unit, db_work_fn *work, void *arg, struct certctl_error *err)
{
	int rc = db_run_text(unit->db, NULL, "SAVEPOINT part", NULL, err);

	if (rc < 0)
		return rc;
	rc = work(unit->db, arg, err);
	if (rc == 0)
		return db_run_text(unit->db, NULL, "RELEASE SAVEPOINT part", NULL, err);
	if (unit->db->conn && db_run_text(unit->db, NULL, "ROLLBACK TO SAVEPOINT part", NULL, NULL) < 0)
		db_close(unit->db);
	return rc;
}

int db_unit_transaction(struct db_unit *unit, db_work_fn *work, void *arg, struct certctl_error *err)
{
	return unit->db ? go_on(unit, work, arg, err) : begin(unit, work, arg, err);
}

/* --- The end --------------------------------------------------------------------------------------------------------- */

static void run_callbacks(struct db_unit *unit, bool is_done)
{
	struct callback *callback = unit->callbacks;

	unit->callbacks = NULL;
	unit->end = &unit->callbacks;
	while (callback) {
		struct callback *next = callback->next;

		if (is_done)
			callback->run(callback->arg);
		talloc_free(callback);
		callback = next;
	}
}

static int commit(struct db *db, bool *ret_is_unknown, struct certctl_error *err)
{
	if (!db->conn)
		return certctl_fail(err, CERTCTL_E_UNAVAILABLE, "database: connection lost");
	/* PostgreSQL would take COMMIT for ROLLBACK, and call that a success. */
	if (PQtransactionStatus(db->conn) != PQTRANS_INTRANS)
		return certctl_fail(err, CERTCTL_E_INTERNAL, "database: a statement failed, and nobody said so");
	int rc = db_run_text(db, NULL, "COMMIT", NULL, err);

	*ret_is_unknown = rc < 0 && !db->conn;
	return rc;
}

int db_unit_end(struct db_pool *pool, bool must_commit, bool *ret_is_unknown, struct certctl_error *err)
{
	struct db_unit *unit = db_unit_of(pool);
	bool is_unknown = false;
	int rc = 0;

	if (unit->db && must_commit)
		rc = commit(unit->db, &is_unknown, err);
	if (unit->db && unit->db->conn && PQtransactionStatus(unit->db->conn) != PQTRANS_IDLE &&
		db_run_text(unit->db, NULL, "ROLLBACK", NULL, NULL) < 0)
		db_close(unit->db);
	give_back(unit);
	run_callbacks(unit, rc == 0 && must_commit);
	if (ret_is_unknown)
		*ret_is_unknown = is_unknown;
	return rc;
}

void db_when_committed(struct db_pool *pool, void (*run)(void *arg), void *arg)
{
	struct db_unit *unit = db_unit_of(pool);

	/* Statements of a unit that has not begun are committed already. */
	if (!unit || !unit->db) {
		run(arg);
		return;
	}
	struct callback *callback = talloc_zero(unit, struct callback);

	certctl_assert(callback);
	callback->run = run;
	callback->arg = arg;
	*unit->end = callback;
	unit->end = &callback->next;
}
