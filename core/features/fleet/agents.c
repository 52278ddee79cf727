/* Agents as operators see them, and how they leave.  Knows nothing of what agents ask for themselves. */
#include "agents.h"
#include "core/features/audit/audit.h"
#include "core/features/fleet/fleet.sql.h"

static const struct certctl_field agent_fields[] = {
	RESOURCE_SHOWN("id", CERTCTL_TEXT),
	RESOURCE_SHOWN("name", CERTCTL_TEXT),
	RESOURCE_SHOWN("status", CERTCTL_TEXT),  /* healthy, error, offline, retired */
	RESOURCE_SHOWN("problem", CERTCTL_TEXT), /* what keeps it from working */
	RESOURCE_SHOWN("hostname", CERTCTL_TEXT),
	RESOURCE_SHOWN("os", CERTCTL_TEXT),
	RESOURCE_SHOWN("architecture", CERTCTL_TEXT),
	RESOURCE_SHOWN("version", CERTCTL_TEXT),
	RESOURCE_SHOWN("ip_address", CERTCTL_TEXT),
	RESOURCE_SHOWN("last_heartbeat_at", CERTCTL_TIME),
	RESOURCE_SHOWN("retired_at", CERTCTL_TIME),
	RESOURCE_SHOWN("created_at", CERTCTL_TIME),
	/* Of a single one: */
	RESOURCE_SHOWN("credential_not_after", CERTCTL_TIME),
	RESOURCE_SHOWN("plugins", CERTCTL_LIST),
	RESOURCE_SHOWN("recent_jobs", CERTCTL_LIST),
	{ 0 },
};
const struct http_body fleet_agent_body = { "Agent", agent_fields };

static const struct certctl_field summary_fields[] = {
	RESOURCE_SHOWN("total", CERTCTL_INTEGER),
	RESOURCE_SHOWN("by_status", CERTCTL_OBJECT),
	RESOURCE_SHOWN("by_version", CERTCTL_OBJECT),
	RESOURCE_SHOWN("by_os", CERTCTL_OBJECT),
	{ 0 },
};
const struct http_body fleet_agent_summary_body = { "AgentSummary", summary_fields };

/* --- Reading --------------------------------------------------------------------------------------------------------- */

const char *const fleet_agent_filters[] = { "status", "os", "architecture", "version", "name", NULL };

int fleet_list_agents(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	static const struct resource_list agents = {
		.fields = agent_fields, .query = &query_agent_list, .filters = fleet_agent_filters
	};

	return resource_reply_list(request, reply, core_of(request)->db, &agents, err);
}

static int reply_agent(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	const char *id = http_path(request, "id");
	struct db_result *rows = NULL;
	int rc = db_once(core_of(request)->db, request, &query_agent_get,
		DB_VALUES(db_text(id), db_text(request->scope)), &rows, err);

	return rc < 0 ? rc : resource_reply(reply, 200, agent_fields, rows, "agent", id, err);
}

int fleet_get_agent(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	return reply_agent(request, reply, err);
}

int fleet_summarize_agents(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_once(core_of(request)->db, request, &query_agent_summary, DB_NO_VALUES, &rows, err);

	return rc < 0 ? rc : resource_reply(reply, 200, summary_fields, rows, "summary", "agents", err);
}

/* --- Leaving --------------------------------------------------------------------------------------------------------- */

/* What one transaction needs. */
struct leaving {
	const char *id;
	struct audit_actor actor;
	TALLOC_CTX *mem;
};

static int hold_agent(struct db *db, const struct leaving *leaving, struct db_result **ret, struct certctl_error *err)
{
	int rc = db_run(db, leaving->mem, &query_agent_hold, DB_VALUES(db_text(leaving->id)), ret, err);

	return rc == 0 && db_rows(*ret) == 0
		       ? certctl_fail(err, CERTCTL_E_NOT_FOUND, "agent '%s' is not there", leaving->id)
		       : rc;
}

static int record(struct db *db, const struct leaving *leaving, const char *action, const char *details,
	struct certctl_error *err)
{
	return audit_record(db, &leaving->actor, &(struct audit_event){ action, "agent", leaving->id, details }, err);
}

static int retire(struct db *db, void *arg, struct certctl_error *err)
{
	struct leaving *leaving = arg;
	struct db_result *rows = NULL;
	int rc = hold_agent(db, leaving, &rows, err);

	if (rc < 0 || db_get_boolean(rows, 0, "is_retired"))
		return rc;
	rc = db_run(db, NULL, &query_agent_retire, DB_VALUES(db_text(leaving->id)), NULL, err);
	if (rc == 0)
		rc = db_run(db, leaving->mem, &query_agent_cancel_jobs, DB_VALUES(db_text(leaving->id)), &rows, err);
	if (rc < 0)
		return rc;
	return record(db, leaving, "agent_retired",
		talloc_asprintf(leaving->mem, "{\"jobs_cancelled\":%lld}",
			(long long)db_get_integer(rows, 0, "cancelled")),
		err);
}

int fleet_retire_agent(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct leaving leaving = { .id = http_path(request, "id"), .actor = audit_actor_of(request), .mem = request };
	int rc = db_transaction(core_of(request)->db, retire, &leaving, err);

	if (rc < 0)
		return rc;
	jobs_wake(core_of(request)->jobs); /* its poll is answered now, not in a minute */
	return reply_agent(request, reply, err);
}

static int delete_one(struct db *db, void *arg, struct certctl_error *err)
{
	struct leaving *leaving = arg;
	struct db_result *rows = NULL;
	int rc = hold_agent(db, leaving, &rows, err);

	if (rc < 0)
		return rc;
	if (!db_get_boolean(rows, 0, "is_retired")) {
		certctl_fail(err, CERTCTL_E_CONFLICT, "agent '%s' is in service", leaving->id);
		return certctl_hint(err, "Retire it first.");
	}
	if (db_get_integer(rows, 0, "targets") > 0) {
		certctl_fail(err, CERTCTL_E_CONFLICT, "agent '%s' has %lld targets", leaving->id,
			(long long)db_get_integer(rows, 0, "targets"));
		return certctl_hint(err, "Delete them first, or give them to another agent.");
	}
	rc = db_run(db, NULL, &query_agent_delete, DB_VALUES(db_text(leaving->id)), NULL, err);
	return rc < 0 ? rc : record(db, leaving, "agent_deleted", NULL, err);
}

int fleet_delete_agent(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct leaving leaving = { .id = http_path(request, "id"), .actor = audit_actor_of(request), .mem = request };
	int rc = db_transaction(core_of(request)->db, delete_one, &leaving, err);

	return rc < 0 ? rc : http_reply_empty(reply, 204);
}
