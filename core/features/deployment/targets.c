/*
 * Targets: where certificates are served.  Options are checked against what the agent beside the server has told of its plugin, and
 * sealed when there are secrets among them.
 */
#include "targets.h"
#include "core/features/access/access.h"
#include "core/features/deployment/deployment.sql.h"
#include "core/platform/connectors/rows.h"
#include "fit.h"
#include "target_test.h"

#include <certctl/json.h>
#include <string.h>

struct target {
	const char *id, *name, *type, *agent_id;
	const char *options; /* JSON, secrets masked */
	/* As they are kept. */
	const char *sealed, *key_id, *problem;
	int64_t revision;
	struct certctl_time created_at, updated_at;
};

#define SHOWN RESOURCE_READ_ONLY | RESOURCE_FILTERED | RESOURCE_SORTED

static const struct certctl_field fields[] = {
	CERTCTL_OPTION(struct target, id, CERTCTL_REFERENCE, .refers_to = "target",
		.help = "Chosen by you, or made for you."),
	CERTCTL_OPTION(struct target, name, CERTCTL_TEXT, .required = true, .min = 1, .max = 200,
		.flags = RESOURCE_FILTERED | RESOURCE_SORTED | RESOURCE_INDEXED | RESOURCE_SEARCHED,
		.help = "For people; no two targets have the same."),
	CERTCTL_OPTION(struct target, type, CERTCTL_TEXT, .required = true, .min = 1, .max = 63,
		.flags = RESOURCE_FILTERED | RESOURCE_INDEXED | RESOURCE_FIXED, .help = "Id of the plugin."),
	CERTCTL_OPTION(struct target, agent_id, CERTCTL_REFERENCE, .required = true, .refers_to = "agent",
		.flags = RESOURCE_FILTERED | RESOURCE_INDEXED | RESOURCE_FIXED, .help = "The agent beside the server."),
	CERTCTL_OPTION(struct target, options, CERTCTL_TEXT, .fallback = "{}", .max = 65536, .flags = RESOURCE_DOCUMENT,
		.help = "As the plugin's reference page describes them.  Secrets are shown as ***, which, sent back, stands for what is there; "
			"secret:NAME is a file in connectors.secrets_dir."),
	CERTCTL_OPTION(struct target, sealed, CERTCTL_TEXT, .flags = RESOURCE_DERIVED),
	CERTCTL_OPTION(struct target, key_id, CERTCTL_TEXT, .flags = RESOURCE_DERIVED),
	CERTCTL_OPTION(struct target, revision, CERTCTL_INTEGER, .flags = RESOURCE_DERIVED),
	CERTCTL_OPTION(struct target, problem, CERTCTL_TEXT, .flags = RESOURCE_DERIVED),
	{ .name = "status",
		.type = CERTCTL_TEXT,
		.flags = RESOURCE_READ_ONLY,
		.help = "ready; refused: its plugin would not take the options of it, or of a certificate in it; unknown: its agent has not told "
			"of its plugins yet; closed: its agent is retired." },
	{ .name = "status_reason",
		.type = CERTCTL_TEXT,
		.flags = RESOURCE_READ_ONLY,
		.help = "Why it is refused, in the words of the option's table." },
	CERTCTL_OPTION(struct target, created_at, CERTCTL_TIME, .flags = SHOWN),
	CERTCTL_OPTION(struct target, updated_at, CERTCTL_TIME, .flags = SHOWN),
	{ 0 },
};

/* --- What is there --------------------------------------------------------------------------------------------------- */

/* Options as they are kept. */
struct kept {
	const char *sealed, *key_id, *problem;
	int64_t revision;
	json_t *shown, *full; /* without and with secrets; NULL: none, or they cannot be opened any more */
};

static void drop_kept(struct kept *kept)
{
	json_decref(kept->shown);
	json_decref(kept->full);
}

static int read_kept(struct resource_change *change, struct kept *ret, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_run(change->db, change->mem, &query_target_kept, DB_VALUES(db_text(change->id)), &rows, err);

	if (rc < 0 || db_rows(rows) == 0)
		return rc;
	const char *options = db_get_text(rows, 0, "options");

	ret->sealed = db_get_text(rows, 0, "sealed");
	ret->key_id = db_get_text(rows, 0, "key_id");
	ret->problem = db_get_text(rows, 0, "problem");
	ret->revision = db_get_integer(rows, 0, "revision");
	rc = certctl_json_parse(options, strlen(options), NULL, &ret->shown, err);
	if (rc == 0 && !ret->sealed)
		ret->full = json_incref(ret->shown);
	else if (rc == 0 && connector_row_unseal(core_of(change->request)->sealing, CERTCTL_TARGET, change->id,
				    &(struct sealed){ ret->key_id, ret->sealed }, &ret->full, NULL) < 0)
		/* What cannot be opened any more is given again: masks are refused then. */
		ret->full = NULL;
	return rc;
}

/* --- What is wanted -------------------------------------------------------------------------------------------------- */

static void tell(void *arg, const char *path, const char *detail)
{
	resource_problem(arg, NULL, path, "%s", detail);
}

/* What GET has shown goes back as it is; a mask in anything else is a guess as long as nobody says which members are secrets. */
static int unmask_unknown(struct resource_change *change, json_t **options, const struct kept *kept,
	struct certctl_error *err)
{
	if (kept->full && json_equal(*options, kept->shown)) {
		json_decref(*options);
		*options = json_incref(kept->full);
		return 0;
	}
	return connector_options_have_mask(*options)
		       ? resource_problem(change, err, "options",
				 "give them whole: the agent has not told of its plugins yet")
		       : 0;
}

/* With secrets. */
static int read_options(struct resource_change *change, const struct fit_plugin *plugin, const struct kept *kept,
	json_t **ret, struct certctl_error *err)
{
	const struct target *wanted = change->wanted;
	int rc = certctl_json_parse(wanted->options, strlen(wanted->options), NULL, ret, err);

	if (rc < 0 || !plugin->options)
		return rc < 0 ? rc : unmask_unknown(change, ret, kept, err);
	connector_options_unmask(plugin->options, *ret, kept->full);
	return 0;
}

/* Checked as far as the plugin is known; sealed when there are secrets among them. */
static int take_options(struct resource_change *change, const struct fit_plugin *plugin, const json_t *options,
	struct certctl_error *err)
{
	struct target *wanted = change->wanted;
	struct sealed sealed = { NULL, NULL };
	CERTCTL_AUTO(json_decref) json_t *shown = fit_shown(plugin, options);
	int rc = shown ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	if (rc == 0 && plugin->options)
		rc = fit_target(connectors_settings(core_of(change->request)->connectors), plugin, options, tell,
			change, err);
	if (rc == 0 && !json_equal(shown, (json_t *)(uintptr_t)options))
		rc = connector_row_seal(core_of(change->request)->sealing, change->mem, CERTCTL_TARGET, change->id,
			options, &sealed, err);
	if (rc < 0)
		return rc;
	wanted->sealed = sealed.bytes;
	wanted->key_id = sealed.key_id;
	wanted->revision++;
	wanted->problem = NULL;
	wanted->options = certctl_json_text(change->mem, shown, NULL);
	return wanted->options ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

/* The same as before stay as they are, also when the plugin would not take them any more: that is no reason to refuse another name. */
static int compare_options(struct resource_change *change, const struct fit_plugin *plugin, const struct kept *kept,
	struct certctl_error *err)
{
	struct target *wanted = change->wanted;
	CERTCTL_AUTO(json_decref) json_t *options = NULL;
	int rc = read_options(change, plugin, kept, &options, err);

	wanted->revision = kept->revision;
	if (rc < 0)
		return rc;
	if (!kept->full || !json_equal(options, kept->full))
		return plugin->refusal ? resource_problem(change, err, "type", "%s", plugin->refusal)
				       : take_options(change, plugin, options, err);
	wanted->sealed = kept->sealed;
	wanted->key_id = kept->key_id;
	wanted->problem = kept->problem;
	wanted->options = certctl_json_text(change->mem, kept->shown, NULL);
	return wanted->options ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

static int check_options(struct resource_change *change, const char *told, struct certctl_error *err)
{
	const struct target *wanted = change->wanted;
	CERTCTL_AUTO(json_decref) json_t *plugins = NULL;
	struct kept kept = { 0 };
	struct fit_plugin plugin = { 0 };
	int rc = certctl_json_parse(told, strlen(told), NULL, &plugins, err);

	if (rc == 0)
		rc = fit_find_plugin(change->mem, plugins, wanted->type, &plugin, err);
	if (rc == 0 && change->before)
		rc = read_kept(change, &kept, err);
	if (rc == 0)
		rc = compare_options(change, &plugin, &kept, err);
	drop_kept(&kept);
	return rc;
}

static int check(struct resource_change *change, struct certctl_error *err)
{
	const struct target *wanted = change->wanted;
	struct db_result *rows = NULL;

	/* A test of what is to be deleted is of no use to anybody. */
	if (!wanted)
		return target_tests_cancel(change->db, change->mem, change->id, change->request->actor, err);
	int rc = db_run(change->db, change->mem, &query_target_agent_plugins, DB_VALUES(db_text(wanted->agent_id)),
		&rows, err);

	if (rc < 0)
		return rc;
	if (db_rows(rows) == 0)
		return resource_problem(change, err, "agent_id", "there is no '%s'", wanted->agent_id);
	return check_options(change, db_get_text(rows, 0, "plugins"), err);
}

/* What its options, or those of a binding, would be refused for, as its agent says now. */
static const struct resource_column columns[] = {
	{ .field = "status",
		.output =
			"(SELECT CASE WHEN a.retired_at IS NOT NULL THEN 'closed' WHEN r.problem IS NOT NULL OR EXISTS (SELECT FROM bindings b "
			"WHERE b.target_id = r.id AND b.problem IS NOT NULL) THEN 'refused' WHEN a.plugins = '[]' THEN 'unknown' ELSE 'ready' END "
			"FROM agents a WHERE a.id = r.agent_id)" },
	{ .field = "status_reason",
		.output =
			"coalesce(r.problem, (SELECT 'certificate ' || b.certificate_id || ': ' || b.problem FROM bindings b "
			"WHERE b.target_id = r.id AND b.problem IS NOT NULL ORDER BY b.certificate_id LIMIT 1))" },
	{ 0 },
};

static const struct resource_use uses[] = {
	{ "certificate", "certificates", "(SELECT certificate_id AS id, target_id FROM bindings)", "target_id", NULL },
	{ 0 },
};

const struct resource deployment_targets = { .kind = "target",
	.body = "Target",
	.path = "/api/v1/targets",
	.id_prefix = "tgt-",
	.table = "targets",
	.fields = fields,
	.size = sizeof(struct target),
	.verbs = RESOURCE_ALL,
	.read = PERMISSION_TARGETS_READ,
	.write = PERMISSION_TARGETS_WRITE,
	.is_large = true,
	.is_stamped = true,
	.has_secrets = true,
	.columns = columns,
	.uses = uses,
	.check = check };
