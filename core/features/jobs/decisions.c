/* What operators decide about a job: approve, reject, cancel, retry.  Knows which states allow it; knows nothing of what is done. */
#include "decisions.h"
#include "core/features/audit/audit.h"
#include "core/features/deployment/deployment.h"
#include "core/features/issuance/issuance.h"
#include "core/features/jobs/jobs.sql.h"
#include "core/platform/jobs/jobs.sql.h"
#include "core/platform/resource/resource.h"
#include "jobs.h"

#include <certctl/json.h>
#include <string.h>

struct reason {
	const char *reason;
};

static const struct certctl_field reason_fields[] = {
	CERTCTL_OPTION(struct reason, reason, CERTCTL_TEXT, .min = 1, .max = 500, .help = "For the trail."),
	{ 0 },
};
const struct http_body jobs_reason_body = { "Reason", reason_fields };

const struct job_timer jobs_timers[] = {
	{ .name = "approvals.expire", .interval_s = 10, .query = &query_approvals_expire },
	{ 0 },
};

struct decision;

/* One row a decision.  Adding one: the states in which it is legal, and what it does in them. */
struct decision_kind {
	const char *name, *event;
	const char *const *states; /* NULL-terminated */
	unsigned denied;           /* the status when it is DENIED: not by you (403), or not at all (422) */
	int (*run)(struct db *db, struct decision *decision, struct certctl_error *err);
};

/* What one transaction needs, and what it found out. */
struct decision {
	const struct decision_kind *kind;
	struct http_request *request;
	const char *reason;    /* may be NULL */
	struct db_result *job; /* one row of jobs_hold */
	const char *successor; /* id of the job that goes on in its place; NULL: itself */
	struct audit_actor actor;
};

static const char *text(const struct decision *decision, const char *column)
{
	return db_get_text(decision->job, 0, column);
}

static int hold(struct db *db, struct decision *decision, struct certctl_error *err)
{
	const char *id = http_path(decision->request, "id");
	int rc = db_run(db, decision->request, &query_jobs_hold,
		DB_VALUES(db_text(id), db_text(decision->request->scope)), &decision->job, err);

	if (rc == 0 && db_rows(decision->job) == 0)
		rc = certctl_fail(err, CERTCTL_E_NOT_FOUND, "job '%s' is not there", id);
	return rc;
}

static int check_state(const struct decision *decision, struct certctl_error *err)
{
	const char *state = text(decision, "state"), *hold_reason = text(decision, "hold_reason");

	for (const char *const *legal = decision->kind->states; *legal; legal++)
		if (strcmp(*legal, state) == 0)
			return 0;
	return certctl_fail(err, CERTCTL_E_CONFLICT, "job '%s' is %s%s%s: it cannot be %s", text(decision, "id"), state,
		hold_reason ? ", " : "", hold_reason ? hold_reason : "", decision->kind->event + strlen("job_"));
}

static int record(struct db *db, const struct decision *decision, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref)
	json_t *details = json_pack("{s:s, s:s, s:s*, s:s*}", "certificate_id", text(decision, "certificate_id"),
		"state", text(decision, "state"), "reason", decision->reason, "successor_id", decision->successor);
	struct audit_event event = { .action = decision->kind->event,
		.resource_type = "job",
		.resource_id = text(decision, "id"),
		.details = details ? certctl_json_text(decision->request, details, NULL) : NULL };

	return audit_record(db, &decision->actor, &event, err);
}

static int decide_all(struct db *db, void *arg, struct certctl_error *err)
{
	struct decision *decision = arg;

	decision->successor = NULL;
	int rc = hold(db, decision, err);

	if (rc == 0)
		rc = check_state(decision, err);
	if (rc == 0)
		rc = decision->kind->run(db, decision, err);
	return rc < 0 ? rc : record(db, decision, err);
}

static int decide(const struct decision_kind *kind, struct http_request *request, struct http_reply *reply,
	struct certctl_error *err)
{
	struct decision decision = { .kind = kind, .request = request, .actor = audit_actor_of(request) };
	struct reason body = { 0 };
	int rc = request->body_len > 0 ? resource_read(request, reply, reason_fields, &body, err) : 0;

	decision.reason = body.reason;
	if (rc == 0)
		rc = db_transaction(core_of(request)->db, decide_all, &decision, err);
	if (rc < 0) {
		reply->status = rc == CERTCTL_E_DENIED ? kind->denied : reply->status;
		return rc;
	}
	jobs_wake(core_of(request)->jobs);
	return jobs_reply(request, reply, decision.successor ? 202 : 200,
		decision.successor ? decision.successor : http_path(request, "id"), err);
}

/* --- The four -------------------------------------------------------------------------------------------------------- */

static int approve(struct db *db, struct decision *decision, struct certctl_error *err)
{
	if (strcmp(text(decision, "created_by"), decision->actor.name) == 0)
		return certctl_fail(err, CERTCTL_E_DENIED, "job '%s' was asked for by %s: somebody else approves it",
			text(decision, "id"), decision->actor.name);
	return db_run(db, NULL, &query_jobs_approve,
		DB_VALUES(db_text(text(decision, "id")), db_text(decision->actor.name)), NULL, err);
}

static int end(struct db *db, const struct decision *decision, const char *hold_reason, struct certctl_error *err)
{
	struct certctl_error why = { 0 };
	const char *id = text(decision, "id");

	certctl_fail(&why, CERTCTL_E_CANCELLED, "%s", decision->reason ? decision->reason : hold_reason);
	return db_run(db, NULL, &query_jobs_cancel,
		DB_VALUES(db_text(db_array(decision->request, &id, 1)), db_text(decision->actor.name),
			db_text(hold_reason), db_text(job_error_json(decision->request, &why))),
		NULL, err);
}

static int reject(struct db *db, struct decision *decision, struct certctl_error *err)
{
	return end(db, decision, "rejected", err);
}

static int cancel(struct db *db, struct decision *decision, struct certctl_error *err)
{
	return end(db, decision, "cancelled", err);
}

/* A job in the place of one that has ended, under all the rules for a new one; for its own target alone. */
static int make_successor(struct db *db, struct decision *decision, struct certctl_error *err)
{
	const char *certificate_id = text(decision, "certificate_id"), *placement_id = text(decision, "placement_id");
	const char *type = text(decision, "type"), *target_id = text(decision, "target_id");
	struct db_result *rows = NULL;
	int rc;

	if (strcmp(type, "Validation") == 0)
		return deployment_test(db, decision->request, target_id, decision->actor.name, &decision->successor,
			err);
	rc = strcmp(type, "Deployment") == 0
		     ? deployment_repeat(db, decision->request, certificate_id, placement_id, target_id,
			       decision->actor.name, err)
		     : issuance_request_placed(db, certificate_id, placement_id, decision->actor.name, err);
	if (rc == 0)
		rc = db_run(db, decision->request, &query_jobs_successor,
			DB_VALUES(db_text(placement_id), db_text(type), db_text(target_id)), &rows, err);
	if (rc == 0 && db_rows(rows) == 0)
		rc = certctl_fail(err, CERTCTL_E_CONFLICT,
			"job '%s' is %s and there is nothing left to do in its place: archived, its agent retired, or done "
			"meanwhile",
			text(decision, "id"), text(decision, "state"));
	if (rc == 0)
		decision->successor = db_get_text(rows, 0, "id");
	return rc;
}

/* What waits is tried now. */
static int retry(struct db *db, struct decision *decision, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc;

	if (!db_get_boolean(decision->job, 0, "has_ended")) {
		rc = db_run(db, decision->request, &query_jobs_hasten, DB_VALUES(db_text(text(decision, "id"))), &rows,
			err);
		if (rc == 0 && db_rows(rows) == 0)
			rc = certctl_fail(err, CERTCTL_E_CONFLICT, "job '%s' is being worked on", text(decision, "id"));
		return rc;
	}
	return make_successor(db, decision, err);
}

static const char *const waiting_for_approval[] = { "AwaitingApproval", NULL };
static const char *const live[] = { "AwaitingApproval", "AwaitingCSR", "Pending", "Running", NULL };
static const char *const can_be_tried[] = { "AwaitingCSR", "Pending", "Failed", NULL };

int jobs_approve(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	static const struct decision_kind kind = { "approve", "job_approved", waiting_for_approval, 403, approve };

	return decide(&kind, request, reply, err);
}

int jobs_reject(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	static const struct decision_kind kind = { "reject", "job_rejected", waiting_for_approval, 403, reject };

	return decide(&kind, request, reply, err);
}

int jobs_cancel(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	static const struct decision_kind kind = { "cancel", "job_cancelled", live, 403, cancel };

	return decide(&kind, request, reply, err);
}

int jobs_retry(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	static const struct decision_kind kind = { "retry", "job_retried", can_be_tried, 422, retry };

	return decide(&kind, request, reply, err);
}
