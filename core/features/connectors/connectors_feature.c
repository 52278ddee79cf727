/* The routes of connectors, and how many there are. */
#include "core/features/connectors/connectors_feature.sql.h"
#include "instances.h"

static int test_issuer(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	return instance_test(request, reply, &connectors_issuers, CERTCTL_ISSUER, err);
}

static int test_notifier(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	return instance_test(request, reply, &connectors_notifiers, CERTCTL_NOTIFIER, err);
}

static const struct resource *const resources[] = { &connectors_issuers, &connectors_notifiers, NULL };

static const struct certctl_field export_parameters[] = {
	{ .name = "format",
		.type = CERTCTL_ENUM,
		.choices = connectors_export_formats,
		.fallback = "yaml",
		.help = "How it is written." },
	{ 0 },
};

static const struct http_route routes[] = {
	{ "POST", "/api/v1/issuers/{id}/test", PERMISSION_ISSUERS_WRITE, test_issuer,
		.summary = "Ask an issuer's CA whether it would issue", .gives = &instance_test_body },
	{ "POST", "/api/v1/notifiers/{id}/test", PERMISSION_NOTIFIERS_WRITE, test_notifier,
		.summary = "Send a message that is marked as a test", .gives = &instance_test_body },
	{ "GET", "/api/v1/plugins", PERMISSION_SYSTEM_READ, connectors_list_plugins,
		.summary = "List the plugins there are, with the schemas of their options",
		.gives = &connectors_plugins_body },
	{ "GET", "/api/v1/configuration/export", PERMISSION_POLICIES_READ, connectors_export,
		.summary = "Export the configuration as documents for certctl apply, without secrets",
		.parameters = export_parameters, .media = "application/yaml" },
	{ 0 },
};

/* --- Metrics --------------------------------------------------------------------------------------------------------- */

static void put_count(const struct metric *metric, const char *kind, const char *status, unsigned count,
	struct certctl_buffer *out)
{
	const char *const labels[] = { kind, status };

	metric_sample(out, metric, labels, count);
}

/* Those that this server runs. */
static void read_own(void *context, const struct metric *metric, struct certctl_buffer *out)
{
	static const struct {
		enum certctl_plugin_kind kind;
		const char *name;
	} kinds[] = { { CERTCTL_ISSUER, "issuer" }, { CERTCTL_NOTIFIER, "notifier" } };
	const struct core *core = context;

	for (size_t i = 0; i < CERTCTL_COUNT(kinds); i++) {
		struct connectors_count count;

		connectors_count(core->connectors, kinds[i].kind, &count);
		put_count(metric, kinds[i].name, "open", count.open, out);
		put_count(metric, kinds[i].name, "refused", count.refused, out);
	}
}

static const struct metric metrics[] = {
	{ "certctl_connectors",
		"Issuers and notifiers: open or refused on this server, or closed; targets: whether their plugins take what is written.",
		METRIC_GAUGE, { "kind", "status" }, read_own, &query_metric_connectors, 60 },
	{ 0 },
};

const struct feature connectors_feature = { .name = "connectors",
	.about = "CAs and channels: how they are reached, and by which plugins.",
	.resources = resources,
	.routes = routes,
	.metrics = metrics };
