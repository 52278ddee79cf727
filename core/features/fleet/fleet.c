/* Who an agent is, and the routes of the fleet, for agents and for operators. */
#include "fleet.h"
#include "core/features/access/access.h"
#include "core/features/fleet/fleet.sql.h"
#include "core/features/jobs/jobs.h"
#include "enroll.h"
#include "work.h"

#include <certctl/x509.h>
#include <string.h>

int fleet_authenticate(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct certctl_certificate *certificate = NULL;
	struct db_result *rows = NULL;
	const char *pem = request->certificate_pem;

	if (!pem || certctl_certificate_read(request, pem, strlen(pem), &certificate, NULL) < 0 ||
		!certificate->common_name) {
		reply->status = 401;
		reply->code = "unauthenticated";
		return certctl_fail(err, CERTCTL_E_DENIED, "the client certificate of an enrolled agent is needed");
	}
	int rc = db_once(core_of(request)->db, request, &query_agent_identify,
		DB_VALUES(db_text(certificate->common_name), db_text(certificate->serial)), &rows, err);

	if (rc < 0)
		return rc;
	if (db_rows(rows) == 0) {
		reply->status = 401;
		reply->code = "unauthenticated";
		return certctl_fail(err, CERTCTL_E_DENIED, "this agent is not enrolled any more");
	}
	request->actor = db_get_text(rows, 0, "id");
	request->actor_type = "agent";
	request->permissions = HTTP_PERMISSION_AGENT;
	/* Somebody else's path is not there for this agent. */
	if (strcmp(http_path(request, "id"), request->actor) != 0)
		return certctl_fail(err, CERTCTL_E_NOT_FOUND, "there is nothing at this path");
	return 0;
}

static const struct certctl_field agent_fields[] = {
	RESOURCE_SHOWN("id", CERTCTL_TEXT),
	RESOURCE_SHOWN("name", CERTCTL_TEXT),
	RESOURCE_SHOWN("status", CERTCTL_TEXT),
	RESOURCE_SHOWN("hostname", CERTCTL_TEXT),
	RESOURCE_SHOWN("os", CERTCTL_TEXT),
	RESOURCE_SHOWN("architecture", CERTCTL_TEXT),
	RESOURCE_SHOWN("version", CERTCTL_TEXT),
	RESOURCE_SHOWN("ip_address", CERTCTL_TEXT),
	RESOURCE_SHOWN("plugins", CERTCTL_LIST),
	RESOURCE_SHOWN("last_heartbeat_at", CERTCTL_TIME),
	RESOURCE_SHOWN("created_at", CERTCTL_TIME),
	{ 0 },
};

static const struct http_body agent_body = { "Agent", agent_fields };

static int get_agent(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	const char *id = http_path(request, "id");
	struct db_result *rows = NULL;
	int rc = db_once(core_of(request)->db, request, &query_agent_get, DB_VALUES(db_text(id)), &rows, err);

	return rc < 0 ? rc : resource_reply(reply, 200, agent_fields, rows, "agent", id, err);
}

static int list_agents(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	static const struct resource_list agents = { .fields = agent_fields, .query = &query_agent_list };

	return resource_reply_list(request, reply, core_of(request)->db, &agents, err);
}

static const struct http_route routes[] = {
	{ "POST", "/api/v1/enrollment-tokens", PERMISSION_AGENTS_WRITE, fleet_create_token,
		.summary = "Create a token that enrols one agent", .takes = &fleet_token_body,
		.gives = &fleet_token_body, .status = 201 },
	{ "GET", "/api/v1/agents", PERMISSION_AGENTS_READ, list_agents, .summary = "List agents", .gives = &agent_body,
		.is_list = true },
	{ "GET", "/api/v1/agents/{id}", PERMISSION_AGENTS_READ, get_agent, .summary = "Get an agent",
		.gives = &agent_body },
	{ 0 },
};

static const struct http_route agent_routes[] = {
	{ "POST", "/api/v1/agents/enroll", HTTP_PERMISSION_PUBLIC, fleet_enroll, .flags = HTTP_SECRET_BODY,
		.summary = "Enrol with a token", .takes = &fleet_enrolment_body, .gives = &fleet_credential_body,
		.status = 201 },
	{ "POST", "/api/v1/agents/{id}/renew", HTTP_PERMISSION_AGENT, fleet_renew,
		.summary = "Renew the agent's own certificate", .takes = &fleet_renewal_body,
		.gives = &fleet_credential_body },
	{ "POST", "/api/v1/agents/{id}/heartbeat", HTTP_PERMISSION_AGENT, fleet_heartbeat, .flags = HTTP_QUIET,
		.body_max = 1048576, .summary = "Show a sign of life", .takes = &fleet_heartbeat_body, .status = 204 },
	{ "GET", "/api/v1/agents/{id}/work", HTTP_PERMISSION_AGENT, fleet_work, .flags = HTTP_QUIET,
		.summary = "Wait for work", .gives = &fleet_work_body, .parameters = fleet_work_parameters,
		.also = 204 },
	{ "POST", "/api/v1/agents/{id}/csr", HTTP_PERMISSION_AGENT, fleet_csr,
		.summary = "Hand in a certificate request", .takes = &fleet_csr_body, .gives = &fleet_state_body,
		.status = 202, .also = 200, .also_gives = &jobs_body },
	{ "POST", "/api/v1/agents/{id}/jobs/{job}/status", HTTP_PERMISSION_AGENT, fleet_status, .body_max = 1048576,
		.summary = "Report on a job", .takes = &fleet_status_body, .gives = &fleet_state_body },
	{ 0 },
};

const struct feature fleet_feature = {
	.name = "fleet",
	.about = "Agents and how they enrol.",
	.routes = routes,
	.agent_routes = agent_routes,
	.woken = fleet_woken,
};
