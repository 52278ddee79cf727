/** The audit trail: an event is inserted in the transaction of what it describes.  (Changes of job states record themselves: 0006_jobs.sql) */
#ifndef CORE_AUDIT_H
#define CORE_AUDIT_H

#include "core/features/feature.h"
#include "core/platform/db/db.h"
#include "core/platform/http/http.h"

/** Who did it. */
struct audit_actor {
	const char *name, *type;            /* "admin", "api_key" */
	const char *source_ip, *request_id; /* NULL: no request */
};
struct audit_actor audit_actor_of(const struct http_request *request);

struct audit_event {
	const char *action; /* "certificate_issued" */
	const char *resource_type, *resource_id;
	const char *details; /* a JSON object without secrets; NULL: none */
};
int audit_record(struct db *db, const struct audit_actor *actor, const struct audit_event *event,
	struct certctl_error *err) CERTCTL_CHECKED;

/** struct resource_services.record: a change of a resource. */
int audit_record_change(struct db *db, const struct http_request *request, const struct resource_event *event,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Sealer and writer of calls of this server. */
struct audit;
/**
 * On a reply to an agent, who keeps it: the latest signed head.  An agent is a witness whom nobody who can write to the database
 * can make forget.
 */
void audit_tell_witness(struct http_request *request, struct http_reply *reply);
/** May the application's role of the database change nothing of the trail?  From memory: as it was at the start. */
bool audit_is_protected(const struct audit *audit);

extern const struct feature audit_feature;

#endif
