/* Renewal: by itself when its time has come, and when an operator asks.  Knows nothing of how a certificate is issued. */
#include "renewal.h"
#include "core/features/audit/audit.h"
#include "core/features/certificates/certificates.h"
#include "core/features/issuance/bulk.sql.h"
#include "core/features/issuance/issuance.sql.h"
#include "core/features/jobs/jobs.h"
#include "core/platform/resource/resource.h"
#include "issuance.h"

static int64_t choose_scan_interval_s(void *context)
{
	return ((const struct core *)context)->settings->scheduler.renewal_check_interval.seconds;
}

const struct job_timer renewal_timers[] = {
	{ .name = "renewal.scan", .query = &query_renewal_scan, .choose_interval_s = choose_scan_interval_s },
	{ .name = "renewal.replan", .interval_s = 5, .query = &query_renewal_replan },
	{ .name = "renewal.bulk", .interval_s = 2, .query = &query_bulk_pieces },
	{ 0 },
};

/* What one transaction needs, and what it found out. */
struct asking {
	struct http_request *request;
	const char *id;
	struct db_result *jobs;
};

static int ask_for(struct db *db, void *arg, struct certctl_error *err)
{
	struct asking *asking = arg;
	struct audit_actor actor = audit_actor_of(asking->request);
	struct audit_event event = { "certificate_renewal_requested", "certificate", asking->id, NULL };
	int rc = certificate_hold(db, asking->id, asking->request->scope, err);

	if (rc == 0)
		rc = issuance_request(db, asking->id, actor.name, err);
	if (rc == 0)
		rc = db_run(db, asking->request, &query_issuances_live, DB_VALUES(db_text(asking->id)), &asking->jobs,
			err);
	if (rc == 0 && db_rows(asking->jobs) == 0)
		rc = certctl_fail(err, CERTCTL_E_CONFLICT, "certificate '%s': it has no agents, or they are retired",
			asking->id);
	return rc < 0 ? rc : audit_record(db, &actor, &event, err);
}

static const struct certctl_field no_fields[] = { { 0 } };

int renewal_demand(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct asking asking = { .request = request, .id = http_path(request, "id") };
	struct {
		char nothing;
	} body;
	int rc = request->body_len > 0 ? resource_read(request, reply, no_fields, &body, err) : 0;

	if (rc == 0)
		rc = db_transaction(core_of(request)->db, ask_for, &asking, err);
	if (rc < 0) {
		reply->status = rc == CERTCTL_E_DENIED ? 422 : reply->status;
		return rc;
	}
	jobs_wake(core_of(request)->jobs);
	return jobs_reply_accepted(reply, asking.jobs);
}
