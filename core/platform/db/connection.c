/* One connection: asynchronous libpq under an absolute deadline.  Knows nothing of pools and transactions. */
#include "connection.h"

#include <certctl/time.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

/* What every connection of ours has, whatever the server's own defaults are. */
#define SESSION_OPTIONS                                                                                                \
	"-c timezone=UTC -c datestyle=ISO -c lock_timeout=5s -c idle_in_transaction_session_timeout=60s "              \
	"-c client_min_messages=warning"

static int destroy(struct db *db)
{
	db_close(db);
	return 0;
}

void db_close(struct db *db)
{
	if (db->conn)
		PQfinish(db->conn);
	db->conn = NULL;
	memset(db->prepared, 0, sizeof(db->prepared));
}

/* Wait until the socket is ready or the deadline passes.  False: it passed. */
static bool wait_socket(struct db *db, short events, int64_t deadline_ms)
{
	for (;;) {
		struct pollfd fd = { .fd = PQsocket(db->conn), .events = events };
		int64_t left = deadline_ms - certctl_monotonic_ms();

		if (left <= 0)
			return false;
		if (poll(&fd, 1, (int)left) > 0)
			return true;
	}
}

static int connect_within(struct db *db, int64_t deadline_ms, struct certctl_error *err)
{
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	while (status != PGRES_POLLING_OK) {
		if (PQstatus(db->conn) == CONNECTION_BAD || status == PGRES_POLLING_FAILED)
			return certctl_fail(err, CERTCTL_E_UNAVAILABLE, "database: %s", PQerrorMessage(db->conn));
		if (!wait_socket(db, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline_ms))
			return certctl_fail(err, CERTCTL_E_UNAVAILABLE, "database: no answer in time");
		status = PQconnectPoll(db->conn);
	}
	return 0;
}

static PGconn *start(const struct db_pool_options *options, int64_t statement_ms)
{
	char session[256], timeout_s[16];
	/* conninfo first, expanded; what follows wins over it. */
	const char *keywords[] = { "dbname", "application_name", "options", "tcp_user_timeout", "client_encoding",
		NULL };
	const char *values[] = { options->conninfo, options->program, session, timeout_s, "UTF8", NULL };

	snprintf(session, sizeof(session), "%s -c statement_timeout=%lld", SESSION_OPTIONS, (long long)statement_ms);
	snprintf(timeout_s, sizeof(timeout_s), "%lld", (long long)statement_ms);
	return PQconnectStartParams(keywords, values, 1);
}

int db_open(TALLOC_CTX *mem, const struct db_pool_options *options, struct db **ret, struct certctl_error *err)
{
	struct db *db = talloc_zero(mem, struct db);

	if (!db)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "database: out of memory");
	talloc_set_destructor(db, destroy);
	db->statement_ms = options->statement_ms;
	db->conn = start(options, options->statement_ms);
	int rc = db->conn ? connect_within(db, certctl_monotonic_ms() + options->connect_ms, err)
			  : certctl_fail(err, CERTCTL_E_NO_MEMORY, "database: out of memory");

	if (rc == 0 && PQsetnonblocking(db->conn, 1) != 0)
		rc = certctl_fail(err, CERTCTL_E_UNAVAILABLE, "database: %s", PQerrorMessage(db->conn));
	if (rc < 0) {
		talloc_free(db);
		return rc;
	}
	*ret = db;
	return 0;
}

bool db_is_alive(struct db *db)
{
	return db->conn && PQconsumeInput(db->conn) == 1 && PQstatus(db->conn) == CONNECTION_OK &&
	       PQtransactionStatus(db->conn) == PQTRANS_IDLE;
}

/* Send what is queued and read until a whole result is there. */
static bool exchange(struct db *db, int64_t deadline_ms)
{
	int unsent;

	while ((unsent = PQflush(db->conn)) == 1)
		if (!wait_socket(db, POLLIN | POLLOUT, deadline_ms) || PQconsumeInput(db->conn) == 0)
			return false;
	if (unsent < 0)
		return false;
	while (PQisBusy(db->conn))
		if (!wait_socket(db, POLLIN, deadline_ms) || PQconsumeInput(db->conn) == 0)
			return false;
	return true;
}

/* A connection whose answer is unknown is of no further use. */
static int give_up(struct db *db, int64_t deadline_ms, const char *what, struct certctl_error *err)
{
	int rc = certctl_monotonic_ms() >= deadline_ms
			 ? certctl_fail(err, CERTCTL_E_TIMEOUT, "database: %s: no answer in time", what)
			 : certctl_fail(err, CERTCTL_E_UNAVAILABLE, "database: connection lost");

	db_close(db);
	return rc;
}

/* Take every result of what was sent; the first failure, else the last result, is the answer. */
static int take_results(struct db *db, const char *what, PGresult **ret, struct certctl_error *err)
{
	int64_t deadline_ms = certctl_monotonic_ms() + db->statement_ms;
	PGresult *answer = NULL, *next;
	bool failed = false;

	for (;;) {
		if (!exchange(db, deadline_ms)) {
			PQclear(answer);
			return give_up(db, deadline_ms, what, err);
		}
		next = PQgetResult(db->conn);
		if (!next)
			break;
		if (failed) {
			PQclear(next);
			continue;
		}
		PQclear(answer);
		answer = next;
		failed = PQresultStatus(next) != PGRES_COMMAND_OK && PQresultStatus(next) != PGRES_TUPLES_OK;
	}
	if (!answer || failed) {
		int rc = db_fail(db, answer, what, err);

		PQclear(answer);
		return rc;
	}
	*ret = answer;
	return 0;
}

static int finish(struct db *db, TALLOC_CTX *mem, int sent, const char *what, struct db_result **ret,
	struct certctl_error *err)
{
	PGresult *answer = NULL;

	if (!sent) {
		db_close(db);
		return certctl_fail(err, CERTCTL_E_UNAVAILABLE, "database: connection lost");
	}
	int rc = take_results(db, what, &answer, err);

	if (rc < 0)
		return rc;
	if (!ret) {
		PQclear(answer);
		return 0;
	}
	struct db_result *result = db_result_new(mem, answer);

	if (!result)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "database: out of memory");
	*ret = result;
	return 0;
}

int db_run_text(struct db *db, TALLOC_CTX *mem, const char *sql, struct db_result **ret, struct certctl_error *err)
{
	db->sqlstate[0] = '\0';
	return finish(db, mem, db->conn && PQsendQuery(db->conn, sql), "statement", ret, err);
}

/* Where the query is, or would be, in the table of prepared ones. */
static const struct db_query **prepared_slot(struct db *db, const struct db_query *query)
{
	size_t at = ((uintptr_t)query / sizeof(*query)) % DB_PREPARED_MAX;

	for (size_t i = 0; i < DB_PREPARED_MAX; i++, at = (at + 1) % DB_PREPARED_MAX)
		if (!db->prepared[at] || db->prepared[at] == query)
			return &db->prepared[at];
	certctl_assert_failed("fewer named queries than DB_PREPARED_MAX", __FILE__, __LINE__, __func__);
}

#define STATEMENT_NAME 64 /* of which PostgreSQL looks at 63 bytes */

/* What the server knows it by: its place here, so that two queries of one name are two statements, then the name for its log. */
static const char *statement_name(const struct db *db, const struct db_query *query, const struct db_query **slot,
	char text[STATEMENT_NAME])
{
	snprintf(text, STATEMENT_NAME, "%zu_%s", (size_t)(slot - db->prepared), query->name);
	return text;
}

static int prepare(struct db *db, const struct db_query *query, const struct db_query **slot, const char *name,
	struct certctl_error *err)
{
	if (*slot)
		return 0;
	int sent = db->conn && PQsendPrepare(db->conn, name, query->sql, (int)query->count, query->types);
	int rc = finish(db, NULL, sent, query->name, NULL, err);

	if (rc == 0)
		*slot = query;
	return rc;
}

int db_prepare(struct db *db, const struct db_query *query, struct certctl_error *err)
{
	const struct db_query **slot = prepared_slot(db, query);
	char name[STATEMENT_NAME];

	return prepare(db, query, slot, statement_name(db, query, slot, name), err);
}

/* oids of pg_type, fixed for all time */
static bool type_takes(unsigned oid, enum db_value_type type)
{
	switch (oid) {
	case 20: /* bigint */
	case 23: /* int */
		return type == DB_INTEGER || type == DB_NULL;
	case 16: /* boolean */
		return type == DB_BOOLEAN || type == DB_NULL;
	default:
		return type == DB_TEXT || type == DB_NULL;
	}
}

int db_run(struct db *db, TALLOC_CTX *mem, const struct db_query *query, const struct db_value *values, size_t count,
	struct db_result **ret, struct certctl_error *err)
{
	const char *texts[64];
	char numbers[64][24];

	certctl_assert(count == query->count && count <= 64);
	db->sqlstate[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		certctl_assert(type_takes(query->types[i], values[i].type));
		texts[i] = values[i].text;
		if (values[i].type == DB_INTEGER || values[i].type == DB_BOOLEAN) {
			snprintf(numbers[i], sizeof(numbers[i]), "%lld", (long long)values[i].integer);
			texts[i] = numbers[i];
		}
	}
	if (!query->name)
		return finish(db, mem,
			db->conn &&
				PQsendQueryParams(db->conn, query->sql, (int)count, query->types, texts, NULL, NULL, 0),
			"statement", ret, err);
	const struct db_query **slot = prepared_slot(db, query);
	char name[STATEMENT_NAME];
	int rc = prepare(db, query, slot, statement_name(db, query, slot, name), err);

	return rc < 0 ? rc
		      : finish(db, mem, PQsendQueryPrepared(db->conn, name, (int)count, texts, NULL, NULL, 0),
				query->name, ret, err);
}
