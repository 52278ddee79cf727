/* Signs of life.  Knows nothing of jobs. */
#include "core/features/deployment/deployment.h"
#include "core/features/fleet/fleet.sql.h"
#include "presence.h"
#include "work.h"

#include <certctl/x509.h>
#include <string.h>

/* `plugins` is a list whose rows describe themselves: kept as it came, for validating targets against it. */
struct heartbeat {
	const char *version, *os, *architecture, *hostname;
	const char *plugins; /* JSON */
	const char *problem;
};

static const struct certctl_field heartbeat_fields[] = {
	CERTCTL_OPTION(struct heartbeat, version, CERTCTL_TEXT, .max = 63, .help = "Of the agent."),
	CERTCTL_OPTION(struct heartbeat, os, CERTCTL_TEXT, .max = 200),
	CERTCTL_OPTION(struct heartbeat, architecture, CERTCTL_TEXT, .max = 63),
	CERTCTL_OPTION(struct heartbeat, hostname, CERTCTL_TEXT, .max = 255),
	CERTCTL_OPTION(struct heartbeat, plugins, CERTCTL_TEXT, .max = 1048576, .flags = RESOURCE_DOCUMENT_LIST,
		.help = "Its plugins with their tables; absent: as before."),
	CERTCTL_OPTION(struct heartbeat, problem, CERTCTL_TEXT, .max = 500,
		.help = "What keeps the agent from working; absent: nothing does."),
	{ 0 },
};
const struct http_body fleet_heartbeat_body = { "Heartbeat", heartbeat_fields };

/* What one transaction needs. */
struct writing {
	struct http_request *request;
	const struct heartbeat *in;
};

/* Other plugins than before: what is written for them is looked at anew. */
static int write_down(struct db *db, void *arg, struct certctl_error *err)
{
	const struct writing *writing = arg;
	const struct heartbeat *in = writing->in;
	struct http_request *request = writing->request;
	struct db_result *other = NULL;
	int rc = in->plugins ? db_run(db, request, &query_agent_has_other_plugins,
				       DB_VALUES(db_text(request->actor), db_text(in->plugins)), &other, err)
			     : 0;

	if (rc == 0)
		rc = db_run(db, NULL, &query_agent_heartbeat,
			DB_VALUES(db_text(request->actor), db_text(in->hostname), db_text(in->os),
				db_text(in->architecture), db_text(in->version), db_text(request->source_ip),
				db_text(in->plugins), db_text(in->problem)),
			NULL, err);
	return rc == 0 && other && db_rows(other) > 0
		       ? deployment_refit(core_of(request), db, request, request->actor, err)
		       : rc;
}

int fleet_heartbeat(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct presence *presence = core_of(request)->presence;
	struct heartbeat in = { 0 };
	const char *facts =
		talloc_asprintf(request, "%s\n%s", request->source_ip, request->body_len ? request->body : "");
	char facts_sha256[65] = "";
	int rc = resource_read(request, reply, heartbeat_fields, &in, err);

	if (rc < 0)
		return rc;
	certctl_sha256_hex(facts, facts ? strlen(facts) : 0, facts_sha256);
	/* Most say what they said before: that is a sign of life and no more. */
	if (presence_has_facts(presence, request->actor, facts_sha256)) {
		presence_touch(presence, request->actor, false);
		return http_reply_empty(reply, 204);
	}
	rc = db_transaction(core_of(request)->db, write_down, &(struct writing){ request, &in }, err);
	if (rc < 0)
		return rc;
	presence_keep_facts(presence, request->actor, facts_sha256);
	return http_reply_empty(reply, 204);
}
