/* Targets: where certificates are served.  Options are checked against what the agent beside the server has told of its plugin. */
#include "targets.h"
#include "core/features/access/access.h"
#include "core/features/deployment/deployment.sql.h"

#include <certctl/json.h>
#include <string.h>

struct target {
	const char *id, *name, *type, *agent_id;
	const char *options; /* JSON */
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
		.help = "As the plugin's reference page describes them."),
	CERTCTL_OPTION(struct target, created_at, CERTCTL_TIME, .flags = SHOWN),
	CERTCTL_OPTION(struct target, updated_at, CERTCTL_TIME, .flags = SHOWN),
	{ 0 },
};

/* --- What the agent says --------------------------------------------------------------------------------------------- */

/* The plugin of this id among those told; NULL: it is not there. */
static const json_t *find_plugin(const json_t *plugins, const char *type, struct certctl_buffer *ret_names)
{
	size_t i;
	json_t *plugin;
	const json_t *found = NULL;

	json_array_foreach((json_t *)(uintptr_t)plugins, i, plugin)
	{
		const char *id = certctl_json_text_or(plugin, "id", "");

		if (strcmp(certctl_json_text_or(plugin, "kind", "target"), "target") != 0)
			continue;
		if (strcmp(id, type) == 0)
			found = plugin;
		certctl_buffer_printf(ret_names, "%s%s", ret_names->len ? ", " : "", id);
	}
	return found;
}

static void tell(void *arg, const char *path, const char *detail)
{
	resource_problem(arg, NULL, path, "%s", detail);
}

/* Options go to the agent as they are written: a secret among them would lie open here. */
static int refuse_secrets(struct resource_change *change, const struct certctl_field *rows, const json_t *options,
	struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *masked = certctl_fields_mask(rows, sizeof(*rows), options);

	if (!masked)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	return json_equal(masked, (json_t *)(uintptr_t)options)
		       ? 0
		       : resource_problem(change, err, "options", "secrets of targets are kept on their agent's host");
}

static int check_options(struct resource_change *change, const json_t *plugin, struct certctl_error *err)
{
	const struct target *wanted = change->wanted;
	CERTCTL_AUTO(json_decref) json_t *options = NULL;
	const struct certctl_field *rows = NULL;
	struct certctl_field_reading how = { .path = "options", .problem = tell, .arg = change };
	size_t size = 0;
	int rc = certctl_json_parse(wanted->options, strlen(wanted->options), NULL, &options, err);

	if (rc == 0)
		rc = certctl_fields_from_description(change->mem, json_object_get(plugin, "options"), &rows, &size,
			err);
	/* What this server does not understand, its agent will judge. */
	if (rc < 0)
		return 0;
	void *config = talloc_zero_size(change->mem, size + 1);

	if (!config)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	rc = certctl_fields_parse(change->mem, rows, sizeof(*rows), options, &how, config, err);
	return rc < 0 ? rc : refuse_secrets(change, rows, options, err);
}

static int check_plugin(struct resource_change *change, const char *told, struct certctl_error *err)
{
	const struct target *wanted = change->wanted;
	CERTCTL_AUTO(json_decref) json_t *plugins = NULL;
	struct certctl_buffer names;
	int rc = certctl_json_parse(told, strlen(told), NULL, &plugins, err);

	/* It has not told yet: it will judge when it deploys. */
	if (rc < 0 || json_array_size(plugins) == 0)
		return rc;
	certctl_buffer_init(&names, change->mem, 4096);
	const json_t *plugin = find_plugin(plugins, wanted->type, &names);

	return plugin ? check_options(change, plugin, err)
		      : resource_problem(change, err, "type", "agent '%s' has no such plugin (it has: %s)",
				wanted->agent_id, names.len ? names.data : "none");
}

static int check(struct resource_change *change, struct certctl_error *err)
{
	const struct target *wanted = change->wanted;
	struct db_result *rows = NULL;

	if (!wanted)
		return 0;
	int rc = db_run(change->db, change->mem, &query_target_agent_plugins, DB_VALUES(db_text(wanted->agent_id)),
		&rows, err);

	if (rc < 0)
		return rc;
	if (db_rows(rows) == 0)
		return resource_problem(change, err, "agent_id", "there is no '%s'", wanted->agent_id);
	return check_plugin(change, db_get_text(rows, 0, "plugins"), err);
}

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
	.uses = uses,
	.check = check };
