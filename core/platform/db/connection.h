/* Inside platform/db: one connection, and plain SQL text for the few statements that are no named queries. */
#ifndef CORE_DB_CONNECTION_H
#define CORE_DB_CONNECTION_H

#include "db.h"

#include <libpq-fe.h>

#define DB_PREPARED_MAX 1024 /* every named query, all that the resource engine keeps (256), and room */

struct db {
	struct db_pool *pool;
	struct db *next; /* in the pool's list of idle ones */
	PGconn *conn;    /* NULL: closed */
	int64_t statement_ms;
	char sqlstate[6]; /* of the last failure; "" when it did not come from the server */
	bool is_of_unit;  /* stays borrowed until its unit ends */
	const struct db_query *prepared[DB_PREPARED_MAX]; /* open addressing by pointer */
};

/** BEGIN, `work`, COMMIT or ROLLBACK, once.  *ret_repeat: the whole may be done again. */
int db_try(struct db *db, const char *commit, db_work_fn *work, void *arg, bool *ret_repeat,
	struct certctl_error *err) CERTCTL_CHECKED;
/** How long to wait before try number `tries` of a transaction, and whether there is one. */
bool db_pause(int tries);

/* Of a pool that is a unit (unit.c); NULL: it is none. */
struct db_unit *db_unit_of(const struct db_pool *pool);
struct db_pool *db_pool_of_unit(TALLOC_CTX *mem, struct db_unit *unit);
int db_unit_acquire(struct db_unit *unit, struct db **ret, struct certctl_error *err) CERTCTL_CHECKED;
int db_unit_transaction(struct db_unit *unit, db_work_fn *work, void *arg, struct certctl_error *err) CERTCTL_CHECKED;

/** Connect within `connect_ms`.  The struct is on `mem`; db_close() closes it, talloc_free too. */
int db_open(TALLOC_CTX *mem, const struct db_pool_options *options, struct db **ret,
	struct certctl_error *err) CERTCTL_CHECKED;
void db_close(struct db *db);
/** Is it open, idle and not known to be dead?  Takes what has arrived, waits for nothing. */
bool db_is_alive(struct db *db);

/** Statements without parameters, ours alone: BEGIN, LISTEN, a migration. */
int db_run_text(struct db *db, TALLOC_CTX *mem, const char *sql, struct db_result **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Owns `result` from here on, also on failure (then NULL is returned). */
struct db_result *db_result_new(TALLOC_CTX *mem, PGresult *result);

/** Fill `err` from a failed result: codes by SQLSTATE, words by what it says. */
int db_fail(struct db *db, const PGresult *result, const char *what, struct certctl_error *err);

#endif
