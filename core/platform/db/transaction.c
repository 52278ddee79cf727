/* Transactions and their retry rule.  Knows nothing of what is done inside one. */
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

/* One try.  *ret_repeat: the whole may be done again. */
static int try_once(struct db *db, db_work_fn *work, void *arg, bool *ret_repeat, struct certctl_error *err)
{
	int rc = db_run_text(db, NULL, "BEGIN", NULL, err);

	if (rc == 0)
		rc = work(db, arg, err);
	if (rc == 0)
		rc = db_run_text(db, NULL, "COMMIT", NULL, err);
	*ret_repeat = rc < 0 && may_repeat(db);
	/* Still in a transaction after the failure: leave it.  The reason of the failure stays the answer. */
	if (rc < 0 && db->conn && PQtransactionStatus(db->conn) != PQTRANS_IDLE &&
		db_run_text(db, NULL, "ROLLBACK", NULL, NULL) < 0)
		db_close(db);
	return rc;
}

int db_transaction(struct db_pool *pool, db_work_fn *work, void *arg, struct certctl_error *err)
{
	bool repeat = true;
	int rc = 0;

	for (int tries = 0; repeat && tries < TRIES; tries++) {
		/* 0, 2, 8, 32, ... ms: the other side of a deadlock is done by then. */
		struct timespec pause = { .tv_nsec = tries ? 500000L << (2 * tries) : 0 };
		CERTCTL_AUTO(db_release) struct db *db = NULL;

		if (tries)
			nanosleep(&pause, NULL);
		rc = db_acquire(pool, &db, err);
		if (rc < 0)
			return rc;
		rc = try_once(db, work, arg, &repeat, err);
	}
	return rc;
}
