/* The routes of targets and deployments. */
#include "core/features/access/access.h"
#include "core/features/audit/audit.h"
#include "core/features/deployment/deployment.sql.h"
#include "core/features/jobs/jobs.h"
#include "core/platform/resource/resource.h"
#include "demand.h"
#include "deployment.h"
#include "deployments.h"

struct target {
	const char *id, *name, *type, *agent_id;
	const char *options; /* JSON */
	struct certctl_time created_at, updated_at;
};

static const struct certctl_field target_fields[] = {
	CERTCTL_OPTION(struct target, id, CERTCTL_REFERENCE, .refers_to = "target",
		.help = "Chosen by you, or made for you."),
	CERTCTL_OPTION(struct target, name, CERTCTL_TEXT, .required = true, .min = 1, .max = 200,
		.help = "For people."),
	CERTCTL_OPTION(struct target, type, CERTCTL_TEXT, .required = true, .min = 1, .max = 63,
		.help = "Id of the plugin."),
	CERTCTL_OPTION(struct target, agent_id, CERTCTL_REFERENCE, .required = true, .refers_to = "agent",
		.help = "The agent beside the server."),
	CERTCTL_OPTION(struct target, options, CERTCTL_TEXT, .fallback = "{}", .max = 65536, .flags = RESOURCE_DOCUMENT,
		.help = "As the plugin's reference page describes them."),
	RESOURCE_SHOWN("created_at", CERTCTL_TIME),
	RESOURCE_SHOWN("updated_at", CERTCTL_TIME),
	{ 0 },
};

static const struct http_body target_body = { "Target", target_fields };

static int reply_target(struct http_request *request, struct http_reply *reply, unsigned status, const char *id,
	struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_once(core_of(request)->db, request, &query_target_get, DB_VALUES(db_text(id)), &rows, err);

	return rc < 0 ? rc : resource_reply(reply, status, target_fields, rows, "target", id, err);
}

struct target_creation {
	const struct target *wanted;
	struct audit_actor actor;
	TALLOC_CTX *mem;
	const char *id;
};

static int insert_target(struct db *db, void *arg, struct certctl_error *err)
{
	struct target_creation *creation = arg;
	const struct target *wanted = creation->wanted;
	struct db_result *rows = NULL;
	int rc = db_run(db, creation->mem, &query_target_insert,
		DB_VALUES(db_text(wanted->id), db_text(wanted->name), db_text(wanted->type), db_text(wanted->agent_id),
			db_text(wanted->options)),
		&rows, err);

	if (rc < 0)
		return rc;
	creation->id = db_get_text(rows, 0, "id");
	return audit_record(db, &creation->actor,
		&(struct audit_event){ "target_created", "target", creation->id, NULL }, err);
}

static int create_target(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct target wanted = { 0 };
	struct target_creation creation = { .wanted = &wanted, .actor = audit_actor_of(request), .mem = request };
	int rc = resource_read(request, reply, target_fields, &wanted, err);

	if (rc == 0)
		rc = db_transaction(core_of(request)->db, insert_target, &creation, err);
	if (rc < 0)
		return rc;
	http_reply_header(reply, "Location", talloc_asprintf(request, "/api/v1/targets/%s", creation.id));
	return reply_target(request, reply, 201, creation.id, err);
}

static int get_target(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	return reply_target(request, reply, 200, http_path(request, "id"), err);
}

static const char *const filters[] = { "type", "agent_id", NULL };

static int list_targets(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	static const struct resource_list targets = {
		.fields = target_fields, .query = &query_target_list, .filters = filters
	};

	return resource_reply_list(request, reply, core_of(request)->db, &targets, err);
}

static const struct http_route routes[] = {
	{ "GET", "/api/v1/targets", PERMISSION_TARGETS_READ, list_targets, .summary = "List targets",
		.gives = &target_body, .is_list = true, .filters = filters },
	{ "POST", "/api/v1/targets", PERMISSION_TARGETS_WRITE, create_target, .summary = "Create a target",
		.takes = &target_body, .gives = &target_body, .status = 201 },
	{ "GET", "/api/v1/targets/{id}", PERMISSION_TARGETS_READ, get_target, .summary = "Get a target",
		.gives = &target_body },
	{ "GET", "/api/v1/deployments", PERMISSION_CERTIFICATES_READ, deployments_list,
		.summary = "List deployments, newest first", .gives = &deployment_body, .is_list = true,
		.filters = deployment_filters },
	{ "GET", "/api/v1/deployments/{id}", PERMISSION_CERTIFICATES_READ, deployments_get,
		.summary = "Get a deployment with what the agent reported", .gives = &deployment_body },
	{ "POST", "/api/v1/deployments", PERMISSION_CERTIFICATES_DEPLOY, deployment_demand_any,
		.summary = "Deploy a certificate to some of its targets", .takes = &deployment_demand_any_body,
		.gives = &jobs_body, .is_list = true, .status = 202 },
	{ "GET", "/api/v1/certificates/{id}/deployments", PERMISSION_CERTIFICATES_READ, deployments_of_certificate,
		.summary = "List a certificate's deployments, newest first", .gives = &deployment_body,
		.is_list = true },
	{ "GET", "/api/v1/certificates/{id}/bindings", PERMISSION_CERTIFICATES_READ, bindings_of_certificate,
		.summary =
			"List where a certificate is to be served: what should be there, was put there, was seen there",
		.gives = &binding_body, .is_list = true },
	{ "POST", "/api/v1/certificates/{id}/deploy", PERMISSION_CERTIFICATES_DEPLOY, deployment_demand,
		.summary = "Deploy a certificate now, or roll back to an earlier version",
		.takes = &deployment_demand_body, .gives = &jobs_body, .is_list = true, .status = 202 },
	{ 0 },
};

/* Failed ones come back at their time: looking costs one index probe. */
static const struct job_timer timers[] = { { "deployment.scan", 5, &query_deployment_scan }, { 0 } };

const struct feature deployment_feature = { .name = "deployment",
	.about = "Where certificates are served, and how they got there.",
	.routes = routes,
	.timers = timers };
