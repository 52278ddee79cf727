/* Renewal of many at once.  Which ones, and what may not be, the statement says; knows nothing of a single job. */
#include "core/features/audit/audit.h"
#include "core/features/issuance/issuance.sql.h"
#include "core/platform/resource/resource.h"
#include "issuance.h"
#include "renewal.h"

struct bulk {
	const char *reason, *profile_id, *owner_id, *team_id, *agent_id, *issuer_id;
	struct certctl_list certificate_ids;
	bool dry_run;
};

static const struct certctl_field bulk_fields[] = {
	CERTCTL_OPTION(struct bulk, reason, CERTCTL_TEXT, .min = 1, .max = 500, .help = "For the trail."),
	CERTCTL_OPTION(struct bulk, profile_id, CERTCTL_REFERENCE, .refers_to = "profile"),
	CERTCTL_OPTION(struct bulk, owner_id, CERTCTL_REFERENCE, .refers_to = "owner"),
	CERTCTL_OPTION(struct bulk, team_id, CERTCTL_REFERENCE, .refers_to = "team"),
	CERTCTL_OPTION(struct bulk, agent_id, CERTCTL_REFERENCE, .refers_to = "agent",
		.help = "Only what this agent holds."),
	CERTCTL_OPTION(struct bulk, issuer_id, CERTCTL_REFERENCE, .refers_to = "issuer"),
	CERTCTL_OPTION(struct bulk, certificate_ids, CERTCTL_LIST, .item_type = CERTCTL_REFERENCE, .min = 1,
		.max = 100000, .refers_to = "certificate"),
	CERTCTL_OPTION(struct bulk, dry_run, CERTCTL_BOOLEAN, .fallback = "false", .help = "Count, and start nothing."),
	{ 0 },
};
const struct http_body renewal_bulk_body = { "BulkRenewal", bulk_fields };

static const struct certctl_field counts_fields[] = {
	RESOURCE_SHOWN("matched", CERTCTL_INTEGER), /* certificates */
	RESOURCE_SHOWN("started", CERTCTL_INTEGER), /* jobs, one a placement, as the others */
	RESOURCE_SHOWN("skipped", CERTCTL_INTEGER),
	RESOURCE_SHOWN("failed", CERTCTL_INTEGER),
	RESOURCE_SHOWN("reasons", CERTCTL_LIST),
	{ 0 },
};
const struct http_body renewal_counts_body = { "BulkCounts", counts_fields };

static int check_filter(const struct bulk *bulk, struct certctl_error *err)
{
	if (bulk->profile_id || bulk->owner_id || bulk->team_id || bulk->agent_id || bulk->issuer_id ||
		bulk->certificate_ids.count > 0)
		return 0;
	return certctl_fail(err, CERTCTL_E_INVALID,
		"one of profile_id, owner_id, team_id, agent_id, issuer_id, certificate_ids is needed: nobody renews "
		"everything by accident");
}

int renewal_bulk(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct bulk bulk = { 0 };
	struct audit_actor actor = audit_actor_of(request);
	struct db_result *rows = NULL;
	const char *ids = NULL;
	int rc = resource_read(request, reply, bulk_fields, &bulk, err);

	if (rc == 0)
		rc = check_filter(&bulk, err);
	if (rc == 0 && bulk.certificate_ids.count > 0) {
		ids = db_array(request, bulk.certificate_ids.items, bulk.certificate_ids.count);
		rc = ids ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	}
	if (rc == 0)
		rc = db_once(core_of(request)->db, request, &query_bulk_renew,
			DB_VALUES(db_text(bulk.profile_id), db_text(bulk.owner_id), db_text(bulk.team_id),
				db_text(bulk.agent_id), db_text(bulk.issuer_id), db_text(ids), db_text(request->scope),
				db_text(actor.name), db_boolean(bulk.dry_run), db_text(bulk.reason)),
			&rows, err);
	if (rc < 0)
		return rc;
	if (!bulk.dry_run)
		jobs_wake(core_of(request)->jobs);
	resource_write(&reply->body, counts_fields, rows, 0);
	return http_reply_json(reply, bulk.dry_run ? 200 : 202);
}
