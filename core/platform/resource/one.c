/* One of a kind: read, shown, with the tag that later changes are compared with. */
#include "engine.h"

#include <string.h>

void resource_put_outputs(struct certctl_buffer *out, const struct resource_bound *bound)
{
	if (bound->resource->members) {
		certctl_buffer_printf(out, "%s AS members, %s AS id", bound->resource->members, bound->key);
		return;
	}
	for (size_t i = 0; i < bound->shown_count; i++)
		certctl_buffer_printf(out, "%s%s AS %s", i ? ", " : "", bound->shown[i].output,
			bound->shown[i].field->name);
}

int resource_read_one(struct http_request *request, const struct resource_bound *bound, struct db *db, const char *id,
	struct db_result **ret, struct certctl_error *err)
{
	struct statement statement;
	struct db_result *rows = NULL;

	statement_init(&statement, request);
	certctl_buffer_puts(&statement.text, "SELECT ");
	resource_put_outputs(&statement.text, bound);
	certctl_buffer_printf(&statement.text, " FROM %s WHERE %s = $%zu", bound->from, bound->key,
		statement_value(&statement, id));
	statement_put_scope(&statement, bound->resource, request);
	int rc = db ? statement_run(&statement, bound->services, db, request, &rows, err)
		    : statement_once(&statement, bound->services, request, &rows, err);

	if (rc < 0)
		return rc;
	if (db_rows(rows) == 0)
		return certctl_fail(err, CERTCTL_E_NOT_FOUND, "%s '%s' is not there", bound->title, id);
	*ret = rows;
	return 0;
}

/* Half of the tag for the row, half for what others say of it: a change is compared with the first half alone. */
#define ROW_DIGITS 16

const char *resource_row_tag(struct http_request *request, const struct resource_bound *bound,
	const struct certctl_buffer *row)
{
	const char *tag = http_tag(request, row->data, row->len);

	/* Without the quote at its end: the beginning of a tag. */
	return bound->resource->extend ? talloc_strndup(request, tag, 1 + ROW_DIGITS) : tag;
}

static void extend(struct http_request *request, const struct resource_bound *bound, const char *id, bool is_single,
	struct certctl_buffer *out, const char **tag)
{
	size_t row_len = out->len - 1;

	out->len--;
	bound->resource->extend(request, id, is_single, out);
	const char *rest = http_tag(request, out->data + row_len, out->len - row_len);

	*tag = talloc_asprintf(request, "%s%.*s\"", *tag, ROW_DIGITS, rest + 1);
	certctl_buffer_puts(out, "}");
}

int resource_show_one(struct http_request *request, struct http_reply *reply, const struct resource_bound *bound,
	unsigned status, const struct db_result *rows)
{
	struct certctl_buffer *out = &reply->body;

	resource_write_one(out, bound, rows, 0);
	if (out->failed)
		return http_reply_json(reply, status);
	const char *tag = resource_row_tag(request, bound, out);

	if (bound->resource->extend)
		extend(request, bound, db_get_text(rows, 0, "id"), strcmp(request->route->method, "GET") == 0, out,
			&tag);
	http_reply_header(reply, "ETag", tag ? tag : "\"\"");
	return http_reply_json(reply, status);
}

int resource_handle_get(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	const struct resource_bound *bound = resource_bound_of(request);
	struct db_result *rows = NULL;
	int rc = resource_read_one(request, bound, NULL, http_path(request, "id"), &rows, err);

	return rc < 0 ? rc : resource_show_one(request, reply, bound, 200, rows);
}

int resource_reply_one(struct http_request *request, struct http_reply *reply, const struct resource_services *services,
	const struct resource *resource, const char *id, struct certctl_error *err)
{
	struct resource_bound *bound = NULL;
	struct db_result *rows = NULL;
	int rc = resource_bind(request, resource, services, &bound, err);

	if (rc == 0)
		rc = resource_read_one(request, bound, NULL, id, &rows, err);
	return rc < 0 ? rc : resource_show_one(request, reply, bound, 200, rows);
}
