/* Deployments and bindings as operators see them.  Reads only. */
#include "deployments.h"
#include "core/features/deployment/deployment.sql.h"
#include "core/platform/resource/resource.h"
#include "deployment.h"

#include <string.h>

static const struct certctl_field deployment_fields[] = {
	RESOURCE_SHOWN("id", CERTCTL_TEXT),
	RESOURCE_SHOWN("status", CERTCTL_TEXT),
	RESOURCE_SHOWN("certificate_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("target_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("agent_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("version_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("attempts", CERTCTL_INTEGER),
	RESOURCE_SHOWN("is_rollback", CERTCTL_BOOLEAN),
	RESOURCE_SHOWN("verified", CERTCTL_BOOLEAN),
	RESOURCE_SHOWN("served_fingerprint", CERTCTL_TEXT),
	RESOURCE_SHOWN("error", CERTCTL_OBJECT),
	RESOURCE_SHOWN("report", CERTCTL_OBJECT),
	RESOURCE_SHOWN("created_at", CERTCTL_TIME),
	RESOURCE_SHOWN("started_at", CERTCTL_TIME),
	RESOURCE_SHOWN("ended_at", CERTCTL_TIME),
	{ 0 },
};

const struct http_body deployment_body = { "Deployment", deployment_fields };

static const struct certctl_field binding_fields[] = {
	RESOURCE_SHOWN("id", CERTCTL_TEXT),
	RESOURCE_SHOWN("status", CERTCTL_TEXT), /* Pending, Outdated, Drifted, Unverified, Deployed */
	RESOURCE_SHOWN("certificate_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("target_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("agent_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("options", CERTCTL_OBJECT),
	RESOURCE_SHOWN("desired_version_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("deployed_version_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("verified", CERTCTL_BOOLEAN),
	RESOURCE_SHOWN("deployed_at", CERTCTL_TIME),
	RESOURCE_SHOWN("retry_at", CERTCTL_TIME),
	RESOURCE_SHOWN("observed_fingerprint", CERTCTL_TEXT),
	RESOURCE_SHOWN("observed_at", CERTCTL_TIME),
	RESOURCE_SHOWN("drifted_at", CERTCTL_TIME),
	{ .name = "problem",
		.type = CERTCTL_TEXT,
		.flags = RESOURCE_READ_ONLY,
		.help = "Why the plugin that its agent has now would refuse the options; null: it would not." },
	{ 0 },
};
const struct http_body binding_body = { "Binding", binding_fields };

const char *const deployment_filters[] = { "certificate_id", "target_id", "agent_id", "status", NULL };

static int read_filter(struct http_request *request, const char *name, const char *text, const char **ret,
	struct certctl_error *err)
{
	static const char *const states[] = { "AwaitingApproval", "Pending", "Running", "Completed", "Failed",
		"Cancelled" };

	(void)request;
	*ret = text;
	if (strcmp(name, "status") != 0)
		return 0;
	for (size_t i = 0; i < CERTCTL_COUNT(states); i++)
		if (strcmp(text, states[i]) == 0)
			return 0;
	return certctl_fail(err, CERTCTL_E_INVALID, "status: there is no '%s'", text);
}

int deployments_list(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	static const struct resource_list deployments = { .fields = deployment_fields,
		.query = &query_deployment_list,
		.filters = deployment_filters,
		.read_filter = read_filter,
		.is_scoped = true };

	return resource_reply_list(request, reply, core_of(request)->db, &deployments, err);
}

int deployments_get(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	const char *id = http_path(request, "id");
	struct db_result *rows = NULL;
	int rc = db_once(core_of(request)->db, request, &query_deployment_get,
		DB_VALUES(db_text(id), db_text(request->scope)), &rows, err);

	return rc < 0 ? rc : resource_reply(reply, 200, deployment_fields, rows, "deployment", id, err);
}

/* A list of a certificate that the caller cannot see is not an empty one. */
static int reply_of_certificate(struct http_request *request, struct http_reply *reply,
	const struct resource_list *list, struct certctl_error *err)
{
	const char *id = http_path(request, "id");
	struct db_result *rows = NULL;
	int rc = db_once(core_of(request)->db, request, &query_deployable,
		DB_VALUES(db_text(id), db_text(request->scope)), &rows, err);

	if (rc == 0 && db_rows(rows) == 0)
		rc = certctl_fail(err, CERTCTL_E_NOT_FOUND, "certificate '%s' is not there", id);
	return rc < 0 ? rc : resource_reply_list(request, reply, core_of(request)->db, list, err);
}

int deployments_of_certificate(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	static const struct resource_list deployments = {
		.fields = deployment_fields, .query = &query_certificate_deployments, .parent = "id"
	};

	return reply_of_certificate(request, reply, &deployments, err);
}

int bindings_of_certificate(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	static const struct resource_list bindings = {
		.fields = binding_fields, .query = &query_binding_list, .parent = "id"
	};

	return reply_of_certificate(request, reply, &bindings, err);
}
