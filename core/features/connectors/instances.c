/*
 * What is asked of a connector that comes over the API: its plugin is there and may be made so, its options fit, its secrets are
 * sealed before they are written.  Knows no kind of connector.
 */
#include "instances.h"
#include "core/platform/connectors/options.h"
#include "core/platform/connectors/rows.h"

#include <certctl/json.h>
#include <string.h>

const struct certctl_choice instance_sources[] = {
	{ "file", INSTANCE_FILE, "in connectors.directory" },
	{ "api", INSTANCE_API, "over the API" },
	{ 0 },
};

/* What is there already. */
struct kept {
	const char *sealed, *key_id;
	int64_t revision;
	json_t *options; /* with secrets; NULL: none */
};

static int read_kept(struct resource_change *change, enum certctl_plugin_kind kind, const struct db_query *query,
	struct kept *ret, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_run(change->db, change->mem, query, DB_VALUES(db_text(change->id)), &rows, err);

	if (rc < 0 || db_rows(rows) == 0)
		return rc;
	ret->sealed = db_get_text(rows, 0, "sealed");
	ret->key_id = db_get_text(rows, 0, "key_id");
	ret->revision = db_get_integer(rows, 0, "revision");
	const struct sealed sealed = { ret->key_id, ret->sealed };

	/* What cannot be opened any more is given again: masks are refused then. */
	if (connector_row_unseal(core_of(change->request)->sealing, kind, change->id, &sealed, &ret->options, NULL) < 0)
		ret->options = NULL;
	return 0;
}

/* --- What may be made over the API ----------------------------------------------------------------------------------- */

static void tell(void *arg, const char *path, const char *detail)
{
	struct resource_change *change = arg;

	resource_problem(change, NULL, path, "%s", detail);
}

static int find_plugin(struct resource_change *change, enum certctl_plugin_kind kind, const char *type,
	const struct certctl_description **ret, struct certctl_error *err)
{
	struct certctl_error why = { 0 };

	if (connectors_describe(core_of(change->request)->connectors, kind, type, ret, &why) < 0)
		/* Where it was looked for is nobody's business over the API. */
		return why.code == CERTCTL_E_NOT_FOUND
			       ? resource_problem(change, err, "type", "there is no plugin '%s' of this kind", type)
			       : resource_problem(change, err, "type", "%s", why.what);
	if (!((*ret)->needs & CERTCTL_NEEDS_COMMANDS))
		return 0;
	change->reply->status = 422;
	change->reply->code = "file_only";
	certctl_fail(err, CERTCTL_E_DENIED, "plugin '%s' runs commands: it is configured in a file only", type);
	certctl_hint(err, "Put it into a file of connectors.directory and send the server a SIGHUP.");
	return CERTCTL_E_DENIED;
}

/* Options with secrets, checked; *ret and *shown are the caller's. */
static int read_options(struct resource_change *change, const struct certctl_description *plugin,
	const struct kept *kept, json_t **ret, json_t **ret_shown, struct certctl_error *err)
{
	const struct connectors_options *settings = connectors_settings(core_of(change->request)->connectors);
	struct instance_row *wanted = change->wanted;
	CERTCTL_AUTO(json_decref) json_t *options = NULL, *resolved = NULL;
	int rc = certctl_json_parse(wanted->options, strlen(wanted->options), NULL, &options, err);

	if (rc < 0)
		return rc;
	connector_options_unmask(plugin->options, options, kept->options);
	connector_options_refuse(settings, plugin->options, options, tell, change);
	rc = connector_options_resolve(settings, plugin->options, plugin->config_size, CONNECTOR_API, options, tell,
		change, &resolved, err);
	if (rc < 0 || change->reply->problems)
		return rc < 0 ? rc : certctl_fail(err, CERTCTL_E_INVALID, "options: see errors");
	*ret_shown = certctl_fields_mask(plugin->options, sizeof(struct certctl_field), options);
	*ret = json_incref(options);
	return *ret_shown ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

/* The same options stay sealed as they are: what changes nothing writes nothing. */
static int seal(struct resource_change *change, enum certctl_plugin_kind kind, const json_t *options,
	const struct kept *kept, struct certctl_error *err)
{
	struct instance_row *wanted = change->wanted;
	struct sealed sealed = { kept->key_id, kept->sealed };
	bool is_same = kept->options && json_equal((json_t *)(uintptr_t)options, kept->options);
	int rc = is_same ? 0
			 : connector_row_seal(core_of(change->request)->sealing, change->mem, kind, change->id, options,
				   &sealed, err);

	wanted->sealed = sealed.bytes;
	wanted->key_id = sealed.key_id;
	wanted->revision = kept->revision + !is_same;
	return rc;
}

static int check_options(struct resource_change *change, enum certctl_plugin_kind kind,
	const struct certctl_description *plugin, const struct kept *kept, struct certctl_error *err)
{
	struct instance_row *wanted = change->wanted;
	CERTCTL_AUTO(json_decref) json_t *options = NULL, *shown = NULL;
	int rc = read_options(change, plugin, kept, &options, &shown, err);

	if (rc == 0)
		rc = seal(change, kind, options, kept, err);
	if (rc < 0)
		return rc;
	wanted->options = certctl_json_text(change->mem, shown, NULL);
	return wanted->options ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

int instance_check(struct resource_change *change, enum certctl_plugin_kind kind, const struct db_query *query,
	const struct certctl_description **ret, struct certctl_error *err)
{
	const char *source = json_string_value(json_object_get(change->before, "source"));
	struct kept kept = { 0 };

	*ret = NULL;
	if (source && strcmp(source, "file") == 0) {
		certctl_fail(err, CERTCTL_E_CONFLICT, "%s '%s' is configured in a file", change->resource->kind,
			change->id);
		certctl_hint(err, "Change it in connectors.directory and send the server a SIGHUP.");
		return CERTCTL_E_CONFLICT;
	}
	if (!change->wanted)
		return 0;
	int rc = change->before ? read_kept(change, kind, query, &kept, err) : 0;

	if (rc == 0)
		rc = find_plugin(change, kind, ((struct instance_row *)change->wanted)->type, ret, err);
	if (rc == 0)
		rc = check_options(change, kind, *ret, &kept, err);
	json_decref(kept.options);
	return rc;
}

/* Other servers see it within seconds. */
void instance_done(struct resource_change *change)
{
	struct certctl_error why = { 0 };

	if (connectors_sync(core_of(change->request)->connectors, &why) < 0)
		certctl_log_error(CERTCTL_LOG_WARNING, "connectors.not_looked_at", &why, NULL);
}

void instance_write_status(struct http_request *request, enum certctl_plugin_kind kind, const char *id,
	struct certctl_buffer *out)
{
	struct connector_status status;

	connectors_status(core_of(request)->connectors, kind, id, request, &status);
	certctl_buffer_printf(out, ",\"status\":\"%s\",\"status_reason\":", status.status);
	if (status.reason)
		certctl_buffer_json_string(out, status.reason, strlen(status.reason));
	else
		certctl_buffer_puts(out, "null");
}
