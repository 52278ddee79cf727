/* Signs of life.  Knows nothing of jobs. */
#include "core/features/fleet/fleet.sql.h"
#include "work.h"

#include <certctl/json.h>
#include <string.h>

/* `plugins` is a list whose rows describe themselves: kept as it came, for validating targets against it. */
struct heartbeat {
	const char *version, *os, *architecture, *hostname;
	const char *plugins; /* JSON */
};

static const struct certctl_field heartbeat_fields[] = {
	CERTCTL_OPTION(struct heartbeat, version, CERTCTL_TEXT, .max = 63, .help = "Of the agent."),
	CERTCTL_OPTION(struct heartbeat, os, CERTCTL_TEXT, .max = 200),
	CERTCTL_OPTION(struct heartbeat, architecture, CERTCTL_TEXT, .max = 63),
	CERTCTL_OPTION(struct heartbeat, hostname, CERTCTL_TEXT, .max = 255),
	CERTCTL_OPTION(struct heartbeat, plugins, CERTCTL_TEXT, .max = 1048576, .flags = RESOURCE_DOCUMENT_LIST,
		.help = "Its plugins with their tables; absent: as before."),
	{ 0 },
};
const struct http_body fleet_heartbeat_body = { "Heartbeat", heartbeat_fields };

int fleet_heartbeat(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct heartbeat in = { 0 };
	int rc = resource_read(request, reply, heartbeat_fields, &in, err);

	if (rc == 0)
		rc = db_once(core_of(request)->db, request, &query_agent_heartbeat,
			DB_VALUES(db_text(request->actor), db_text(in.hostname), db_text(in.os),
				db_text(in.architecture), db_text(in.version), db_text(request->source_ip),
				db_text(in.plugins)),
			NULL, err);
	return rc < 0 ? rc : http_reply_empty(reply, 204);
}
