/* Inside platform/db: one connection, and plain SQL text for the few statements that are no named queries. */
#ifndef CORE_DB_CONNECTION_H
#define CORE_DB_CONNECTION_H

#include "db.h"

#include <libpq-fe.h>

#define DB_PREPARED_MAX 512

struct db {
	struct db_pool *pool;
	struct db *next; /* in the pool's list of idle ones */
	PGconn *conn;    /* NULL: closed */
	int64_t statement_ms;
	char sqlstate[6]; /* of the last failure; "" when it did not come from the server */
	const struct db_query *prepared[DB_PREPARED_MAX]; /* open addressing by pointer */
};

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
