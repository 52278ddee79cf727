/* Who still refers to what shall be deleted.  The constraints of the schema have the last word; this says it in names. */
#include "engine.h"

#define NAMES_MAX 3

static int check_use(struct resource_change *change, const struct resource_bound *bound, const struct resource_use *use,
	struct certctl_error *err)
{
	struct statement statement;
	struct db_result *rows = NULL;

	statement_init(&statement, change->mem);
	certctl_buffer_printf(&statement.text, "SELECT u.id, count(*) OVER () AS count FROM %s u WHERE ", use->table);
	size_t id = statement_value(&statement, change->id);

	if (use->condition)
		statement_put(&statement, use->condition, id);
	else
		certctl_buffer_printf(&statement.text, "u.%s = $%zu", use->column, id);
	certctl_buffer_printf(&statement.text, " ORDER BY u.id LIMIT %d", NAMES_MAX);
	int rc = statement_run(&statement, change->services, change->db, change->mem, &rows, err);

	if (rc < 0 || db_rows(rows) == 0)
		return rc;
	int64_t count = db_get_integer(rows, 0, "count");
	char *names = talloc_strdup(change->mem, "");

	for (size_t i = 0; i < db_rows(rows); i++)
		names = talloc_asprintf_append(names, "%s%s", i ? ", " : "", db_get_text(rows, i, "id"));
	return certctl_fail(err, CERTCTL_E_CONFLICT, "%s '%s' is used by %lld %s: %s%s", bound->title, change->id,
		(long long)count, count == 1 ? use->one : use->many, names, count > NAMES_MAX ? ", ..." : "");
}

int resource_check_uses(struct resource_change *change, const struct resource_bound *bound, struct certctl_error *err)
{
	int rc = 0;

	for (const struct resource_use *use = change->resource->uses; rc == 0 && use && use->table; use++)
		rc = check_use(change, bound, use, err);
	return rc;
}
