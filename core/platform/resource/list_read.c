/* What a request for a page asks: members, filters, order, where it begins.  Runs nothing. */
#include "list.h"

#include <certctl/json.h>
#include <certctl/time.h>
#include <certctl/x509.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_DEFAULT 50
#define LIMIT_MAX     500
#define PAGES_MAX     10000

static const struct bound_column *find_column(const struct resource_bound *bound, const char *word, size_t len)
{
	for (size_t i = 0; i < bound->shown_count; i++)
		if (resource_is_name(bound->shown[i].field->name, word, len))
			return &bound->shown[i];
	return NULL;
}

/* --- Members --------------------------------------------------------------------------------------------------------- */

static bool is_extension(const struct resource_bound *bound, const char *word, size_t len)
{
	for (const struct certctl_field *field = bound->resource->fields; field->name; field++)
		if (resource_is_extension(field) && resource_is_name(field->name, word, len))
			return true;
	return false;
}

static int read_fields(struct listing *listing, struct certctl_error *err)
{
	const struct resource_bound *bound = listing->bound;
	const char *names = http_query(listing->request, "fields");
	bool marks[LIST_COLUMNS_MAX] = { false };

	certctl_assert(bound->shown_count <= LIST_COLUMNS_MAX);
	listing->is_whole = !names && bound->resource->members;
	listing->is_extended = !names && bound->resource->extend;
	for (const char *word = names; word; word++) {
		size_t len = strcspn(word, ",");
		const struct bound_column *column = find_column(bound, word, len);

		if (column)
			marks[column - bound->shown] = true;
		else if (is_extension(bound, word, len))
			listing->is_extended = true;
		else
			return certctl_fail(err, CERTCTL_E_INVALID, "fields: there is no member '%.*s'", (int)len,
				word);
		word += len;
		if (!*word)
			break;
	}
	for (size_t i = 0; i < bound->shown_count; i++)
		if (!names || marks[i])
			listing->columns[listing->column_count++] = &bound->shown[i];
	return 0;
}

/* --- Filters --------------------------------------------------------------------------------------------------------- */

static int bad_value(const char *name, const char *expected, const char *got, struct certctl_error *err)
{
	return certctl_fail(err, CERTCTL_E_INVALID, "%s: %s expected, got '%s'", name, expected, got);
}

static int check_choice(const struct certctl_field *field, const char *text, struct certctl_error *err)
{
	char *names = talloc_strdup(NULL, "one of ");

	for (const struct certctl_choice *choice = field->choices; choice && choice->name; choice++) {
		if (strcmp(choice->name, text) == 0) {
			talloc_free(names);
			return 0;
		}
		names = talloc_asprintf_append(names, "%s%s", choice == field->choices ? "" : ", ", choice->name);
	}
	int rc = bad_value(field->name, names ? names : "another value", text, err);

	talloc_free(names);
	return rc;
}

int resource_check_choice(const struct certctl_field *fields, const char *name, const char *text,
	struct certctl_error *err)
{
	for (const struct certctl_field *field = fields; field->name; field++)
		if (field->type == CERTCTL_ENUM && strcmp(field->name, name) == 0)
			return check_choice(field, text, err);
	return 0;
}

/* The value as the database takes it. */
static int read_value(TALLOC_CTX *mem, const struct certctl_field *field, const char *text, const char **ret,
	struct certctl_error *err)
{
	char time[CERTCTL_TIME_TEXT], *end = NULL;
	int64_t unix_s = 0;

	*ret = text;
	switch (field->type) {
	case CERTCTL_ENUM:
		return check_choice(field, text, err);
	case CERTCTL_INTEGER:
		errno = 0;
		strtoll(text, &end, 10);
		return !*text || *end || errno || strspn(text, "-0123456789") != strlen(text)
			       ? bad_value(field->name, "a whole number", text, err)
			       : 0;
	case CERTCTL_BOOLEAN:
		return strcmp(text, "true") == 0 || strcmp(text, "false") == 0
			       ? 0
			       : bad_value(field->name, "true or false", text, err);
	case CERTCTL_TIME:
		if (certctl_time_parse(text, &unix_s, NULL) < 0)
			return bad_value(field->name, "a date, or a time as 2026-01-31T08:00:00Z,", text, err);
		*ret = talloc_strdup(mem, certctl_time_format(unix_s, time));
		return *ret ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	default:
		return 0;
	}
}

/* What one of a filter's values stands for, in the place of what the filter itself says. */
static int take_value(struct listing *listing, struct bound_filter *filter, const char *text, struct certctl_error *err)
{
	char *names = talloc_strdup(listing->request, "one of ");

	for (const struct resource_filter_value *row = filter->values; row->value; row++) {
		if (strcmp(row->value, text) == 0) {
			filter->condition = row->condition;
			filter->join = row->join;
			filter->key = row->key;
			listing->default_sort = row->sort ? row->sort : listing->default_sort;
			listing->is_unusual |= row->is_unusual;
			return 0;
		}
		names = talloc_asprintf_append(names, "%s%s", row == filter->values ? "" : ", ", row->value);
	}
	return bad_value(filter->name, names ? names : "another value", text, err);
}

static void put_join(struct listing *listing, const char *text, size_t number)
{
	struct statement join = { .text = listing->joins };

	certctl_buffer_puts(&join.text, " ");
	statement_put(&join, text, number);
	listing->joins = join.text;
}

static int read_filter(struct listing *listing, const struct bound_filter *of, const char *text,
	struct certctl_error *err)
{
	struct statement *values = &listing->values;
	struct bound_filter filter = *of;
	const char *value = NULL;
	size_t number = 0;
	int rc = filter.values ? take_value(listing, &filter, text, err)
			       : read_value(listing->request, filter.field, text, &value, err);

	if (rc < 0)
		return rc;
	if (!filter.values)
		number = statement_value(values, value);
	if (filter.join)
		put_join(listing, filter.join, number);
	if (filter.key)
		listing->key = filter.key;
	if (filter.condition) {
		certctl_buffer_puts(&values->text, " AND ");
		statement_put(values, filter.condition, number);
	}
	listing->is_slow |= listing->bound->resource->is_large && !filter.is_indexed;
	return 0;
}

/* Its own characters stand for themselves. */
static const char *pattern_of(TALLOC_CTX *mem, const char *text)
{
	char *pattern = talloc_strdup(mem, "%");

	for (; pattern && *text; text++)
		pattern = talloc_asprintf_append_buffer(pattern, strchr("%_\\", *text) ? "\\%c" : "%c", *text);
	return pattern ? talloc_strdup_append_buffer(pattern, "%") : NULL;
}

static int read_search(struct listing *listing, struct certctl_error *err)
{
	const char *text = http_query(listing->request, "q");
	const char *pattern = text ? pattern_of(listing->request, text) : NULL;

	if (!text)
		return 0;
	if (!*text || strlen(text) > 200)
		return certctl_fail(err, CERTCTL_E_INVALID, "q: 1..200 octets expected");
	if (!pattern)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	certctl_buffer_puts(&listing->values.text, " AND ");
	statement_put(&listing->values, listing->bound->search, statement_value(&listing->values, pattern));
	listing->is_slow |= listing->bound->resource->is_large;
	return 0;
}

static int read_filters(struct listing *listing, struct certctl_error *err)
{
	int rc = 0;

	listing->key = listing->bound->key;
	statement_init(&listing->values, listing->request);
	certctl_buffer_init(&listing->joins, listing->request, 64 << 10);
	for (size_t i = 0; rc == 0 && i < listing->bound->filter_count; i++) {
		const struct bound_filter *filter = &listing->bound->filters[i];
		const char *text = http_query(listing->request, filter->name);

		if (text)
			rc = read_filter(listing, filter, text, err);
	}
	return rc < 0 ? rc : read_search(listing, err);
}

/* --- Order ----------------------------------------------------------------------------------------------------------- */

static int add_sort(struct listing *listing, const char *word, size_t len, bool is_down, struct certctl_error *err)
{
	const struct bound_column *column = find_column(listing->bound, word, len);

	if (!column || (!(column->field->flags & RESOURCE_SORTED) && strcmp(column->field->name, "id") != 0))
		return certctl_fail(err, CERTCTL_E_INVALID, "sort: cannot sort by '%.*s'", (int)len, word);
	listing->is_id_descending = is_down;
	if (strcmp(column->field->name, "id") == 0)
		return 0;
	if (listing->sort_count == LIST_SORTS_MAX)
		return certctl_fail(err, CERTCTL_E_INVALID, "sort: at most %d members", LIST_SORTS_MAX);
	for (size_t i = 0; i < listing->sort_count; i++)
		if (listing->sorts[i].column == column)
			return certctl_fail(err, CERTCTL_E_INVALID, "sort: '%.*s' is named twice", (int)len, word);
	if (listing->sort_count > 0 && !column->is_never_null)
		return certctl_fail(err, CERTCTL_E_INVALID, "sort: '%.*s' may be unset and can only be the first",
			(int)len, word);
	listing->is_null_last |= !column->is_never_null;
	listing->is_slow |= listing->bound->resource->is_large && !(column->field->flags & RESOURCE_INDEXED);
	listing->sorts[listing->sort_count++] = (struct list_sort){ column, is_down };
	return 0;
}

static int read_sort(struct listing *listing, struct certctl_error *err)
{
	const char *text = http_query(listing->request, "sort"), *word = text;
	bool is_id_named = false;
	int rc = 0;

	if (!word)
		word = listing->default_sort ? listing->default_sort : listing->bound->resource->default_sort;
	for (; rc == 0 && word; word++) {
		bool is_down = *word == '-';
		size_t len = strcspn(word += is_down, ",");

		if (is_id_named)
			return certctl_fail(err, CERTCTL_E_INVALID, "sort: nothing comes after id");
		rc = add_sort(listing, word, len, is_down, err);
		is_id_named = len == 2 && strncmp(word, "id", 2) == 0;
		word += len;
		if (!*word)
			break;
	}
	return rc;
}

/* --- Where it begins ------------------------------------------------------------------------------------------------- */

static int read_number(const struct listing *listing, const char *name, int64_t fallback, int64_t max, int64_t *ret,
	struct certctl_error *err)
{
	const char *text = http_query(listing->request, name);
	char *end = NULL;
	long number = text ? strtol(text, &end, 10) : (long)fallback;

	if (text && (!*text || *end || number < 1 || number > max || strspn(text, "0123456789") != strlen(text)))
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: 1..%lld expected, got '%s'", name, (long long)max,
			text);
	*ret = number;
	return 0;
}

/* What a cursor is good for, in few letters: this path, in this order, with these filters. */
static void make_digest(const struct listing *listing, char ret_digest[65])
{
	struct certctl_buffer text;

	certctl_buffer_init(&text, listing->request, 256 << 10);
	certctl_buffer_puts(&text, listing->bound->resource->path);
	for (size_t i = 0; i < listing->sort_count; i++)
		certctl_buffer_printf(&text, "|%s%s", listing->sorts[i].is_descending ? "-" : "",
			listing->sorts[i].column->field->name);
	certctl_buffer_printf(&text, "|%d|%s|%s", listing->is_id_descending,
		listing->joins.data ? listing->joins.data : "",
		listing->values.text.data ? listing->values.text.data : "");
	for (size_t i = 0; i < listing->values.count; i++)
		certctl_buffer_printf(&text, "|%s", listing->values.values[i].text);
	certctl_sha256_hex(text.data, text.len, ret_digest);
	ret_digest[16] = '\0';
}

const char *list_cursor_write(const struct listing *listing, const struct list_cursor *cursor)
{
	char digest[65];
	struct certctl_buffer text;

	make_digest(listing, digest);
	certctl_buffer_init(&text, listing->request, 64 << 10);
	certctl_buffer_printf(&text, "[\"%s\"", digest);
	for (size_t i = 0; i <= listing->sort_count; i++) {
		certctl_buffer_puts(&text, ",");
		if (cursor->values[i])
			certctl_buffer_json_string(&text, cursor->values[i], strlen(cursor->values[i]));
		else
			certctl_buffer_puts(&text, "null");
	}
	certctl_buffer_puts(&text, "]");
	const char *hex = text.failed ? NULL : certctl_hex(listing->request, text.data, text.len);

	return hex ? hex : "";
}

/* Only the first key may be null, and the id never is. */
static bool take_cursor(struct listing *listing, const json_t *document)
{
	char digest[65];

	make_digest(listing, digest);
	if (json_array_size(document) != listing->sort_count + 2 ||
		strcmp(json_string_value(json_array_get(document, 0)) ? json_string_value(json_array_get(document, 0))
								      : "",
			digest) != 0)
		return false;
	for (size_t i = 0; i <= listing->sort_count; i++) {
		const json_t *value = json_array_get(document, i + 1);
		bool may_be_null = i == 0 && listing->sort_count > 0 && listing->is_null_last;

		if (!json_is_string(value) && !(may_be_null && json_is_null(value)))
			return false;
		listing->cursor.values[i] =
			json_is_string(value) ? talloc_strdup(listing->request, json_string_value(value)) : NULL;
	}
	return true;
}

static int read_cursor(struct listing *listing, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *document = NULL;
	const char *text = http_query(listing->request, "cursor");
	struct certctl_bytes bytes = { 0 };

	if (!text)
		return 0;
	if (certctl_unhex(listing->request, text, &bytes, NULL) == 0 &&
		certctl_json_parse((const char *)bytes.data, bytes.len, NULL, &document, NULL) == 0 &&
		take_cursor(listing, document))
		return 0;
	certctl_fail(err, CERTCTL_E_INVALID,
		"cursor: the next_cursor of an earlier page with the same sort and filters expected");
	return CERTCTL_E_INVALID;
}

static int read_page(struct listing *listing, struct certctl_error *err)
{
	const struct http_request *request = listing->request;
	int64_t page = 1;
	int rc = 0;

	listing->is_paged = http_query(request, "page") || http_query(request, "per_page");
	if (!listing->is_paged) {
		rc = read_number(listing, "limit", LIMIT_DEFAULT, LIMIT_MAX, &listing->limit, err);
		return rc < 0 ? rc : read_cursor(listing, err);
	}
	if (http_query(request, "limit") || http_query(request, "cursor"))
		return certctl_fail(err, CERTCTL_E_INVALID, "page: either page and per_page, or limit and cursor");
	rc = read_number(listing, "page", 1, PAGES_MAX, &page, err);
	if (rc == 0)
		rc = read_number(listing, "per_page", LIMIT_DEFAULT, LIMIT_MAX, &listing->limit, err);
	if (rc == 0 && page * listing->limit > PAGES_MAX)
		rc = certctl_fail(err, CERTCTL_E_INVALID, "page: page * per_page is at most %d; use cursor", PAGES_MAX);
	listing->offset = (page - 1) * listing->limit;
	return rc;
}

int list_read(struct listing *listing, struct certctl_error *err)
{
	int rc = read_fields(listing, err);

	if (rc == 0)
		rc = read_filters(listing, err);
	if (rc == 0)
		rc = read_sort(listing, err);
	if (rc == 0)
		rc = read_page(listing, err);
	if (rc < 0)
		return rc;
	rc = certctl_buffer_finish(&listing->values.text, err);
	return rc < 0 ? rc : certctl_buffer_finish(&listing->joins, err);
}
