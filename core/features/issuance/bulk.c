/*
 * Renewal of many at once.  What was asked for is a row; whoever asked has a little of it done at once, a timer does the rest, a piece at
 * a time.  Which ones, and what may not be, the schema says; knows nothing of a single job.
 */
#include "core/features/audit/audit.h"
#include "core/features/certificates/certificates.h"
#include "core/features/issuance/bulk.sql.h"
#include "core/platform/resource/resource.h"
#include "issuance.h"
#include "renewal.h"

#include <certctl/json.h>
#include <certctl/time.h>

/* So long the asker is kept waiting: most are done by then. */
#define PATIENCE_MS 2000

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
		.max = CERTIFICATE_IDS_MAX, .refers_to = "certificate"),
	CERTCTL_OPTION(struct bulk, dry_run, CERTCTL_BOOLEAN, .fallback = "false", .help = "Count, and start nothing."),
	{ 0 },
};
const struct http_body renewal_bulk_body = { "BulkRenewal", bulk_fields };

static const struct certctl_field shown_fields[] = {
	RESOURCE_SHOWN("id", CERTCTL_TEXT),
	RESOURCE_SHOWN("status", CERTCTL_TEXT), /* running, ended */
	RESOURCE_SHOWN("dry_run", CERTCTL_BOOLEAN),
	RESOURCE_SHOWN("reason", CERTCTL_TEXT),
	RESOURCE_SHOWN("matched", CERTCTL_INTEGER), /* certificates, so far */
	RESOURCE_SHOWN("started", CERTCTL_INTEGER), /* jobs, one a placement, as the others */
	RESOURCE_SHOWN("skipped", CERTCTL_INTEGER),
	RESOURCE_SHOWN("failed", CERTCTL_INTEGER),
	RESOURCE_SHOWN("reasons", CERTCTL_LIST), /* of what was not started: the first hundred */
	RESOURCE_SHOWN("created_by", CERTCTL_TEXT),
	RESOURCE_SHOWN("created_at", CERTCTL_TIME),
	RESOURCE_SHOWN("ended_at", CERTCTL_TIME),
	{ 0 },
};
const struct http_body renewal_progress_body = { "BulkRenewalProgress", shown_fields };

/* All that is given; NULL: nothing is. */
static const char *filter_of(TALLOC_CTX *mem, const struct bulk *bulk)
{
	CERTCTL_AUTO(json_decref)
	json_t *filter = json_pack("{s:s*, s:s*, s:s*, s:s*, s:s*}", "profile_id", bulk->profile_id, "owner_id",
		bulk->owner_id, "team_id", bulk->team_id, "agent_id", bulk->agent_id, "issuer_id", bulk->issuer_id);

	if (!filter || (json_object_size(filter) == 0 && bulk->certificate_ids.count == 0))
		return NULL;
	return certctl_json_text(mem, filter, NULL);
}

static int reply_progress(struct http_request *request, struct http_reply *reply, const char *id, unsigned status,
	struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_once(core_of(request)->db, request, &query_bulk_get,
		DB_VALUES(db_text(id), db_text(request->scope)), &rows, err);

	return rc < 0 ? rc : resource_reply(reply, status, shown_fields, rows, "bulk renewal", id, err);
}

/* What one transaction needs, and what it made. */
struct asking {
	struct http_request *request;
	const struct bulk *bulk;
	const char *filter, *ids, *id;
};

/* With its first piece: nobody else sees it before, so most are done when the reply leaves. */
static int begin(struct db *db, void *arg, struct certctl_error *err)
{
	struct asking *asking = arg;
	struct http_request *request = asking->request;
	struct db_result *rows = NULL;
	int rc = db_run(db, request, &query_bulk_create,
		DB_VALUES(db_text(asking->filter), db_text(asking->ids), db_text(request->scope),
			db_text(asking->bulk->reason), db_boolean(asking->bulk->dry_run),
			db_text(audit_actor_of(request).name)),
		&rows, err);

	if (rc < 0)
		return rc;
	asking->id = db_get_text(rows, 0, "id");
	return db_run(db, NULL, &query_bulk_piece, DB_VALUES(db_text(asking->id)), NULL, err);
}

/* What is not done when patience ends, or fails, the timer does. */
static void do_some(struct http_request *request, const char *id)
{
	int64_t until_ms = certctl_monotonic_ms() + PATIENCE_MS;
	struct db_result *rows = NULL;

	do {
		if (db_once(core_of(request)->db, request, &query_bulk_piece, DB_VALUES(db_text(id)), &rows, NULL) < 0)
			return;
	} while (!db_is_null(rows, 0, "done") && certctl_monotonic_ms() < until_ms);
}

int renewal_bulk(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct bulk bulk = { 0 };
	struct asking asking = { .request = request, .bulk = &bulk };
	int rc = resource_read(request, reply, bulk_fields, &bulk, err);

	if (rc == 0 && !(asking.filter = filter_of(request, &bulk)))
		rc = certctl_fail(err, CERTCTL_E_INVALID,
			"one of profile_id, owner_id, team_id, agent_id, issuer_id, certificate_ids is needed: nobody renews "
			"everything by accident");
	if (rc == 0 && bulk.certificate_ids.count > 0) {
		asking.ids = db_array(request, bulk.certificate_ids.items, bulk.certificate_ids.count);
		rc = asking.ids ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	}
	if (rc == 0)
		rc = db_transaction(core_of(request)->db, begin, &asking, err);
	if (rc < 0)
		return rc;
	do_some(request, asking.id);
	if (!bulk.dry_run)
		jobs_wake(core_of(request)->jobs);
	http_reply_header(reply, "Location", talloc_asprintf(request, "/api/v1/bulk-renewals/%s", asking.id));
	return reply_progress(request, reply, asking.id, bulk.dry_run ? 200 : 202, err);
}

int renewal_bulk_get(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	return reply_progress(request, reply, http_path(request, "id"), 200, err);
}

const char *const renewal_bulk_filters[] = { "created_by", NULL };

int renewal_bulk_list(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	static const struct resource_list bulks = {
		.fields = shown_fields, .query = &query_bulk_list, .filters = renewal_bulk_filters, .is_scoped = true
	};

	return resource_reply_list(request, reply, core_of(request)->db, &bulks, err);
}
