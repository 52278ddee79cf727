/**
 * PostgreSQL for everyone above: a pool of connections, named queries, transactions, notifications.  The only room that
 * calls libpq.  C names a query and gives its values; the SQL stands in a .sql file and is compiled in (queries.awk).
 *
 *     struct db_result *rows;
 *     int rc = db_once(pool, mem, &query_job_get, DB_VALUES(db_text(id)), &rows, err);
 *     if (rc == 0 && db_rows(rows) > 0)
 *             state = db_get_text(rows, 0, "state");
 */
#ifndef CORE_DB_H
#define CORE_DB_H

#include <certctl/error.h>
#include <talloc.h>

struct db_pool;
struct db; /* one connection; one thread at a time */
struct db_result;

/** A statement of a .sql file, made by queries.awk; or one of platform/resource, made of tables.  Without a name it runs unprepared. */
struct db_query {
	const char *name, *sql;
	const unsigned *types; /* PostgreSQL type oids of the parameters */
	size_t count;
};

/* --- Values ---------------------------------------------------------------------------------------------------------- */

enum db_value_type {
	DB_NULL = 1,
	DB_TEXT, /* text, jsonb, arrays: in PostgreSQL's text form */
	DB_INTEGER,
	DB_BOOLEAN,
};

struct db_value {
	enum db_value_type type;
	const char *text;
	int64_t integer;
};

/** NULL gives SQL's null.  Borrowed until the call returns. */
static inline struct db_value db_text(const char *text)
{
	return (struct db_value){ .type = text ? DB_TEXT : DB_NULL, .text = text };
}

static inline struct db_value db_integer(int64_t integer)
{
	return (struct db_value){ .type = DB_INTEGER, .integer = integer };
}

static inline struct db_value db_boolean(bool is_true)
{
	return (struct db_value){ .type = DB_BOOLEAN, .integer = is_true };
}

/** A text[] in PostgreSQL's form from `count` strings, on `mem`; NULL when out of memory. */
const char *db_array(TALLOC_CTX *mem, const char *const *texts, size_t count);

#define DB_VALUES(...)                                                                                                 \
	(const struct db_value[]){ __VA_ARGS__ },                                                                      \
		sizeof((const struct db_value[]){ __VA_ARGS__ }) / sizeof(struct db_value)
#define DB_NO_VALUES NULL, 0

/* --- Pool ------------------------------------------------------------------------------------------------------------ */

struct db_pool_options {
	const char *conninfo; /* libpq connection string or URL; multi-host and TLS settings pass through */
	const char *program;  /* application_name */
	unsigned size;        /* connections at most; 0: 8 */
	int64_t connect_ms;   /* 0: 2,000 */
	int64_t statement_ms; /* a statement that takes longer is given up with its connection; 0: 30,000 */
};

/** Opens nothing yet.  Any thread may use a pool; talloc_free it when every connection is back. */
int db_pool_new(TALLOC_CTX *mem, const struct db_pool_options *options, struct db_pool **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** What is going on at this moment, and what was so far. */
struct db_pool_measures {
	unsigned size, lent, idle, waiting;
	uint64_t refused; /* borrowers who got none in time */
};
void db_pool_measure(struct db_pool *pool, struct db_pool_measures *ret);

/** Borrow a connection that was alive a moment ago.  UNAVAILABLE within connect_ms when there is none to be had. */
int db_acquire(struct db_pool *pool, struct db **ret, struct certctl_error *err) CERTCTL_CHECKED;
/** Give it back; a broken one is closed, one inside a transaction too (which rolls it back). */
void db_release(struct db *db);

/* --- Statements ------------------------------------------------------------------------------------------------------ */

/**
 * Run a query, prepared on first use.
 * @param ret  rows on `mem`; may be NULL
 * @return 0; CONFLICT (unique, still referenced), INVALID (reference to nothing, check), TIMEOUT, UNAVAILABLE, INTERNAL
 */
int db_run(struct db *db, TALLOC_CTX *mem, const struct db_query *query, const struct db_value *values, size_t count,
	struct db_result **ret, struct certctl_error *err) CERTCTL_CHECKED;

/** Prepare without running: does this database understand it, and may we? */
int db_prepare(struct db *db, const struct db_query *query, struct certctl_error *err) CERTCTL_CHECKED;

/** One statement on any connection of the pool, its own transaction, repeated like one. */
int db_once(struct db_pool *pool, TALLOC_CTX *mem, const struct db_query *query, const struct db_value *values,
	size_t count, struct db_result **ret, struct certctl_error *err) CERTCTL_CHECKED;

/** What a transaction does.  May run more than once: it must start afresh each time and touch nothing outside. */
typedef int db_work_fn(struct db *db, void *arg, struct certctl_error *err);

/**
 * BEGIN, `work`, COMMIT; ROLLBACK when work fails.  Repeated as a whole, a few times, after a serialization failure, a
 * deadlock or a switch to a standby (40001, 40P01, 25006) and after nothing else.
 */
int db_transaction(struct db_pool *pool, db_work_fn *work, void *arg, struct certctl_error *err) CERTCTL_CHECKED;

/* --- Units ----------------------------------------------------------------------------------------------------------- */

/**
 * A pool whose transactions are parts of one, which begins with the first of them and is committed by db_unit_end().  What is
 * read through it afterwards sees what was done.  One thread at a time, as long as `mem`.
 * @param first  what the transaction begins with, before the first part and with its right to run again; NULL: nothing
 */
int db_unit_new(TALLOC_CTX *mem, struct db_pool *pool, db_work_fn *first, void *arg, struct db_pool **ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** Has anything been done?  Until then statements run on their own, each committed at once. */
bool db_unit_is_open(const struct db_pool *unit);
/**
 * Commit, or, with `must_commit` false, undo everything; the unit is as new then.
 * @param ret_is_unknown  with an error: whether it was committed must be looked up; may be NULL
 */
int db_unit_end(struct db_pool *unit, bool must_commit, bool *ret_is_unknown,
	struct certctl_error *err) CERTCTL_CHECKED;
/**
 * Call `run` once what was done through this pool is committed: at the end of the unit, at once when it is none.  Never when
 * the unit is undone.  `arg` must live that long.
 */
void db_when_committed(struct db_pool *pool, void (*run)(void *arg), void *arg);

/* --- Results --------------------------------------------------------------------------------------------------------- */

size_t db_rows(const struct db_result *result);
/** Column by name; naming one that the query does not return is our own mistake.  Borrowed from the result; NULL: null. */
const char *db_get_text(const struct db_result *result, size_t row, const char *column);
int64_t db_get_integer(const struct db_result *result, size_t row, const char *column); /* null: 0 */
bool db_get_boolean(const struct db_result *result, size_t row, const char *column);    /* null: false */
bool db_is_null(const struct db_result *result, size_t row, const char *column);
/** For loops: the number of a column, -1 when there is none, and a value by number. */
int db_column(const struct db_result *result, const char *column);
const char *db_value_at(const struct db_result *result, size_t row, int column);

/* --- Notifications --------------------------------------------------------------------------------------------------- */

/** Listen on `channel` from now on; the connection must be kept by its borrower. */
int db_listen(struct db *db, const char *channel, struct certctl_error *err) CERTCTL_CHECKED;
int db_notify(struct db *db, const char *channel, struct certctl_error *err) CERTCTL_CHECKED;
/**
 * Wait for a notification, `timeout_ms`, or until `wake_fd` is readable (-1: none).
 * @param ret_notified  whether at least one arrived; all that did are taken
 */
int db_wait(struct db *db, int wake_fd, int64_t timeout_ms, bool *ret_notified,
	struct certctl_error *err) CERTCTL_CHECKED;

/* --- Migrations ------------------------------------------------------------------------------------------------------ */

struct db_migration {
	int version;
	const char *name, *sql;
};
/** Embedded at build time from core/migrations/NNNN_name.sql, in order; a row without name ends it. */
extern const struct db_migration db_migrations[];

/**
 * Bring the schema up to date, under one advisory lock, each migration in a transaction of its own.
 * UNSUPPORTED: the database is newer than this program.
 */
int db_migrate(struct db_pool *pool, const struct db_migration *migrations, struct certctl_error *err) CERTCTL_CHECKED;

/** Every query that is compiled in, NULL-terminated: a test prepares them all. */
extern const struct db_query *const db_queries[];

CERTCTL_DEFINE_AUTO(struct db, db_release);

#endif
