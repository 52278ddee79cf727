/* One of a kind: read, shown, with the tag that later changes are compared with. */
#include "engine.h"

void resource_put_outputs(struct certctl_buffer *out, const struct resource_bound *bound)
{
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

/* The tag is that of the row alone: what other processes say changes without anybody changing the resource. */
int resource_show_one(struct http_request *request, struct http_reply *reply, const struct resource_bound *bound,
	unsigned status, const struct db_result *rows)
{
	struct certctl_buffer *out = &reply->body;

	resource_write_one(out, bound, rows, 0);
	http_reply_header(reply, "ETag", http_tag(request, out->data, out->len));
	if (bound->resource->extend && out->len > 0) {
		out->len--;
		bound->resource->extend(request, rows, out);
		certctl_buffer_puts(out, "}");
	}
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
