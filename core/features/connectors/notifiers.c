/* Notifiers: channels to where people look. */
#include "core/features/connectors/connectors_feature.sql.h"
#include "core/platform/connectors/options.h"
#include "instances.h"

#include <certctl/json.h>
#include <string.h>

struct notifier {
	struct instance_row row;
	struct certctl_list events;
	const char *item_options;
};

static const struct certctl_field fields[] = {
	INSTANCE_FIELDS("notifier"),
	CERTCTL_OPTION(struct notifier, events, CERTCTL_LIST, .item_type = CERTCTL_ENUM, .choices = connector_events,
		.max = 50, .flags = RESOURCE_FILTERED,
		.help = "What it is told of when no policy says otherwise; empty: everything."),
	CERTCTL_OPTION(struct notifier, item_options, CERTCTL_TEXT, .fallback = "{}", .max = 65536,
		.flags = RESOURCE_DOCUMENT,
		.help = "Recipient, channel, routing key, as the plugin's reference page describes them."),
	INSTANCE_KEPT,
	{ 0 },
};

static void tell(void *arg, const char *path, const char *detail)
{
	/* They are read as "options". */
	resource_problem(arg, NULL, talloc_asprintf(((struct resource_change *)arg)->mem, "item_%s", path), "%s",
		detail);
}

/* They are kept as they are written, so no secret may be among them. */
static int check_item_options(struct resource_change *change, const struct certctl_description *plugin,
	struct certctl_error *err)
{
	static const struct certctl_field none[] = { { 0 } };
	const struct connectors_options *settings = connectors_settings(core_of(change->request)->connectors);
	const struct notifier *wanted = change->wanted;
	const struct certctl_field *rows = plugin->item_options ? plugin->item_options : none;
	CERTCTL_AUTO(json_decref) json_t *options = NULL, *resolved = NULL, *masked = NULL;
	int rc = certctl_json_parse(wanted->item_options, strlen(wanted->item_options), NULL, &options, err);

	if (rc == 0)
		rc = connector_options_resolve(settings, rows, plugin->item_options ? plugin->item_size : 0,
			CONNECTOR_API, options, tell, change, &resolved, err);
	if (rc < 0)
		return rc;
	masked = certctl_fields_mask(rows, sizeof(*rows), options);
	if (!masked)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	return json_equal(masked, options)
		       ? 0
		       : resource_problem(change, err, "item_options", "secrets belong into options, which are sealed");
}

static int check(struct resource_change *change, struct certctl_error *err)
{
	const struct certctl_description *plugin = NULL;
	int rc = instance_check(change, CERTCTL_NOTIFIER, &query_connector_notifier_kept, &plugin, err);

	return rc < 0 || !plugin ? rc : check_item_options(change, plugin, err);
}

static void extend(struct http_request *request, const char *id, bool is_single, struct certctl_buffer *out)
{
	(void)is_single;
	instance_write_status(request, CERTCTL_NOTIFIER, id, out);
}

static const struct resource_use uses[] = {
	{ "policy", "policies", "policies", "notifier_ids", "$v = ANY (u.notifier_ids)" },
	{ 0 },
};

const struct resource connectors_notifiers = { .kind = "notifier",
	.body = "Notifier",
	.path = "/api/v1/notifiers",
	.id_prefix = "ntf-",
	.table = "notifiers",
	.fields = fields,
	.size = sizeof(struct notifier),
	.verbs = RESOURCE_ALL,
	.read = PERMISSION_NOTIFIERS_READ,
	.write = PERMISSION_NOTIFIERS_WRITE,
	.has_secrets = true,
	.is_stamped = true,
	.uses = uses,
	.check = check,
	.done = instance_done,
	.extend = extend };
