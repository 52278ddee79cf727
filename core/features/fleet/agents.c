/* Agents as operators see them, and how they leave.  Knows nothing of what agents ask for themselves. */
#include "agents.h"
#include "core/features/access/access.h"
#include "core/features/audit/audit.h"
#include "core/features/fleet/fleet.sql.h"

#define SHOWN(name_, type_, flags_)                                                                                    \
	{                                                                                                              \
		.name = (name_), .type = (type_), .flags = RESOURCE_READ_ONLY | (flags_)                               \
	}
#define FOUND     (RESOURCE_FILTERED | RESOURCE_SORTED)
#define OF_SINGLE RESOURCE_ELSEWHERE

static const struct certctl_field agent_fields[] = {
	SHOWN("id", CERTCTL_TEXT, RESOURCE_SEARCHED),
	SHOWN("name", CERTCTL_TEXT, FOUND | RESOURCE_SEARCHED),
	SHOWN("status", CERTCTL_TEXT, RESOURCE_SORTED),    /* healthy, error, offline, retired */
	SHOWN("problem", CERTCTL_TEXT, RESOURCE_SEARCHED), /* what keeps it from working */
	SHOWN("hostname", CERTCTL_TEXT, FOUND | RESOURCE_SEARCHED),
	SHOWN("os", CERTCTL_TEXT, FOUND | RESOURCE_SEARCHED),
	SHOWN("architecture", CERTCTL_TEXT, FOUND),
	SHOWN("version", CERTCTL_TEXT, FOUND),
	SHOWN("ip_address", CERTCTL_TEXT, FOUND | RESOURCE_SEARCHED),
	SHOWN("last_heartbeat_at", CERTCTL_TIME, FOUND),
	SHOWN("retired_at", CERTCTL_TIME, FOUND),
	SHOWN("created_at", CERTCTL_TIME, FOUND),
	/* Of a single one: */
	SHOWN("credential_not_after", CERTCTL_TIME, OF_SINGLE),
	SHOWN("plugins", CERTCTL_LIST, OF_SINGLE),
	SHOWN("recent_jobs", CERTCTL_LIST, OF_SINGLE),
	{ 0 },
};
const struct http_body fleet_agent_body = { "Agent", agent_fields };
/* Columns of query_agent_details. */
static const struct certctl_field detail_fields[] = {
	RESOURCE_SHOWN("credential_not_after", CERTCTL_TIME),
	RESOURCE_SHOWN("plugins", CERTCTL_LIST),
	RESOURCE_SHOWN("recent_jobs", CERTCTL_LIST),
	{ 0 },
};

static const struct certctl_field summary_fields[] = {
	RESOURCE_SHOWN("total", CERTCTL_INTEGER),
	RESOURCE_SHOWN("by_status", CERTCTL_OBJECT),
	RESOURCE_SHOWN("by_version", CERTCTL_OBJECT),
	RESOURCE_SHOWN("by_os", CERTCTL_OBJECT),
	{ 0 },
};
const struct http_body fleet_agent_summary_body = { "AgentSummary", summary_fields };

/* --- Reading --------------------------------------------------------------------------------------------------------- */

#define STATUS "agent_status(r.retired_at, r.last_heartbeat_at, r.problem)"
#define OF_STATUS(is)                                                                                                  \
	{                                                                                                              \
		(is), STATUS " = '" is "'", NULL, NULL, NULL, false                                                    \
	}

static const struct resource_column columns[] = {
	{ .field = "name", .sort = "r.name", .is_never_null = true },
	{ .field = "status", .output = STATUS, .sort = STATUS, .is_never_null = true },
	{ 0 },
};

static const struct resource_filter_value statuses[] = {
	OF_STATUS("healthy"),
	OF_STATUS("error"),
	OF_STATUS("offline"),
	OF_STATUS("retired"),
	{ 0 },
};

static const struct resource_filter filters[] = {
	{ .name = "status", .values = statuses },
	{ .name = "plugin",
		.condition = "r.plugins @> jsonb_build_array(jsonb_build_object('id', $v::text))",
		.help = "Only those that have this plugin." },
	{ .name = "group_id",
		.condition = "EXISTS (SELECT FROM agents a JOIN agent_groups g ON agent_in_group(a, g) "
			     "WHERE a.id = r.id AND g.id = $v)",
		.help = "Only those that this group matches." },
	{ 0 },
};

static void show_details(struct http_request *request, const char *id, bool is_single, struct certctl_buffer *out)
{
	struct db_result *rows = NULL;

	if (!is_single || db_once(core_of(request)->db, request, &query_agent_details,
				  DB_VALUES(db_text(id), db_text(request->scope)), &rows, NULL) < 0)
		return;
	certctl_buffer_puts(out, ",");
	resource_write_members(out, detail_fields, rows, 0);
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
	return resource_reply_one(request, reply, &core_of(request)->resources, &fleet_agents, leaving.id, err);
}

static int check_retired(struct resource_change *change, struct certctl_error *err)
{
	if (!json_is_null(json_object_get(change->before, "retired_at")))
		return 0;
	certctl_fail(err, CERTCTL_E_CONFLICT, "agent '%s' is in service", change->id);
	return certctl_hint(err, "Retire it first.");
}

/* Out of sight; what it did stays in the trail. */
static int hide(struct resource_change *change, struct certctl_error *err)
{
	return db_run(change->db, NULL, &query_agent_delete, DB_VALUES(db_text(change->id)), NULL, err);
}

static const struct resource_use uses[] = {
	{ "target", "targets", "targets", "agent_id", NULL },
	{ 0 },
};

const struct resource fleet_agents = { .kind = "agent",
	.body = "Agent",
	.path = "/api/v1/agents",
	.id_prefix = "agent-",
	.table = "agents",
	.from = "(SELECT * FROM agents WHERE deleted_at IS NULL) r",
	.fields = agent_fields,
	.verbs = RESOURCE_READS | RESOURCE_DELETE,
	.read = PERMISSION_AGENTS_READ,
	.write = PERMISSION_AGENTS_WRITE,
	.columns = columns,
	.filters = filters,
	.uses = uses,
	.check = check_retired,
	.remove = hide,
	.extend = show_details };
