/*
 * After an agent has told of other plugins: what is written for its targets and bindings, looked at anew.  Nothing is refused here: what
 * does not fit any more says so until somebody mends it.
 */
#include "core/features/deployment/deployment.sql.h"
#include "core/platform/connectors/rows.h"
#include "deployment.h"
#include "fit.h"

#include <certctl/json.h>
#include <certctl/log.h>
#include <string.h>

struct refitting {
	struct core *core;
	struct db *db;
	TALLOC_CTX *mem;
	const char *agent_id;
	json_t *told; /* the agent's plugins */
};

static int parse(const char *text, json_t **ret, struct certctl_error *err)
{
	return certctl_json_parse(text, strlen(text), NULL, ret, err);
}

static bool is_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* --- Targets --------------------------------------------------------------------------------------------------------- */

/* With secrets.  What cannot be opened is not looked at. */
static int open_options(const struct refitting *work, const struct db_result *rows, size_t row, json_t **ret,
	struct certctl_error *err)
{
	const struct sealed sealed = { db_get_text(rows, row, "key_id"), db_get_text(rows, row, "sealed") };

	return sealed.bytes ? connector_row_unseal(work->core->sealing, CERTCTL_TARGET, db_get_text(rows, row, "id"),
				      &sealed, ret, err)
			    : parse(db_get_text(rows, row, "options"), ret, err);
}

static int write_target(const struct refitting *work, const char *id, const char *problem, const json_t *shown,
	const json_t *full, struct certctl_error *err)
{
	struct sealed sealed = { NULL, NULL };
	const char *text = certctl_json_text(work->mem, shown, NULL);
	int rc = text ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	if (rc == 0 && !json_equal((json_t *)(uintptr_t)shown, (json_t *)(uintptr_t)full))
		rc = connector_row_seal(work->core->sealing, work->mem, CERTCTL_TARGET, id, full, &sealed, err);
	return rc < 0 ? rc
		      : db_run(work->db, NULL, &query_target_refit,
				DB_VALUES(db_text(id), db_text(text), db_text(sealed.bytes), db_text(sealed.key_id),
					db_text(problem)),
				NULL, err);
}

static int refit_target(const struct refitting *work, const struct db_result *rows, size_t row,
	struct certctl_error *err)
{
	const char *id = db_get_text(rows, row, "id"), *problem = NULL;
	CERTCTL_AUTO(json_decref) json_t *full = NULL, *before = NULL, *shown = NULL;
	struct certctl_error why = { 0 };
	struct fit_plugin plugin = { 0 };
	int rc = fit_find_plugin(work->mem, work->told, db_get_text(rows, row, "type"), &plugin, err);

	if (rc == 0)
		rc = parse(db_get_text(rows, row, "options"), &before, err);
	if (rc < 0)
		return rc;
	if (plugin.refusal)
		problem = plugin.refusal;
	else if (open_options(work, rows, row, &full, &why) < 0 ||
		 (plugin.options &&
			 fit_target(connectors_settings(work->core->connectors), &plugin, full, NULL, NULL, &why) < 0))
		problem = talloc_strdup(work->mem, why.what);
	/* What does not fit is shown as it was: its table says nothing of what is a secret in it. */
	if (!problem && plugin.options)
		shown = fit_shown(&plugin, full);
	if (problem && !is_same(problem, db_get_text(rows, row, "problem")))
		certctl_log(CERTCTL_LOG_WARNING, "target.refused", "target", id, "agent", work->agent_id, "what",
			problem, NULL);
	if (shown && !json_equal(shown, before))
		return write_target(work, id, NULL, shown, full, err);
	return is_same(problem, db_get_text(rows, row, "problem"))
		       ? 0
		       : db_run(work->db, NULL, &query_target_note_problem, DB_VALUES(db_text(id), db_text(problem)),
				 NULL, err);
}

/* --- Bindings -------------------------------------------------------------------------------------------------------- */

/* Those of one plugin with equal options stand together: they are looked at once. */
struct looked_at {
	const char *type, *options, *problem;
};

static int look_at(const struct refitting *work, const struct db_result *rows, size_t row, struct looked_at *last,
	struct certctl_error *err)
{
	struct looked_at now = { db_get_text(rows, row, "type"), db_get_text(rows, row, "options"), NULL };
	CERTCTL_AUTO(json_decref) json_t *options = NULL;
	struct fit_plugin plugin = { 0 };
	struct certctl_error why = { 0 };

	if (is_same(now.type, last->type) && is_same(now.options, last->options))
		return 0;
	int rc = fit_find_plugin(work->mem, work->told, now.type, &plugin, err);

	if (rc == 0)
		rc = parse(now.options, &options, err);
	/* A plugin that is not there at all is the target's problem. */
	if (rc == 0 && plugin.options && fit_binding(work->mem, &plugin, options, NULL, NULL, &why) < 0)
		now.problem = talloc_strdup(work->mem, why.what);
	*last = now;
	return rc;
}

static int refit_bindings(const struct refitting *work, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	struct looked_at last = { 0 };
	size_t count = 0;
	int rc = db_run(work->db, work->mem, &query_bindings_to_refit, DB_VALUES(db_text(work->agent_id)), &rows, err);
	const char **ids = talloc_zero_array(work->mem, const char *, (unsigned)(rc < 0 ? 0 : db_rows(rows)) + 1);
	const char **problems = talloc_zero_array(work->mem, const char *, (unsigned)(rc < 0 ? 0 : db_rows(rows)) + 1);

	if (rc == 0 && (!ids || !problems))
		rc = certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	for (size_t row = 0; rc == 0 && row < db_rows(rows); row++) {
		rc = look_at(work, rows, row, &last, err);
		if (rc < 0 || is_same(last.problem, db_get_text(rows, row, "problem")))
			continue;
		ids[count] = db_get_text(rows, row, "id");
		problems[count++] = last.problem ? last.problem : "";
	}
	if (rc < 0 || count == 0)
		return rc;
	return db_run(work->db, NULL, &query_bindings_note_problems,
		DB_VALUES(db_text(db_array(work->mem, ids, count)), db_text(db_array(work->mem, problems, count))),
		NULL, err);
}

int deployment_refit(struct core *core, struct db *db, TALLOC_CTX *mem, const char *agent_id, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *told = NULL;
	struct db_result *agent = NULL, *targets = NULL;
	int rc = db_run(db, mem, &query_target_agent_plugins, DB_VALUES(db_text(agent_id)), &agent, err);

	if (rc < 0 || db_rows(agent) == 0)
		return rc;
	rc = parse(db_get_text(agent, 0, "plugins"), &told, err);
	if (rc == 0)
		rc = db_run(db, mem, &query_targets_to_refit, DB_VALUES(db_text(agent_id)), &targets, err);
	struct refitting work = { core, db, mem, agent_id, told };

	for (size_t row = 0; rc == 0 && row < db_rows(targets); row++)
		rc = refit_target(&work, targets, row, err);
	return rc < 0 || db_rows(targets) == 0 ? rc : refit_bindings(&work, err);
}
