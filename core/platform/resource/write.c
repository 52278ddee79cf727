/* From rows to replies, straight: no row becomes a tree of objects to be printed again. */
#include "engine.h"

#include <certctl/x509.h>
#include <stdlib.h>
#include <string.h>

/* `2026-11-23 14:20:09.123+00`, as our sessions have it, becomes RFC 3339. */
static void write_time(struct certctl_buffer *out, const char *text)
{
	char time[] = "\"0000-00-00T00:00:00Z\"";

	if (strlen(text) < 19) {
		certctl_buffer_puts(out, "null");
		return;
	}
	memcpy(time + 1, text, 10);
	memcpy(time + 12, text + 11, 8);
	certctl_buffer_append(out, time, sizeof(time) - 1);
}

/* One element of a PostgreSQL array: quoted with backslashes, or plain.  What follows it. */
static const char *write_element(struct certctl_buffer *out, bool is_text, const char *at)
{
	char small[256], *text = small;
	bool is_quoted = *at == '"';
	size_t len = 0, room = strlen(at) + 1;

	if (room > sizeof(small) && !(text = talloc_size(out->mem, room))) {
		out->failed = CERTCTL_E_NO_MEMORY;
		return "";
	}
	for (at += is_quoted; *at && (is_quoted ? *at != '"' : *at != ',' && *at != '}'); at++) {
		at += is_quoted && *at == '\\' && at[1];
		text[len++] = *at;
	}
	text[len] = '\0';
	if (!is_quoted && strcmp(text, "NULL") == 0)
		certctl_buffer_puts(out, "null");
	else if (is_text)
		certctl_buffer_json_string(out, text, len);
	else
		certctl_buffer_append(out, text, len);
	if (text != small)
		talloc_free(text);
	return at + (is_quoted && *at == '"');
}

/* `{a,"b c"}`, as PostgreSQL has arrays (one dimension), or JSON. */
static void write_list(struct certctl_buffer *out, const struct certctl_field *field, const char *text)
{
	bool is_text = field->item_type != CERTCTL_INTEGER && field->item_type != CERTCTL_BOOLEAN;
	const char *separator = "[";

	if (text[0] != '{') {
		certctl_buffer_puts(out, text);
		return;
	}
	for (const char *at = text + 1; *at && *at != '}'; at += *at == ',') {
		certctl_buffer_append(out, separator, 1);
		at = write_element(out, is_text, at);
		separator = ",";
	}
	certctl_buffer_puts(out, separator[0] == '[' ? "[]" : "]");
}

void resource_write_value(struct certctl_buffer *out, const struct certctl_field *field, const char *text)
{
	if (!text) {
		certctl_buffer_append(out, "null", 4);
		return;
	}
	if (field->flags & (RESOURCE_DOCUMENT | RESOURCE_DOCUMENT_LIST)) {
		certctl_buffer_puts(out, text);
		return;
	}
	switch (field->type) {
	case CERTCTL_INTEGER:
	case CERTCTL_DURATION:
	case CERTCTL_SIZE:
	case CERTCTL_OBJECT: /* the query gives objects as JSON */
		certctl_buffer_puts(out, text);
		break;
	case CERTCTL_LIST:
		write_list(out, field, text);
		break;
	case CERTCTL_BOOLEAN:
		certctl_buffer_puts(out, text[0] == 't' ? "true" : "false");
		break;
	case CERTCTL_TIME:
		write_time(out, text);
		break;
	case CERTCTL_SECRET:
		certctl_buffer_puts(out, "\"" CERTCTL_SECRET_MASK "\"");
		break;
	default:
		certctl_buffer_json_string(out, text, strlen(text));
	}
}

void resource_write_members(struct certctl_buffer *out, const struct certctl_field *fields,
	const struct db_result *rows, size_t row)
{
	const char *separator = "";

	for (const struct certctl_field *field = fields; field->name; field++) {
		int column = field->flags & RESOURCE_WRITE_ONLY ? -1 : db_column(rows, field->name);

		if (column < 0)
			continue;
		certctl_buffer_printf(out, "%s\"%s\":", separator, field->name);
		resource_write_value(out, field, db_value_at(rows, row, column));
		separator = ",";
	}
}

void resource_write_row(struct certctl_buffer *out, const struct bound_column *const *columns, size_t count,
	const struct db_result *rows, size_t row, int first)
{
	certctl_buffer_append(out, "{", 1);
	for (size_t i = 0; i < count; i++) {
		if (i)
			certctl_buffer_append(out, ",", 1);
		certctl_buffer_append(out, columns[i]->key, columns[i]->key_len);
		resource_write_value(out, columns[i]->field, db_value_at(rows, row, first + (int)i));
	}
	certctl_buffer_append(out, "}", 1);
}

void resource_write_members_text(struct certctl_buffer *out, const char *members)
{
	certctl_buffer_append(out, "{", 1);
	certctl_buffer_puts(out, members);
	certctl_buffer_append(out, "}", 1);
}

void resource_write_one(struct certctl_buffer *out, const struct resource_bound *bound, const struct db_result *rows,
	size_t row)
{
	if (bound->resource->members) {
		resource_write_members_text(out, db_value_at(rows, row, 0));
		return;
	}
	for (size_t i = 0; i < bound->shown_count; i++) {
		certctl_buffer_append(out, i ? "," : "{", 1);
		certctl_buffer_append(out, bound->shown[i].key, bound->shown[i].key_len);
		resource_write_value(out, bound->shown[i].field, db_value_at(rows, row, (int)i));
	}
	certctl_buffer_append(out, "}", 1);
}

void resource_write(struct certctl_buffer *out, const struct certctl_field *fields, const struct db_result *rows,
	size_t row)
{
	certctl_buffer_puts(out, "{");
	resource_write_members(out, fields, rows, row);
	certctl_buffer_puts(out, "}");
}

int resource_reply(struct http_reply *reply, unsigned status, const struct certctl_field *fields,
	const struct db_result *rows, const char *kind, const char *id, struct certctl_error *err)
{
	if (db_rows(rows) == 0)
		return certctl_fail(err, CERTCTL_E_NOT_FOUND, "%s '%s' is not there", kind, id);
	resource_write(&reply->body, fields, rows, 0);
	return http_reply_json(reply, status);
}

/* --- Lists ----------------------------------------------------------------------------------------------------------- */

#define LIMIT_DEFAULT 50
#define LIMIT_MAX     500
#define FILTERS_MAX   16

static int read_limit(const struct http_request *request, int64_t *ret, struct certctl_error *err)
{
	const char *text = http_query(request, "limit");
	char *end = NULL;
	long limit = text ? strtol(text, &end, 10) : LIMIT_DEFAULT;

	if (text && (!*text || *end || strspn(text, "0123456789") != strlen(text) || limit < 1 || limit > LIMIT_MAX))
		return certctl_fail(err, CERTCTL_E_INVALID, "limit: 1..%d expected, got '%s'", LIMIT_MAX, text);
	*ret = limit;
	return 0;
}

static int read_cursor(struct http_request *request, const char **ret, struct certctl_error *err)
{
	const char *text = http_query(request, "cursor");
	struct certctl_bytes id = { 0 };

	if (text && (certctl_unhex(request, text, &id, NULL) < 0 || id.len == 0 || id.len > 63))
		return certctl_fail(err, CERTCTL_E_INVALID, "cursor: the next_cursor of an earlier page expected");
	*ret = text ? talloc_strndup(request, (const char *)id.data, id.len) : NULL;
	if (*ret && !certctl_id_is_valid(*ret))
		return certctl_fail(err, CERTCTL_E_INVALID, "cursor: the next_cursor of an earlier page expected");
	return 0;
}

bool resource_is_name(const char *name, const char *word, size_t len)
{
	size_t at = 0;

	if (strlen(name) == len && strncmp(name, word, len) == 0)
		return true;
	for (; *name && at < len; name++, at++) {
		char wanted = *name;

		if (wanted == '_' && name[1] >= 'a' && name[1] <= 'z')
			wanted = (char)(*++name - 'a' + 'A');
		if (word[at] != wanted)
			return false;
	}
	return !*name && at == len;
}

/* Mark the row that a word names. */
static bool mark_field(const struct certctl_field *fields, bool *marks, const char *word, size_t len)
{
	for (size_t i = 0; fields[i].name; i++)
		if (!(fields[i].flags & RESOURCE_WRITE_ONLY) && resource_is_name(fields[i].name, word, len)) {
			marks[i] = true;
			return true;
		}
	return false;
}

int resource_select(TALLOC_CTX *mem, const struct certctl_field *fields, const char *names,
	const struct certctl_field **ret, struct certctl_error *err)
{
	unsigned count = 0, kept = 0;

	while (fields[count].name)
		count++;
	struct certctl_field *rows = talloc_zero_array(mem, struct certctl_field, count + 1);
	bool *marks = talloc_zero_array(mem, bool, count + 1);

	if (!rows || !marks)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	for (const char *word = names;; word++) {
		size_t len = strcspn(word, ",");

		if (!mark_field(fields, marks, word, len))
			return certctl_fail(err, CERTCTL_E_INVALID, "fields: there is no member '%.*s'", (int)len,
				word);
		word += len;
		if (!*word)
			break;
	}
	for (unsigned i = 0; i < count; i++)
		if (marks[i])
			rows[kept++] = fields[i];
	*ret = rows;
	return 0;
}

static int read_filters(struct http_request *request, const struct resource_list *list, struct db_value *ret_values,
	size_t *count, struct certctl_error *err)
{
	for (size_t i = 0; list->filters && list->filters[i]; i++) {
		const char *text = http_query(request, list->filters[i]);
		int rc = text ? resource_check_choice(list->fields, list->filters[i], text, err) : 0;

		if (rc == 0 && text && list->read_filter)
			rc = list->read_filter(request, list->filters[i], text, &text, err);

		if (rc < 0)
			return rc;
		ret_values[(*count)++] = db_text(text);
	}
	return 0;
}

static int run_query(struct http_request *request, struct db_pool *db, const struct resource_list *list, int64_t limit,
	struct db_result **ret, struct certctl_error *err)
{
	struct db_value values[FILTERS_MAX + 3];
	const char *cursor = NULL;
	size_t count = 0;
	int rc = read_cursor(request, &cursor, err);

	if (rc < 0)
		return rc;
	/* One more than asked for: whether there is a next page. */
	values[count++] = db_integer(limit + 1);
	values[count++] = db_text(cursor);
	if (list->parent)
		values[count++] = db_text(http_path(request, list->parent));
	rc = read_filters(request, list, values, &count, err);
	if (list->is_scoped)
		values[count++] = db_text(request->scope);
	return rc < 0 ? rc : db_once(db, request, list->query, values, count, ret, err);
}

int resource_reply_list(struct http_request *request, struct http_reply *reply, struct db_pool *db,
	const struct resource_list *list, struct certctl_error *err)
{
	struct certctl_buffer *out = &reply->body;
	struct db_result *rows = NULL;
	int64_t limit = 0;
	const struct certctl_field *fields = list->fields;
	const char *names = http_query(request, "fields");
	int rc = names ? resource_select(request, fields, names, &fields, err) : 0;

	if (rc == 0)
		rc = read_limit(request, &limit, err);
	if (rc == 0)
		rc = run_query(request, db, list, limit, &rows, err);
	if (rc < 0)
		return rc;
	size_t count = db_rows(rows) > (size_t)limit ? (size_t)limit : db_rows(rows);

	certctl_buffer_puts(out, "{\"data\":[");
	for (size_t row = 0; row < count; row++) {
		certctl_buffer_puts(out, row ? "," : "");
		resource_write(out, fields, rows, row);
	}
	certctl_buffer_puts(out, "],\"next_cursor\":");
	if (db_rows(rows) > count) {
		const char *last = db_get_text(rows, count - 1, "id");
		const char *cursor = certctl_hex(request, last, strlen(last));

		certctl_buffer_printf(out, "\"%s\"", cursor ? cursor : "");
	} else {
		certctl_buffer_puts(out, "null");
	}
	certctl_buffer_puts(out, ",\"total\":null,\"total_is_estimate\":false}");
	return http_reply_json(reply, 200);
}
