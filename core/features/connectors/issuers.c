/* Issuers: who signs.  Those of files are shown, those of the API are made here. */
#include "core/features/connectors/connectors_feature.sql.h"
#include "instances.h"

#include <certctl/json.h>
#include <string.h>

#define ASK_MS 5000

struct issuer {
	struct instance_row row;
	int64_t unknown_hold_seconds, rate_per_hour;
};

static const struct certctl_field fields[] = {
	INSTANCE_FIELDS("issuer"),
	CERTCTL_OPTION(struct issuer, unknown_hold_seconds, CERTCTL_INTEGER, .fallback = "3600", .min = 0,
		.max = 2592000, .help = "How long an order whose outcome is unknown is not asked for again."),
	CERTCTL_OPTION(struct issuer, rate_per_hour, CERTCTL_INTEGER, .min = 1, .max = 1000000,
		.help = "Certificates that it is asked for in an hour at most; unset: any number."),
	INSTANCE_KEPT,
	/* Of a single one, asked of its connector; null when it cannot be asked now: */
	{ .name = "chain", .type = CERTCTL_TEXT, .flags = RESOURCE_READ_ONLY | RESOURCE_ELSEWHERE },
	{ .name = "endpoint", .type = CERTCTL_TEXT, .flags = RESOURCE_READ_ONLY | RESOURCE_ELSEWHERE },
	{ .name = "authentication", .type = CERTCTL_TEXT, .flags = RESOURCE_READ_ONLY | RESOURCE_ELSEWHERE },
	{ .name = "key_storage", .type = CERTCTL_TEXT, .flags = RESOURCE_READ_ONLY | RESOURCE_ELSEWHERE },
	{ .name = "constraints", .type = CERTCTL_OBJECT, .flags = RESOURCE_READ_ONLY | RESOURCE_ELSEWHERE },
	{ 0 },
};

static int check(struct resource_change *change, struct certctl_error *err)
{
	const struct certctl_description *plugin = NULL;

	return instance_check(change, CERTCTL_ISSUER, &query_connector_issuer_kept, &plugin, err);
}

/* --- What the connector says ----------------------------------------------------------------------------------------- */

static void put_text(struct certctl_buffer *out, const char *name, const char *text)
{
	certctl_buffer_printf(out, ",\"%s\":", name);
	if (text)
		certctl_buffer_json_string(out, text, strlen(text));
	else
		certctl_buffer_puts(out, "null");
}

static void put_constraints(struct certctl_buffer *out, const struct certctl_info *info)
{
	const char *separator = "";

	certctl_buffer_puts(out, ",\"constraints\":");
	if (!info->constraints) {
		certctl_buffer_puts(out, "null");
		return;
	}
	certctl_buffer_puts(out, "{");
	for (size_t i = 0; info->constraints[i]; i++, separator = ",") {
		certctl_buffer_puts(out, separator);
		certctl_buffer_json_string(out, info->constraints[i]->name, strlen(info->constraints[i]->name));
		certctl_buffer_puts(out, ":");
		certctl_buffer_json_string(out, info->constraints[i]->value, strlen(info->constraints[i]->value));
	}
	certctl_buffer_puts(out, "}");
}

static void extend(struct http_request *request, const char *id, bool is_single, struct certctl_buffer *out)
{
	struct certctl_connector *issuer = NULL;
	struct certctl_call call = { .timeout_ms = ASK_MS };
	struct certctl_info info = { 0 };
	const char *chain = NULL;

	instance_write_status(request, CERTCTL_ISSUER, id, out);
	if (!is_single)
		return;
	if (connectors_issuer(core_of(request)->connectors, id, &issuer, NULL) == 0) {
		if (certctl_issuer_chain(issuer, &call, request, &chain, NULL) < 0)
			chain = NULL;
		if (certctl_connector_info(issuer, &call, request, &info, NULL) < 0)
			info = (struct certctl_info){ 0 };
	}
	put_text(out, "chain", chain);
	put_text(out, "endpoint", info.endpoint);
	put_text(out, "authentication", info.authentication);
	put_text(out, "key_storage", info.key_storage);
	put_constraints(out, &info);
}

static const struct resource_use uses[] = {
	{ "certificate", "certificates", "managed_certificates", "issuer_id", NULL },
	{ "version of a certificate", "versions of certificates", "certificate_versions", "issuer_id", NULL },
	{ 0 },
};

const struct resource connectors_issuers = { .kind = "issuer",
	.body = "Issuer",
	.path = "/api/v1/issuers",
	.id_prefix = "iss-",
	.table = "issuers",
	.fields = fields,
	.size = sizeof(struct issuer),
	.verbs = RESOURCE_ALL,
	.read = PERMISSION_ISSUERS_READ,
	.write = PERMISSION_ISSUERS_WRITE,
	.has_secrets = true,
	.is_stamped = true,
	.uses = uses,
	.scope = { .issuer = "r.id" },
	.check = check,
	.done = instance_done,
	.extend = extend };
