/* Asking a connector whether it works.  The answer is recorded; a failure of the other side is no failure of the request. */
#include "core/features/audit/audit.h"
#include "instances.h"

#include <certctl/json.h>
#include <certctl/time.h>

#define TEST_MS 20000

static const struct certctl_field fields[] = {
	RESOURCE_SHOWN("id", CERTCTL_TEXT),
	RESOURCE_SHOWN("ok", CERTCTL_BOOLEAN),
	RESOURCE_SHOWN("duration_ms", CERTCTL_INTEGER),
	RESOURCE_SHOWN("error", CERTCTL_OBJECT), /* code, what, hint; null when it works */
	{ 0 },
};
const struct http_body instance_test_body = { "ConnectorTest", fields };

static json_t *outcome(const char *id, int rc, int64_t duration_ms, const struct certctl_error *why)
{
	json_t *error = rc == 0 ? json_null()
				: json_pack("{s:s, s:s, s:s?}", "code", certctl_code_name(rc), "what", why->what,
					  "hint", why->hint[0] ? why->hint : NULL);

	return json_pack("{s:s, s:b, s:I, s:o}", "id", id, "ok", rc == 0, "duration_ms", (json_int_t)duration_ms,
		"error", error);
}

struct recording {
	struct audit_actor actor;
	struct audit_event event;
};

static int record(struct db *db, void *arg, struct certctl_error *err)
{
	const struct recording *recording = arg;

	return audit_record(db, &recording->actor, &recording->event, err);
}

static int reply(struct http_request *request, struct http_reply *to, const struct resource *resource, const char *id,
	const json_t *document, struct certctl_error *err)
{
	const char *text = certctl_json_text(request, document, NULL);
	struct recording recording = { audit_actor_of(request),
		{ talloc_asprintf(request, "%s_tested", resource->kind), resource->kind, id, text } };

	if (!text || !recording.event.action)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	int rc = db_transaction(core_of(request)->db, record, &recording, err);

	if (rc < 0)
		return rc;
	certctl_buffer_puts(&to->body, text);
	return http_reply_json(to, 200);
}

int instance_test(struct http_request *request, struct http_reply *to, const struct resource *resource,
	enum certctl_plugin_kind kind, struct certctl_error *err)
{
	struct core *core = core_of(request);
	struct certctl_connector *connector = NULL;
	struct certctl_call call = { .timeout_ms = TEST_MS };
	struct certctl_error why = { 0 };
	struct connector_status status;
	const char *id = http_path(request, "id");
	int rc = kind == CERTCTL_ISSUER ? connectors_issuer(core->connectors, id, &connector, err)
					: connectors_notifier(core->connectors, id, &connector, err);
	int64_t started_ms = certctl_monotonic_ms();

	if (rc < 0) {
		connectors_status(core->connectors, kind, id, request, &status);
		return certctl_fail(err, CERTCTL_E_CONFLICT, "%s '%s' is %s%s%s", resource->kind, id, status.status,
			status.reason ? ": " : "", status.reason ? status.reason : "");
	}
	rc = certctl_connector_test(connector, &call, &why);
	CERTCTL_AUTO(json_decref)
	json_t *document = outcome(id, rc, certctl_monotonic_ms() - started_ms, &why);

	return document ? reply(request, to, resource, id, document, err)
			: certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}
