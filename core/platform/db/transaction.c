/* Transactions, of many statements or one, and their retry rule.  Knows nothing of what is done inside one. */
#include "connection.h"

#include <string.h>
#include <time.h>

#define TRIES 6

static bool may_repeat(const struct db *db)
{
	static const char *const states[] = { "40001", "40P01", "25006" };

	for (size_t i = 0; i < CERTCTL_COUNT(states); i++)
		if (strcmp(db->sqlstate, states[i]) == 0)
			return true;
	return false;
}

int db_try(struct db *db, const char *commit, db_work_fn *work, void *arg, bool *ret_repeat, struct certctl_error *err)
{
	int rc = db_run_text(db, NULL, "BEGIN", NULL, err);

	if (rc == 0)
		rc = work(db, arg, err);
	if (rc == 0 && commit)
		rc = db_run_text(db, NULL, commit, NULL, err);
	*ret_repeat = rc < 0 && may_repeat(db);
	/* Still in a transaction after the failure: leave it.  The reason of the failure stays the answer. */
	if (rc < 0 && db->conn && PQtransactionStatus(db->conn) != PQTRANS_IDLE &&
		db_run_text(db, NULL, "ROLLBACK", NULL, NULL) < 0)
		db_close(db);
	return rc;
}

bool db_pause(int tries)
{
	/* 0, 2, 8, 32, ... ms: the other side of a deadlock is done by then. */
	struct timespec pause = { .tv_nsec = tries && tries < TRIES ? 500000L << (2 * tries) : 0 };

	if (pause.tv_nsec)
		nanosleep(&pause, NULL);
	return tries < TRIES;
}

int db_transaction(struct db_pool *pool, db_work_fn *work, void *arg, struct certctl_error *err)
{
	bool repeat = true;
	int rc = 0;

	if (db_unit_of(pool))
		return db_unit_transaction(db_unit_of(pool), work, arg, err);
	for (int tries = 0; repeat && db_pause(tries); tries++) {
		CERTCTL_AUTO(db_release) struct db *db = NULL;

		rc = db_acquire(pool, &db, err);
		if (rc < 0)
			return rc;
		rc = db_try(db, "COMMIT", work, arg, &repeat, err);
	}
	return rc;
}

int db_once(struct db_pool *pool, TALLOC_CTX *mem, const struct db_query *query, const struct db_value *values,
	size_t count, struct db_result **ret, struct certctl_error *err)
{
	bool repeat = true;
	int rc = 0;

	for (int tries = 0; repeat && db_pause(tries); tries++) {
		CERTCTL_AUTO(db_release) struct db *db = NULL;

		rc = db_acquire(pool, &db, err);
		if (rc < 0)
			return rc;
		rc = db_run(db, mem, query, values, count, ret, err);
		/* Alone it is a whole transaction; inside a unit it is a part of one. */
		repeat = rc < 0 && !db->is_of_unit && may_repeat(db);
	}
	return rc;
}
