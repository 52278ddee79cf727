/* The row of a change: which columns it has, and the statements that write them.  Knows no request. */
#include "engine.h"

#include <string.h>

/* Columns that a change writes: those of the struct; of members that nobody sees, in a patch, only what it gives. */
static bool is_written(const struct resource_change *change, const struct certctl_field *field)
{
	bool is_derived = (field->flags & RESOURCE_DERIVED) == RESOURCE_DERIVED;

	if (field->flags & RESOURCE_ELSEWHERE || strcmp(field->name, "id") == 0 || field->type == CERTCTL_SECRET)
		return false;
	if (field->flags & RESOURCE_READ_ONLY)
		return is_derived;
	return !(field->flags & RESOURCE_WRITE_ONLY && change->verb == RESOURCE_PATCH) ||
	       json_object_get(change->document, field->name);
}

/* Absent without a default is null; an absent list is empty. */
static const char *value_of(const struct resource_change *change, const struct certctl_field *field)
{
	const json_t *given = json_object_get(change->document, field->name);
	bool is_derived = (field->flags & RESOURCE_DERIVED) == RESOURCE_DERIVED;

	if (!is_derived && (!given || json_is_null(given)) && !field->fallback && field->type != CERTCTL_LIST)
		return NULL;
	return resource_value_text(change->mem, field, change->wanted);
}

static void put_columns(struct statement *statement, const struct resource_change *change, const char *format,
	const char *separator, size_t *numbers)
{
	const char *before = "";
	size_t count = 0;

	for (const struct certctl_field *field = change->resource->fields; field->name; field++) {
		if (!is_written(change, field))
			continue;
		if (!numbers[count])
			numbers[count] = statement_value(statement, value_of(change, field));
		certctl_buffer_puts(&statement->text, before);
		for (const char *at = format; *at; at++) {
			if (*at == 'c')
				certctl_buffer_puts(&statement->text, field->name);
			else if (*at == 'n')
				certctl_buffer_printf(&statement->text, "$%zu", numbers[count]);
			else
				certctl_buffer_append(&statement->text, at, 1);
		}
		before = separator;
		count++;
	}
}

int resource_row_insert(struct resource_change *change, struct certctl_error *err)
{
	struct statement statement;
	size_t numbers[RESOURCE_VALUES_MAX] = { 0 };

	statement_init(&statement, change->mem);
	certctl_buffer_printf(&statement.text, "INSERT INTO %s (id, ", change->resource->table);
	size_t id = statement_value(&statement, change->id);

	put_columns(&statement, change, "c", ", ", numbers);
	certctl_buffer_printf(&statement.text, ") VALUES ($%zu, ", id);
	put_columns(&statement, change, "n", ", ", numbers);
	certctl_buffer_puts(&statement.text, ")");
	return statement_run(&statement, change->services, change->db, change->mem, NULL, err);
}

int resource_row_update(struct resource_change *change, struct certctl_error *err)
{
	struct statement statement;
	struct db_result *rows = NULL;
	size_t numbers[RESOURCE_VALUES_MAX] = { 0 };

	statement_init(&statement, change->mem);
	certctl_buffer_printf(&statement.text, "UPDATE %s SET ", change->resource->table);
	size_t id = statement_value(&statement, change->id);

	put_columns(&statement, change, "c = n", ", ", numbers);
	certctl_buffer_printf(&statement.text, "%s WHERE id = $%zu AND (",
		change->resource->is_stamped ? ", updated_at = clock.now()" : "", id);
	put_columns(&statement, change, "c IS DISTINCT FROM n", " OR ", numbers);
	certctl_buffer_puts(&statement.text, ") RETURNING id");
	int rc = statement_run(&statement, change->services, change->db, change->mem, &rows, err);

	if (rc == 0 && db_rows(rows) > 0)
		change->is_changed = true;
	return rc;
}

int resource_row_make_id(struct resource_change *change, struct certctl_error *err)
{
	const json_t *given = json_object_get(change->document, "id");
	struct statement statement;
	struct db_result *rows = NULL;

	if (json_is_string(given)) {
		change->id = talloc_strdup(change->mem, json_string_value(given));
		return change->id ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	}
	statement_init(&statement, change->mem);
	certctl_buffer_printf(&statement.text, "SELECT make_id($%zu) AS id",
		statement_value(&statement, change->resource->id_prefix));
	int rc = statement_run(&statement, change->services, change->db, change->mem, &rows, err);

	if (rc == 0)
		change->id = db_get_text(rows, 0, "id");
	return rc;
}
