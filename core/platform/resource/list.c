/*
 * Pages of a resource: filters, order, cursor.  The text of a statement is made of what this request gave and nothing else, so
 * that one plan is right for every request of its shape; LIMIT is a number in the text, because planners guess otherwise.
 * One round trip a page; where the first sort key may be null, those rows are a second walk behind the last value.
 */
#include "list.h"
#include "engine.h"

#include <certctl/json.h>
#include <string.h>

/* --- One statement --------------------------------------------------------------------------------------------------- */

/* Rows with a value in the first sort key, those without, or all. */
enum part { PART_ALL = 1, PART_VALUES, PART_NULLS };

static const char *expression(const struct listing *listing, size_t key)
{
	return key < listing->sort_count ? listing->sorts[key].column->sort : listing->key;
}

static bool is_descending(const struct listing *listing, size_t key)
{
	return key < listing->sort_count ? listing->sorts[key].is_descending : listing->is_id_descending;
}

/*
 * The value of a key in the cursor, "$1".  Of large tables as a subquery: a plan that knows where the page begins is not cheaper than one
 * that does not, but PostgreSQL would think so near the end, and plan every such page anew.
 */
static void put_cursor_value(struct statement *statement, const struct listing *listing, size_t key, size_t number)
{
	static const char *const types[CERTCTL_FIELD_TYPE_COUNT] = { [CERTCTL_INTEGER] = "bigint",
		[CERTCTL_BOOLEAN] = "boolean",
		[CERTCTL_DURATION] = "bigint",
		[CERTCTL_SIZE] = "bigint",
		[CERTCTL_TIME] = "timestamptz" };
	uint32_t type = key < listing->sort_count ? listing->sorts[key].column->field->type : (uint32_t)CERTCTL_TEXT;

	if (listing->bound->resource->is_large)
		certctl_buffer_printf(&statement->text, "(SELECT $%zu::%s)", number,
			types[type] ? types[type] : "text");
	else
		certctl_buffer_printf(&statement->text, "$%zu", number);
}

/* (a, id) > ($1, $2): an index walks straight there. */
static void put_row_comparison(struct statement *statement, const struct listing *listing, size_t first)
{
	const char *separator = " AND (";

	for (size_t key = first; key <= listing->sort_count; key++, separator = ", ")
		certctl_buffer_printf(&statement->text, "%s%s", separator, expression(listing, key));
	certctl_buffer_puts(&statement->text, is_descending(listing, first) ? ") < " : ") > ");
	separator = "(";
	for (size_t key = first; key <= listing->sort_count; key++, separator = ", ") {
		certctl_buffer_puts(&statement->text, separator);
		put_cursor_value(statement, listing, key, statement_value(statement, listing->cursor.values[key]));
	}
	certctl_buffer_puts(&statement->text, ")");
}

/* Some keys up, some down: a > $1 OR (a = $1 AND (b < $2 OR ...)); the bound on the first one is what an index needs. */
static void put_mixed_comparison(struct statement *statement, const struct listing *listing, size_t first)
{
	struct certctl_buffer *text = &statement->text;

	for (size_t key = first; key <= listing->sort_count; key++) {
		const char *sign = is_descending(listing, key) ? "<" : ">", *name = expression(listing, key);
		size_t number = statement_value(statement, listing->cursor.values[key]);

		if (key == first)
			certctl_buffer_printf(text, " AND %s %s= $%zu", name, sign, number);
		if (key < listing->sort_count)
			certctl_buffer_printf(text, " AND (%s %s $%zu OR (%s = $%zu", name, sign, number, name, number);
		else
			certctl_buffer_printf(text, " AND %s %s $%zu", name, sign, number);
	}
	for (size_t key = first; key < listing->sort_count; key++)
		certctl_buffer_puts(text, "))");
}

static void put_cursor(struct statement *statement, const struct listing *listing, enum part part)
{
	size_t first = part == PART_NULLS ? 1 : 0;
	bool is_mixed = false;

	if (!listing->cursor.values[listing->sort_count] ||
		(part == PART_NULLS) != (listing->sort_count > 0 && !listing->cursor.values[0]))
		return;
	for (size_t key = first; key < listing->sort_count; key++)
		is_mixed |= is_descending(listing, key) != is_descending(listing, key + 1);
	if (is_mixed)
		put_mixed_comparison(statement, listing, first);
	else
		put_row_comparison(statement, listing, first);
}

static void put_order(struct statement *statement, const struct listing *listing, enum part part)
{
	const char *separator = " ORDER BY ";

	for (size_t key = part == PART_NULLS ? 1 : 0; key <= listing->sort_count; key++, separator = ", ")
		certctl_buffer_printf(&statement->text, "%s%s%s%s", separator, expression(listing, key),
			is_descending(listing, key) ? " DESC" : "",
			part == PART_ALL && key == 0 && listing->is_null_last ? " NULLS LAST" : "");
}

/* Few numbers, so that few shapes: the smallest of these that is enough. */
static unsigned bucket(int64_t limit)
{
	static const unsigned buckets[] = { 2, 11, 51, 101, 201, 501 };
	size_t i = 0;

	while (i + 1 < CERTCTL_COUNT(buckets) && buckets[i] < limit)
		i++;
	return buckets[i];
}

static void begin(struct statement *statement, const struct listing *listing)
{
	statement_init(statement, listing->request);
	memcpy(statement->values, listing->values.values, listing->values.count * sizeof(statement->values[0]));
	statement->count = listing->values.count;
}

static void put_from(struct statement *statement, const struct listing *listing)
{
	certctl_buffer_printf(&statement->text, " FROM %s%s WHERE true%s", listing->bound->from,
		listing->joins.data ? listing->joins.data : "",
		listing->values.text.data ? listing->values.text.data : "");
	if (listing->bound->resource->usual && !listing->is_unusual)
		certctl_buffer_printf(&statement->text, " AND %s", listing->bound->resource->usual);
	statement_put_scope(statement, listing->bound->resource, listing->request);
}

static void put_page(struct statement *statement, const struct listing *listing, enum part part)
{
	begin(statement, listing);
	certctl_buffer_printf(&statement->text, "SELECT %s", listing->bound->key);
	for (size_t key = 0; key < listing->sort_count; key++)
		certctl_buffer_printf(&statement->text, ", %s", expression(listing, key));
	if (listing->is_whole)
		certctl_buffer_printf(&statement->text, ", %s", listing->bound->resource->members);
	for (size_t i = 0; !listing->is_whole && i < listing->column_count; i++)
		certctl_buffer_printf(&statement->text, ", %s", listing->columns[i]->output);
	put_from(statement, listing);
	if (part != PART_ALL)
		certctl_buffer_printf(&statement->text, " AND %s IS %sNULL", expression(listing, 0),
			part == PART_VALUES ? "NOT " : "");
	put_cursor(statement, listing, part);
	put_order(statement, listing, part);
	certctl_buffer_printf(&statement->text, " LIMIT %u", bucket(listing->limit + 1));
	if (listing->offset > 0)
		certctl_buffer_printf(&statement->text, " OFFSET $%zu::bigint",
			statement_value(statement,
				talloc_asprintf(listing->request, "%lld", (long long)listing->offset)));
}

/* --- Running --------------------------------------------------------------------------------------------------------- */

struct patient {
	struct statement *statement;
	const struct listing *listing;
	struct db_result *rows;
};

static int run_patiently(struct db *db, void *arg, struct certctl_error *err)
{
	static const struct db_query two_seconds = { "resource_two_seconds",
		"SELECT set_config('statement_timeout', '2000', true)", NULL, 0 };
	struct patient *patient = arg;
	int rc = db_run(db, NULL, &two_seconds, DB_NO_VALUES, NULL, err);

	return rc < 0 ? rc
		      : statement_run(patient->statement, patient->listing->bound->services, db,
				patient->listing->request, &patient->rows, err);
}

/* The database's own words about a value it cannot take would name a column, not a parameter. */
static int judge(int rc, struct certctl_error *err)
{
	if (rc != CERTCTL_E_INVALID)
		return rc;
	certctl_fail(err, CERTCTL_E_INVALID, "a filter or the cursor has a value of the wrong kind");
	return CERTCTL_E_INVALID;
}

/* What no index serves may not keep the database busy. */
static int run(const struct listing *listing, struct http_reply *reply, struct statement *statement,
	struct db_result **ret, struct certctl_error *err)
{
	struct patient patient = { statement, listing, NULL };
	const struct resource_services *services = listing->bound->services;

	if (!listing->is_slow)
		return judge(statement_once(statement, services, listing->request, ret, err), err);
	int rc = db_transaction(services->db(listing->request), run_patiently, &patient, err);

	if (rc == CERTCTL_E_TIMEOUT) {
		reply->status = 422;
		reply->code = "too_expensive";
		certctl_fail(err, CERTCTL_E_UNSUPPORTED, "this takes longer than two seconds");
		certctl_hint(err, "Narrow the filter, or sort by id.");
		return CERTCTL_E_UNSUPPORTED;
	}
	*ret = patient.rows;
	return judge(rc, err);
}

static int run_part(struct listing *listing, struct http_reply *reply, enum part part, struct certctl_error *err)
{
	struct statement statement;
	struct list_part *to = &listing->parts[listing->part_count];

	put_page(&statement, listing, part);
	int rc = run(listing, reply, &statement, &to->rows, err);

	if (rc < 0)
		return rc;
	listing->part_count++;
	size_t room = (size_t)listing->limit - listing->row_count;

	to->count = db_rows(to->rows) > room ? room : db_rows(to->rows);
	listing->has_more |= db_rows(to->rows) > room;
	listing->row_count += to->count;
	return 0;
}

static int run_parts(struct listing *listing, struct http_reply *reply, struct certctl_error *err)
{
	bool is_split = listing->is_null_last && listing->offset == 0 && !listing->is_paged;
	bool is_in_nulls = listing->cursor.values[listing->sort_count] && !listing->cursor.values[0];
	int rc = 0;

	if (!is_split)
		return run_part(listing, reply, PART_ALL, err);
	if (!is_in_nulls)
		rc = run_part(listing, reply, PART_VALUES, err);
	if (rc == 0 && !listing->has_more)
		rc = run_part(listing, reply, PART_NULLS, err);
	return rc;
}

/* How many there are in all: known when the first page is the only one, counted where tables are small. */
static int count_all(struct listing *listing, struct http_reply *reply, int64_t *ret, struct certctl_error *err)
{
	struct statement statement;
	struct db_result *rows = NULL;
	bool is_first = !listing->cursor.values[listing->sort_count] && listing->offset == 0;

	*ret = is_first && !listing->has_more ? (int64_t)listing->row_count : -1;
	if (*ret >= 0 || listing->bound->resource->is_large)
		return 0;
	begin(&statement, listing);
	certctl_buffer_puts(&statement.text, "SELECT count(*)");
	put_from(&statement, listing);
	int rc = run(listing, reply, &statement, &rows, err);

	if (rc == 0)
		*ret = db_get_integer(rows, 0, "count");
	return rc;
}

/* --- The reply ------------------------------------------------------------------------------------------------------- */

static const char *next_cursor(const struct listing *listing)
{
	const struct list_part *part = &listing->parts[listing->part_count - 1];
	struct list_cursor next = { { NULL } };

	while (part->count == 0)
		part--;
	for (size_t key = 0; key < listing->sort_count; key++)
		next.values[key] = db_value_at(part->rows, part->count - 1, (int)key + 1);
	next.values[listing->sort_count] = db_value_at(part->rows, part->count - 1, 0);
	return list_cursor_write(listing, &next);
}

static void write_row(const struct listing *listing, const struct list_part *part, size_t row,
	struct certctl_buffer *out)
{
	int first = (int)listing->sort_count + 1;

	if (listing->is_whole)
		resource_write_members_text(out, db_value_at(part->rows, row, first));
	else
		resource_write_row(out, listing->columns, listing->column_count, part->rows, row, first);
	if (!listing->is_extended || out->len == 0)
		return;
	out->len--;
	listing->bound->resource->extend(listing->request, db_value_at(part->rows, row, 0), false, out);
	certctl_buffer_puts(out, "}");
}

static void write_page(const struct listing *listing, struct certctl_buffer *out, int64_t total)
{
	const char *separator = "";

	certctl_buffer_puts(out, "{\"data\":[");
	for (size_t i = 0; i < listing->part_count; i++)
		for (size_t row = 0; row < listing->parts[i].count; row++, separator = ",") {
			certctl_buffer_puts(out, separator);
			write_row(listing, &listing->parts[i], row, out);
		}
	certctl_buffer_puts(out, "],\"next_cursor\":");
	if (listing->has_more && listing->row_count > 0)
		certctl_buffer_printf(out, "\"%s\"", next_cursor(listing));
	else
		certctl_buffer_puts(out, "null");
	certctl_buffer_puts(out, ",\"total\":");
	if (total >= 0)
		certctl_buffer_printf(out, "%lld", (long long)total);
	else
		certctl_buffer_puts(out, "null");
	certctl_buffer_puts(out, ",\"total_is_estimate\":false}");
}

int resource_handle_list(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct listing *listing = talloc_zero(request, struct listing);
	int64_t total = -1;

	if (!listing)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	listing->request = request;
	listing->bound = resource_bound_of(request);
	int rc = list_read(listing, err);

	if (rc == 0)
		rc = run_parts(listing, reply, err);
	if (rc == 0)
		rc = count_all(listing, reply, &total, err);
	if (rc < 0)
		return rc;
	write_page(listing, &reply->body, total);
	return http_reply_json(reply, 200);
}
