/* Rows, and what a failed statement says.  Knows nothing of connections but the state of their last failure. */
#include "connection.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct db_result {
	PGresult *rows;
};

static int destroy(struct db_result *result)
{
	PQclear(result->rows);
	return 0;
}

struct db_result *db_result_new(TALLOC_CTX *mem, PGresult *rows)
{
	struct db_result *result = talloc_zero(mem, struct db_result);

	if (!result) {
		PQclear(rows);
		return NULL;
	}
	result->rows = rows;
	talloc_set_destructor(result, destroy);
	return result;
}

size_t db_rows(const struct db_result *result)
{
	return (size_t)PQntuples(result->rows);
}

int db_column(const struct db_result *result, const char *column)
{
	return PQfnumber(result->rows, column);
}

const char *db_value_at(const struct db_result *result, size_t row, int column)
{
	certctl_assert(row < db_rows(result) && column >= 0 && column < PQnfields(result->rows));
	return PQgetisnull(result->rows, (int)row, column) ? NULL : PQgetvalue(result->rows, (int)row, column);
}

const char *db_get_text(const struct db_result *result, size_t row, const char *column)
{
	return db_value_at(result, row, db_column(result, column));
}

int64_t db_get_integer(const struct db_result *result, size_t row, const char *column)
{
	const char *text = db_get_text(result, row, column);

	return text ? strtoll(text, NULL, 10) : 0;
}

bool db_get_boolean(const struct db_result *result, size_t row, const char *column)
{
	const char *text = db_get_text(result, row, column);

	return text && text[0] == 't';
}

bool db_is_null(const struct db_result *result, size_t row, const char *column)
{
	return !db_get_text(result, row, column);
}

const char *db_array(TALLOC_CTX *mem, const char *const *texts, size_t count)
{
	char *array = talloc_strdup(mem, "{");

	for (size_t i = 0; array && i < count; i++) {
		array = talloc_strdup_append_buffer(array, i ? ",\"" : "\"");
		for (const char *c = texts[i]; array && *c; c++)
			array = talloc_asprintf_append_buffer(array, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
		array = array ? talloc_strdup_append_buffer(array, "\"") : NULL;
	}
	return array ? talloc_strdup_append_buffer(array, "}") : NULL;
}

/* By class or by whole SQLSTATE, first match (PostgreSQL manual, appendix A). */
static const struct {
	const char *prefix;
	enum certctl_code code;
} states[] = {
	{ "23505", CERTCTL_E_CONFLICT },
	{ "23P01", CERTCTL_E_CONFLICT },
	{ "23503", CERTCTL_E_CONFLICT },
	{ "23", CERTCTL_E_INVALID },
	{ "22", CERTCTL_E_INVALID },
	{ "40", CERTCTL_E_UNAVAILABLE },
	{ "25006", CERTCTL_E_UNAVAILABLE },
	{ "55P03", CERTCTL_E_UNAVAILABLE },
	{ "57014", CERTCTL_E_TIMEOUT },
	{ "57", CERTCTL_E_UNAVAILABLE },
	{ "53", CERTCTL_E_UNAVAILABLE },
	{ "08", CERTCTL_E_UNAVAILABLE },
	{ "58", CERTCTL_E_UNAVAILABLE },
};

static enum certctl_code code_of(const char *sqlstate)
{
	for (size_t i = 0; i < CERTCTL_COUNT(states); i++)
		if (strncmp(sqlstate, states[i].prefix, strlen(states[i].prefix)) == 0)
			return states[i].code;
	return CERTCTL_E_INTERNAL;
}

/*
 * `Key (name)=(web) already exists.` becomes "name: 'web' is there already": constraints are our validation, so their
 * message must read like one.  False: the detail is of another shape.
 */
static bool explain_key(const char *detail, struct certctl_error *err)
{
	char column[64], value[80];
	int end = 0;

	if (!detail || sscanf(detail, "Key (%63[^)])=(%79[^)])%n", column, value, &end) != 2 || !end)
		return false;
	if (strstr(detail + end, "already exists"))
		certctl_fail(err, CERTCTL_E_CONFLICT, "%s: '%s' is there already", column, value);
	else if (strstr(detail + end, "is not present"))
		certctl_fail(err, CERTCTL_E_INVALID, "%s: there is no '%s'", column, value);
	else if (strstr(detail + end, "still referenced"))
		certctl_fail(err, CERTCTL_E_CONFLICT, "'%s' is still in use", value);
	else
		return false;
	return true;
}

int db_fail(struct db *db, const PGresult *result, const char *what, struct certctl_error *err)
{
	const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
	const char *message = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
	const char *detail = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL) : NULL;
	enum certctl_code code;

	if (!state) {
		code = CERTCTL_E_UNAVAILABLE;
		certctl_fail(err, code, "database: connection lost");
	} else {
		code = code_of(state);
		if ((code == CERTCTL_E_CONFLICT || code == CERTCTL_E_INVALID) && explain_key(detail, err))
			code = err ? (enum certctl_code)err->code : code;
		else
			certctl_fail(err, code, "database: %s: %s (%s)", what, message ? message : "failed", state);
	}
	snprintf(db->sqlstate, sizeof(db->sqlstate), "%s", state ? state : "");
	/* 57P01 to 57P03: the server goes down; 25006: this one has become a standby. */
	if (!state || strncmp(state, "57P", 3) == 0 || strncmp(state, "08", 2) == 0 || strcmp(state, "25006") == 0)
		db_close(db);
	return code;
}
