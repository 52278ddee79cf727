/* Inside platform/resource: what a request for a page asks. */
#ifndef CORE_RESOURCE_LIST_H
#define CORE_RESOURCE_LIST_H

#include "engine.h"

#define LIST_SORTS_MAX   3
#define LIST_COLUMNS_MAX 96

struct list_sort {
	const struct bound_column *column;
	bool is_descending;
};

/* Where a page begins: values of the sort keys of the row before it, its id behind them. */
struct list_cursor {
	const char *values[LIST_SORTS_MAX + 1];
};

struct list_part {
	struct db_result *rows;
	size_t count; /* of those that are shown */
};

struct listing {
	struct http_request *request;
	const struct resource_bound *bound;
	const struct bound_column *columns[LIST_COLUMNS_MAX]; /* that are shown */
	size_t column_count;
	bool is_whole;               /* all of them, in the one text that has them */
	bool is_extended;            /* members that no column has are wanted */
	struct statement values;     /* " AND ..." of the filters, with their values */
	struct certctl_buffer joins; /* of the filters */
	const char *key;             /* the id, or what a filter's join has for it */
	const char *default_sort;    /* of a filter's value; NULL: none */
	struct list_sort sorts[LIST_SORTS_MAX];
	size_t sort_count; /* without the id, which is always the last key */
	bool is_id_descending, is_null_last;
	bool is_slow; /* no index serves it */
	bool is_unusual;
	bool is_paged;
	int64_t limit, offset;
	struct list_cursor cursor;

	/* What came of it. */
	struct list_part parts[2];
	size_t part_count, row_count;
	bool has_more;
};

/* Everything but the rows, from the request.  INVALID names the parameter. */
int list_read(struct listing *listing, struct certctl_error *err) CERTCTL_CHECKED;
/* A cursor as text; bound to the order and the filters.  On the request. */
const char *list_cursor_write(const struct listing *listing, const struct list_cursor *cursor);

#endif
