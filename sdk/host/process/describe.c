/* What a plugin says of itself, as JSON for the parent's cache.  Adds nothing of its own. */
#include "process.h"

static json_t *operation_names(const struct plugin *plugin)
{
	json_t *names = json_array();

	for (const struct operation *operation = plugin->kind->operations; operation->name; operation++)
		if (operation->run && plugin_has(plugin, operation))
			json_array_append_new(names, json_string(operation->name));
	return names;
}

int plugin_describe(const struct plugin *plugin, json_t **ret, struct certctl_error *err)
{
	const struct certctl_plugin *said = &plugin->descriptor;
	json_t *item_options =
		said->item_options ? certctl_fields_describe(said->item_options, said->field_size) : json_null();
	json_t *described = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "kind",
		certctl_wire_kinds[said->kind], "id", said->id, "version", said->version, "summary", said->summary,
		"abi_major", (json_int_t)said->abi_major, "abi_minor", (json_int_t)said->abi_minor, "needs",
		(json_int_t)said->needs, "caps", (json_int_t)plugin->caps, "concurrency", (json_int_t)said->concurrency,
		"config_size", (json_int_t)said->config_size, "item_size", (json_int_t)said->item_size, "operations",
		operation_names(plugin), "options", certctl_fields_describe(said->options, said->field_size),
		"item_options", item_options);

	if (!described)
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: a text of its description is not UTF-8", plugin->file);
	*ret = described;
	return 0;
}
