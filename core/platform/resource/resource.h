/**
 * Between a field table and the rest: request bodies become structs, rows become replies, lists become pages.  The table says
 * what a member is called and may hold; a column of the same name supplies it.
 */
#ifndef CORE_RESOURCE_H
#define CORE_RESOURCE_H

#include "core/platform/db/db.h"
#include "core/platform/http/http.h"

#include <certctl/field.h>

/** struct certctl_field.flags of our tables. */
enum resource_flags {
	RESOURCE_READ_ONLY = 1 << 0, /* shown, and refused in a body */
	RESOURCE_DOCUMENT =
		1 << 1, /* CERTCTL_TEXT whose value is an object that somebody else's table describes, kept as JSON */
	RESOURCE_WRITE_ONLY = 1 << 2,    /* taken from a body, never shown */
	RESOURCE_TEXT_BLOCK = 1 << 3,    /* CERTCTL_TEXT that may have line ends: PEM */
	RESOURCE_DOCUMENT_LIST = 1 << 4, /* as RESOURCE_DOCUMENT, for a list */

	/* Of resources (declare.h). */
	RESOURCE_FILTERED =
		1 << 5, /* lists can be limited by it: equal, a list has it; times and integers also _before, _after */
	RESOURCE_SORTED = 1 << 6,     /* lists can be sorted by it */
	RESOURCE_INDEXED = 1 << 7,    /* an index serves that, with the id behind it */
	RESOURCE_SEARCHED = 1 << 8,   /* `q` looks into it */
	RESOURCE_FIXED = 1 << 9,      /* said at its creation and never changed */
	RESOURCE_ELSEWHERE = 1 << 10, /* taken, and written by the hooks: no column of the table */
	RESOURCE_DERIVED =
		1 << 11 | RESOURCE_READ_ONLY | RESOURCE_WRITE_ONLY, /* a column that the hooks fill in the struct */
};

/** A row of a table that is only ever shown: no struct stands behind it. */
#define RESOURCE_SHOWN(name_, type_)                                                                                   \
	{                                                                                                              \
		.name = (name_), .type = (type_), .flags = RESOURCE_READ_ONLY                                          \
	}

/**
 * Fill `ret`, zeroed, from a JSON object by the rows that are not read-only.
 * @param problems  every bad member is added as {field, detail}; NULL: only the first one is wanted
 */
int resource_parse(TALLOC_CTX *mem, const struct certctl_field *fields, const char *path, const json_t *document,
	json_t *problems, void *ret, struct certctl_error *err) CERTCTL_CHECKED;

/** The same from a request's body, its problems into the reply. */
int resource_read(struct http_request *request, struct http_reply *reply, const struct certctl_field *fields, void *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Append one row as a JSON object: the fields that have a column. */
void resource_write(struct certctl_buffer *out, const struct certctl_field *fields, const struct db_result *rows,
	size_t row);

/** The members alone, `"a":1,"b":2`, for an object that has more than its columns say. */
void resource_write_members(struct certctl_buffer *out, const struct certctl_field *fields,
	const struct db_result *rows, size_t row);

/** Reply with the first row; NOT_FOUND "<kind> '<id>' is not there" when there is none. */
int resource_reply(struct http_reply *reply, unsigned status, const struct certctl_field *fields,
	const struct db_result *rows, const char *kind, const char *id, struct certctl_error *err) CERTCTL_CHECKED;

/**
 * The rows that `names` lists, "id,not_after": how `fields` of a list's query is obeyed. camelCase is taken too.
 * INVALID: no such member is shown.
 */
int resource_select(TALLOC_CTX *mem, const struct certctl_field *fields, const char *names,
	const struct certctl_field **ret, struct certctl_error *err) CERTCTL_CHECKED;

/**
 * A list: `query` takes $1 limit int, $2 id of the last row before this page text, then the filters as text, null when not
 * given; its rows have an `id` and come in its order.
 */
/** The value of a filter for the query, on the request. */
typedef int resource_filter_fn(struct http_request *request, const char *name, const char *text, const char **ret,
	struct certctl_error *err);
struct resource_list {
	const struct certctl_field *fields;
	const struct db_query *query;
	const char *const *filters;      /* query parameters, NULL-terminated; NULL: none */
	const char *parent;              /* name of the route's part that is the first filter; NULL: none */
	resource_filter_fn *read_filter; /* NULL: as it was given */
	bool is_scoped; /* the query's last parameter is what the caller is limited to: $n scope jsonb */
};
int resource_reply_list(struct http_request *request, struct http_reply *reply, struct db_pool *db,
	const struct resource_list *list, struct certctl_error *err) CERTCTL_CHECKED;

#endif
