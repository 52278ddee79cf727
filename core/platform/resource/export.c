/* Rows as documents that make them again: what may be set, nothing that is only shown, no secrets. */
#include "engine.h"

#include <certctl/json.h>
#include <string.h>

/* "agent_group" is `kind: agent-group` in files. */
static json_t *kind_of(const struct resource *resource)
{
	char *text = talloc_strdup(NULL, resource->kind);

	for (char *at = text; at && *at; at++)
		if (*at == '_')
			*at = '-';
	json_t *kind = text ? json_string(text) : NULL;

	talloc_free(text);
	return kind;
}

/* A mask is no value: who reads the document gives the secret. */
static void drop_masks(json_t *value)
{
	const char *name;
	json_t *item;
	size_t i;
	void *next;

	json_object_foreach_safe(value, next, name, item)
	{
		if (json_is_string(item) && strcmp(json_string_value(item), CERTCTL_SECRET_MASK) == 0)
			json_object_del(value, name);
		else
			drop_masks(item);
	}
	for (i = json_array_size(value); i-- > 0;) {
		item = json_array_get(value, i);
		if (json_is_string(item) && strcmp(json_string_value(item), CERTCTL_SECRET_MASK) == 0)
			json_array_remove(value, i);
		else
			drop_masks(item);
	}
}

static int add_document(TALLOC_CTX *mem, const struct resource_bound *bound, const struct db_result *rows, size_t row,
	json_t *documents, struct certctl_error *err)
{
	const struct certctl_json_limits limits = { .max_bytes = 4 << 20, .max_nodes = 200000 };
	CERTCTL_AUTO(json_decref) json_t *shown = NULL;
	struct certctl_buffer text;
	json_t *document = json_pack("{s:o}", "kind", kind_of(bound->resource));

	certctl_buffer_init(&text, mem, 4 << 20);
	resource_write_one(&text, bound, rows, row);
	int rc = certctl_buffer_finish(&text, err);

	if (rc == 0)
		rc = certctl_json_parse(text.data, text.len, &limits, &shown, err);
	for (const struct certctl_field *field = bound->resource->fields; rc == 0 && field->name; field++) {
		json_t *value = json_object_get(shown, field->name);

		if (value && !json_is_null(value) && !(field->flags & RESOURCE_READ_ONLY))
			json_object_set(document, field->name, value);
	}
	drop_masks(document);
	if (rc == 0 && json_array_append(documents, document) < 0)
		rc = certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	json_decref(document);
	return rc;
}

int resource_export(struct http_request *request, const struct resource_services *services,
	const struct resource *resource, const char *after, size_t limit, json_t *documents, const char **ret_last,
	struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(request);
	struct resource_bound *bound = NULL;
	struct statement statement;
	struct db_result *rows = NULL;
	int rc = resource_bind(mem, resource, services, &bound, err);

	if (rc < 0)
		return rc;
	statement_init(&statement, mem);
	certctl_buffer_puts(&statement.text, "SELECT ");
	resource_put_outputs(&statement.text, bound);
	certctl_buffer_printf(&statement.text, " FROM %s WHERE %s > $%zu", bound->from, bound->key,
		statement_value(&statement, after ? after : ""));
	statement_put_scope(&statement, resource, request);
	certctl_buffer_printf(&statement.text, " ORDER BY %s LIMIT %zu", bound->key, limit);
	rc = statement_once(&statement, services, request, &rows, err);
	for (size_t row = 0; rc == 0 && row < db_rows(rows); row++)
		rc = add_document(mem, bound, rows, row, documents, err);
	if (rc == 0)
		*ret_last = db_rows(rows) == limit ? talloc_strdup(request, db_get_text(rows, limit - 1, "id")) : NULL;
	talloc_free(rows);
	talloc_free(mem);
	return rc;
}
