/* Who an agent is, and the routes of the fleet, for agents and for operators. */
#include "fleet.h"
#include "agents.h"
#include "core/features/access/access.h"
#include "core/features/fleet/fleet.sql.h"
#include "credentials.h"
#include "enroll.h"
#include "presence.h"
#include "tokens.h"
#include "work.h"

#include <certctl/x509.h>
#include <string.h>

static int refuse(struct http_reply *reply, const char *why, struct certctl_error *err)
{
	reply->status = 401;
	reply->code = "unauthenticated";
	return certctl_fail(err, CERTCTL_E_DENIED, "%s", why);
}

static int refuse_retired(struct http_reply *reply, struct certctl_error *err)
{
	reply->status = 403;
	reply->code = "agent_retired"; /* a word that agents look for: they stop */
	return certctl_fail(err, CERTCTL_E_DENIED, "this agent was retired");
}

/* Ask the database who shows this certificate, and remember its answer. */
static int identify(struct http_request *request, struct http_reply *reply, const char *sha256, const char **ret_id,
	struct certctl_error *err)
{
	struct credentials *credentials = core_of(request)->credentials;
	struct certctl_certificate *certificate = NULL;
	struct db_result *rows = NULL;
	uint64_t changes = credentials_changes(credentials);

	if (certctl_certificate_read(request, request->certificate, request->certificate_len, &certificate, NULL) < 0 ||
		!certificate->common_name)
		return refuse(reply, "the client certificate of an enrolled agent is needed", err);
	int rc = db_once(core_of(request)->db, request, &query_agent_identify,
		DB_VALUES(db_text(certificate->common_name), db_text(certificate->serial)), &rows, err);

	if (rc < 0)
		return rc;
	if (db_rows(rows) == 0)
		return refuse(reply, "this agent is not enrolled any more", err);
	request->actor = *ret_id = db_get_text(rows, 0, "id");
	request->actor_type = "agent";
	if (db_get_boolean(rows, 0, "is_retired"))
		return refuse_retired(reply, err);
	credentials_remember(credentials, sha256, *ret_id, changes);
	return 0;
}

int fleet_authenticate(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	char sha256[65];

	if (!request->certificate)
		return refuse(reply, "the client certificate of an enrolled agent is needed", err);
	certctl_sha256_hex(request->certificate, request->certificate_len, sha256);
	const char *id = credentials_recall(core_of(request)->credentials, sha256, request);
	int rc = id ? 0 : identify(request, reply, sha256, &id, err);

	if (rc < 0)
		return rc;
	request->actor = id;
	request->actor_type = "agent";
	request->permissions = HTTP_PERMISSION_AGENT;
	/* Somebody else's path is not there for this agent. */
	if (strcmp(http_path(request, "id"), request->actor) != 0)
		return certctl_fail(err, CERTCTL_E_NOT_FOUND, "there is nothing at this path");
	return 0;
}

static const struct http_route routes[] = {
	{ "POST", "/api/v1/enrollment-tokens", PERMISSION_AGENTS_WRITE, fleet_create_token,
		.summary = "Create a token that enrols one agent", .takes = &fleet_token_body,
		.gives = &fleet_token_body, .status = 201 },
	{ "DELETE", "/api/v1/enrollment-tokens/{id}", PERMISSION_AGENTS_WRITE, fleet_revoke_token,
		.summary = "Revoke a token that was not used", .status = 204 },
	{ "GET", "/api/v1/agents-summary", PERMISSION_AGENTS_READ, fleet_summarize_agents,
		.summary = "Count agents by status, version and system", .gives = &fleet_agent_summary_body },
	{ "POST", "/api/v1/agents/{id}/retire", PERMISSION_AGENTS_WRITE, fleet_retire_agent,
		.summary = "Retire an agent for good: its jobs end, its credential is refused, it stops",
		.gives = &fleet_agent_body },
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
		.status = 202, .also = 200, .also_gives = &fleet_outcome_body },
	{ "POST", "/api/v1/agents/{id}/jobs/{job}/status", HTTP_PERMISSION_AGENT, fleet_status, .body_max = 1048576,
		.summary = "Report on a job", .takes = &fleet_status_body, .gives = &fleet_state_body },
	{ "GET", "/api/v1/agents/{id}/plan", HTTP_PERMISSION_AGENT, fleet_plan,
		.summary = "See what the agent is to keep, without taking work", .gives = &fleet_plan_body,
		.filters = fleet_plan_filters },
	{ "POST", "/api/v1/agents/{id}/observations", HTTP_PERMISSION_AGENT, fleet_observe, .flags = HTTP_QUIET,
		.body_max = 262144, .summary = "Tell which certificates are served", .takes = &fleet_observations_body,
		.status = 204 },
	{ "POST", "/api/v1/agents/{id}/destroyed-keys", HTTP_PERMISSION_AGENT, fleet_keys_destroyed, .body_max = 262144,
		.summary = "Tell which private keys are no more", .takes = &fleet_destroyed_keys_body, .status = 204 },
	{ 0 },
};

static const struct resource *const resources[] = { &fleet_agents, &fleet_tokens, NULL };

static void read_waiting(void *context, const struct metric *metric, struct certctl_buffer *out)
{
	const struct core *core = context;

	metric_sample(out, metric, NULL, (double)http_waiting_count(core->http, "agent/"));
}

static const struct metric metrics[] = {
	{ "certctl_agents_waiting", "Agents whose poll waits at this server.", METRIC_GAUGE, .read = read_waiting },
	{ 0 },
};

static int start(struct core *core, TALLOC_CTX *mem, struct certctl_error *err)
{
	int rc = credentials_new(mem, &core->credentials, err);

	return rc < 0 ? rc : presence_start(core, mem, err);
}

static const struct job_timer timers[] = { { "fleet.forget", 300, &query_agent_changes_forget }, { 0 } };

const struct feature fleet_feature = {
	.name = "fleet",
	.about = "Agents: how they enrol, how they are, how they leave.",
	.routes = routes,
	.resources = resources,
	.agent_routes = agent_routes,
	.timers = timers,
	.metrics = metrics,
	.start = start,
	.stop = presence_stop,
	.woken = fleet_woken,
	.job_ended = fleet_job_ended,
};
