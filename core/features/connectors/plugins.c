/* Which plugins there are: in the directories of this server, and on the hosts of the fleet. */
#include "core/features/connectors/connectors_feature.sql.h"
#include "instances.h"

#include <certctl/json.h>
#include <string.h>

static const struct certctl_field fields[] = {
	/* id, kind, version, summary, where ("server", "agents"), agents (how many), schema, item_schema; of one that is refused
	 * file and reason */
	RESOURCE_SHOWN("data", CERTCTL_LIST),
	{ 0 },
};
const struct http_body connectors_plugins_body = { "Plugins", fields };

static const char *kind_name(uint32_t kind)
{
	return kind == CERTCTL_ISSUER ? "issuer" : kind == CERTCTL_TARGET ? "target" : "notifier";
}

static json_t *schema_of(const struct certctl_field *rows)
{
	json_t *schema = rows ? certctl_fields_schema(rows, sizeof(*rows)) : NULL;

	return schema ? schema : json_null();
}

static void add_own(void *arg, const char *file, const struct certctl_description *description,
	const struct certctl_error *why)
{
	json_t *list = arg;

	if (!description) {
		json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "where", "server", "file", file, "reason",
						    why ? why->what : "refused"));
		return;
	}
	json_array_append_new(list,
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "id", description->id, "kind",
			kind_name(description->kind), "version", description->version, "summary", description->summary,
			"where", "server", "sha256", description->sha256, "schema", schema_of(description->options),
			"item_schema", schema_of(description->item_options)));
}

/* A table of fields as an agent told it; NULL: none, or none that we understand. */
static json_t *schema_of_description(TALLOC_CTX *mem, const json_t *description)
{
	const struct certctl_field *rows = NULL;
	size_t size = 0;

	if (!json_is_object(description) || certctl_fields_from_description(mem, description, &rows, &size, NULL) < 0)
		return json_null();
	return schema_of(rows);
}

static void add_agents(TALLOC_CTX *mem, json_t *list, const struct db_result *rows, size_t row)
{
	CERTCTL_AUTO(json_decref) json_t *plugin = NULL;
	const char *text = db_get_text(rows, row, "plugin");

	if (certctl_json_parse(text, strlen(text), NULL, &plugin, NULL) < 0)
		return;
	json_array_append_new(list,
		json_pack("{s:s?, s:s?, s:s?, s:s, s:s, s:I, s:o, s:o}", "id", db_get_text(rows, row, "id"), "kind",
			db_get_text(rows, row, "kind"), "version", db_get_text(rows, row, "version"), "summary",
			certctl_json_text_or(plugin, "summary", ""), "where", "agents", "agents",
			(json_int_t)db_get_integer(rows, row, "agents"), "schema",
			schema_of_description(mem, json_object_get(plugin, "options")), "item_schema",
			schema_of_description(mem, json_object_get(plugin, "item_options"))));
}

int connectors_list_plugins(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *list = json_array(), *document = NULL;
	struct db_result *rows = NULL;
	int rc = connectors_plugins(core_of(request)->connectors, add_own, list, err);

	if (rc == 0)
		rc = db_once(core_of(request)->db, request, &query_connector_agents_plugins, DB_NO_VALUES, &rows, err);
	for (size_t row = 0; rc == 0 && row < db_rows(rows); row++)
		add_agents(request, list, rows, row);
	if (rc < 0)
		return rc;
	document = json_pack("{s:O}", "data", list);
	const char *text = document ? certctl_json_text(request, document, NULL) : NULL;

	if (!text)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	certctl_buffer_puts(&reply->body, text);
	return http_reply_json(reply, 200);
}
