/* Options of bindings, as somebody writes them, against what the agents of their targets have told.  Knows nothing of deployments. */
#include "core/features/deployment/deployment.sql.h"
#include "deployment.h"
#include "fit.h"

#include <certctl/json.h>
#include <string.h>

static void tell(void *arg, const char *path, const char *detail)
{
	resource_problem(arg, NULL, path, "%s", detail);
}

/* One kind of plugin, and one way that options for it are written. */
static int check_kind(struct resource_change *change, const struct db_result *rows, size_t row,
	struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *options = NULL, *told = NULL;
	const char *options_text = db_get_text(rows, row, "options"), *told_text = db_get_text(rows, row, "plugin");
	struct fit_plugin plugin = { 0 };
	int rc = certctl_json_parse(options_text, strlen(options_text), NULL, &options, err);

	if (rc == 0)
		rc = certctl_json_parse(told_text, strlen(told_text), NULL, &told, err);
	if (rc == 0)
		rc = fit_read_plugin(change->mem, told, &plugin, err);
	return rc < 0 || !plugin.options ? rc : fit_binding(change->mem, &plugin, options, tell, change, err);
}

int deployment_check_bindings(struct resource_change *change, const char *certificate_id, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc =
		db_run(change->db, change->mem, &query_bindings_to_fit, DB_VALUES(db_text(certificate_id)), &rows, err);

	for (size_t row = 0; rc == 0 && row < db_rows(rows); row++)
		rc = check_kind(change, rows, row, err);
	return rc;
}
