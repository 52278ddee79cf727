/* Options of targets and bindings against the tables of a plugin.  Pure, but for secrets that stand in files. */
#include "fit.h"

#include <certctl/json.h>
#include <string.h>

static const struct certctl_field none[] = { { 0 } };

int fit_read_plugin(TALLOC_CTX *mem, const json_t *plugin, struct fit_plugin *ret, struct certctl_error *err)
{
	struct certctl_error why = { 0 };
	const json_t *items = json_object_get(plugin, "item_options");
	struct fit_plugin found = { .items = none };
	int rc = certctl_fields_from_description(mem, json_object_get(plugin, "options"), &found.options,
		&found.options_size, &why);

	if (rc == 0 && json_is_object(items))
		rc = certctl_fields_from_description(mem, items, &found.items, &found.items_size, &why);
	if (rc == CERTCTL_E_NO_MEMORY)
		return certctl_fail(err, rc, "out of memory");
	*ret = rc == 0 ? found : (struct fit_plugin){ 0 };
	return 0;
}

int fit_find_plugin(TALLOC_CTX *mem, const json_t *told, const char *type, struct fit_plugin *ret,
	struct certctl_error *err)
{
	char *names = talloc_strdup(mem, "");
	size_t i;
	json_t *plugin;

	json_array_foreach((json_t *)(uintptr_t)told, i, plugin)
	{
		const char *id = certctl_json_text_or(plugin, "id", "");

		if (strcmp(certctl_json_text_or(plugin, "kind", "target"), "target") != 0)
			continue;
		if (strcmp(id, type) == 0)
			return fit_read_plugin(mem, plugin, ret, err);
		names = talloc_asprintf_append(names, "%s%s", *names ? ", " : "", id);
	}
	*ret = (struct fit_plugin){ 0 };
	if (json_array_size(told) == 0)
		return 0;
	ret->refusal = talloc_asprintf(mem, "its agent has no plugin '%s' (it has: %s)", type,
		names && *names ? names : "none");
	return ret->refusal ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

int fit_target(const struct connectors_options *settings, const struct fit_plugin *plugin, const json_t *options,
	certctl_problem_fn *problem, void *arg, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *resolved = NULL;

	return connector_options_resolve(settings, plugin->options, plugin->options_size, CONNECTOR_API, options,
		problem, arg, &resolved, err);
}

int fit_binding(TALLOC_CTX *mem, const struct fit_plugin *plugin, const json_t *options, certctl_problem_fn *problem,
	void *arg, struct certctl_error *err)
{
	struct certctl_field_reading how = { .path = "binding_options", .problem = problem, .arg = arg };
	void *item = talloc_zero_size(mem, plugin->items_size + 1);
	CERTCTL_AUTO(json_decref) json_t *masked = NULL;

	if (!item)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	int rc = certctl_fields_parse(mem, plugin->items, sizeof(*plugin->items), options, &how, item, err);

	if (rc < 0)
		return rc;
	/* They are kept as they are written. */
	masked = certctl_fields_mask(plugin->items, sizeof(*plugin->items), options);
	if (!masked)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	if (json_equal(masked, (json_t *)(uintptr_t)options))
		return 0;
	if (problem)
		problem(arg, "binding_options", "secrets belong into the options of the target, which are sealed");
	return certctl_fail(err, CERTCTL_E_INVALID, "binding_options: secrets belong into the options of the target");
}

json_t *fit_shown(const struct fit_plugin *plugin, const json_t *options)
{
	return plugin->options ? certctl_fields_mask(plugin->options, sizeof(*plugin->options), options)
			       : connector_options_mask_texts(options);
}
