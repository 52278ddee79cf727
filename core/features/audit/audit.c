/* Recording events.  Knows nothing of what they mean. */
#include "audit.h"
#include "core/features/audit/audit.sql.h"

struct audit_actor audit_actor_of(const struct http_request *request)
{
	return (struct audit_actor){ .name = request->actor ? request->actor : "anonymous",
		.type = request->actor_type ? request->actor_type : "anonymous",
		.source_ip = request->source_ip,
		.request_id = request->id };
}

int audit_record(struct db *db, const struct audit_actor *actor, const struct audit_event *event,
	struct certctl_error *err)
{
	return db_run(db, NULL, &query_audit_record,
		DB_VALUES(db_text(event->action), db_text(actor->name), db_text(actor->type), db_text(actor->source_ip),
			db_text(actor->request_id), db_text(event->resource_type), db_text(event->resource_id),
			db_text(event->details)),
		NULL, err);
}

int audit_record_change(struct db *db, const struct http_request *request, const struct resource_event *event,
	struct certctl_error *err)
{
	const struct audit_actor actor = audit_actor_of(request);

	return audit_record(db, &actor, &(struct audit_event){ event->action, event->kind, event->id, event->details },
		err);
}
