/* After the CA was asked: what came of it, in one transaction.  Knows no CA. */
#include "core/features/audit/audit.h"
#include "core/features/deployment/deployment.h"
#include "core/features/issuance/issuance.sql.h"
#include "order.h"

#include <certctl/json.h>
#include <string.h>

/* What the transaction needs beside the order. */
struct closing {
	struct order *order;
	const struct certctl_issued *issued;
	const struct certctl_certificate *leaf;
	const struct certctl_error *why;
	bool is_known;
};

static int close_intents(struct db *db, const struct order *order, const char *outcome, struct certctl_error *err)
{
	return db_run(db, order->mem, &query_intents_close, DB_VALUES(db_text(order->job->id), db_text(outcome)), NULL,
		err);
}

/* --- Issued ---------------------------------------------------------------------------------------------------------- */

static int insert_version(struct db *db, const struct closing *closing, const char **ret_id, struct certctl_error *err)
{
	const struct order *order = closing->order;
	const struct certctl_certificate *leaf = closing->leaf;
	const struct job *job = order->job;
	struct db_result *rows = NULL;
	int rc = db_run(db, order->mem, &query_version_insert,
		DB_VALUES(db_text(job->id), db_text(job->certificate_id), db_text(job->placement_id),
			db_text(order->issuer_id), db_text(leaf->serial), db_text(leaf->subject), db_text(leaf->issuer),
			db_text(certctl_key_type_name(leaf->key_type)), db_integer(leaf->not_before_unix_s),
			db_integer(leaf->not_after_unix_s), db_text(leaf->fingerprint_sha256),
			db_text(leaf->public_key_sha256), db_text(order->csr->sha256),
			db_text(closing->issued->leaf_pem), db_text(closing->issued->chain_pem),
			db_integer(job->token)),
		&rows, err);

	if (rc < 0)
		return rc;
	if (db_rows(rows) == 0)
		return job_fenced(err);
	*ret_id = db_get_text(rows, 0, "id");
	return 0;
}

/* @param old_serial  NULL: the first version */
static int record_issued(struct db *db, const struct closing *closing, const char *version_id, const char *old_serial,
	struct certctl_error *err)
{
	const struct order *order = closing->order;
	static const struct audit_actor server = { .name = "certctld", .type = "server" };
	CERTCTL_AUTO(json_decref)
	json_t *details = json_pack("{s:s, s:s, s:s*, s:s, s:s, s:s, s:s, s:s}", "issuer_id", order->issuer_id,
		"serial_number", closing->leaf->serial, "old_serial_number", old_serial, "version_id", version_id,
		"csr_sha256", order->csr->sha256, "key_made_by", order->job->agent_id, "job_id", order->job->id,
		"fingerprint_sha256", closing->leaf->fingerprint_sha256);
	struct audit_event event = { .action = old_serial ? "certificate_renewed" : "certificate_issued",
		.resource_type = "certificate",
		.resource_id = order->job->certificate_id,
		.details = details ? certctl_json_text(order->mem, details, NULL) : NULL };

	return audit_record(db, &server, &event, err);
}

static int complete(struct db *db, void *arg, struct certctl_error *err)
{
	struct closing *closing = arg;
	struct order *order = closing->order;
	struct db_result *before = NULL;
	const char *version_id = NULL;
	int rc = insert_version(db, closing, &version_id, err);

	if (rc == 0)
		rc = close_intents(db, order, "issued", err);
	if (rc == 0)
		rc = db_run(db, order->mem, &query_placement_take_version,
			DB_VALUES(db_text(order->job->placement_id), db_text(version_id)), &before, err);
	if (rc == 0)
		rc = record_issued(db, closing, version_id, db_get_text(before, 0, "serial_number"), err);
	if (rc == 0)
		rc = deployment_request(db, order->job->certificate_id, order->job->placement_id, "certctld", err);
	if (rc < 0)
		return rc;
	return job_end(db, order->job->id, order->job->token,
		&(struct job_end){ .state = "Completed", .version_id = version_id }, err);
}

int order_complete(struct order *order, const struct certctl_issued *issued, bool takes_serial,
	struct certctl_error *err)
{
	struct certctl_certificate *leaf = NULL;
	struct closing closing = { .order = order, .issued = issued };
	int rc = certctl_certificate_read(order->mem, issued->leaf_pem, strlen(issued->leaf_pem), &leaf, err);

	if (rc == 0)
		rc = pki_issued_check(leaf, order->csr->public_key_sha256, &order->order, takes_serial, err);
	if (rc < 0) {
		/* What is not what was asked for is released to nobody. */
		struct certctl_error why = *err;

		why.retryable = false;
		return order_fail(order, &why, true, err);
	}
	closing.leaf = leaf;
	rc = db_transaction(order->core->db, complete, &closing, err);
	if (rc == 0)
		jobs_wake(order->core->jobs);
	return rc;
}

/* --- Not issued ------------------------------------------------------------------------------------------------------ */

static int wait(struct db *db, void *arg, struct certctl_error *err)
{
	struct closing *closing = arg;
	struct order *order = closing->order;
	struct job_release later = { .state = "Pending",
		.step = "issue",
		.delay_s = closing->issued->retry_after_s > 0 ? closing->issued->retry_after_s : 30,
		.saved_state = closing->issued->state,
		.saved_state_version = order->plugin_version };
	int rc = close_intents(db, order, "pending", err);

	return rc < 0 ? rc : job_release(db, order->job->id, order->job->token, &later, err);
}

int order_wait(struct order *order, const struct certctl_issued *issued, struct certctl_error *err)
{
	struct closing closing = { .order = order, .issued = issued };

	return db_transaction(order->core->db, wait, &closing, err);
}

static int fail(struct db *db, void *arg, struct certctl_error *err)
{
	struct closing *closing = arg;
	struct order *order = closing->order;
	const struct certctl_error *why = closing->why;
	const char *json = job_error_json(order->mem, why);
	uint64_t random = 0;
	int rc = closing->is_known ? close_intents(db, order, "failed", err) : 0;

	if (rc == 0)
		rc = certctl_random(&random, sizeof(random), err);
	if (rc < 0)
		return rc;
	/* What came of it must be found out, whatever the error says of the same input. */
	if ((!why->retryable && closing->is_known) || order->attempts_left <= 0)
		return job_end(db, order->job->id, order->job->token,
			&(struct job_end){ .state = "Failed", .error_json = json }, err);
	struct job_release later = { .state = "Pending",
		.step = "issue",
		.delay_s = job_backoff_s(order->job->attempts + 1, order->remaining_s, why->retry_after_s, random),
		.error_json = json };

	return job_release(db, order->job->id, order->job->token, &later, err);
}

int order_fail(struct order *order, const struct certctl_error *why, bool is_known, struct certctl_error *err)
{
	struct closing closing = { .order = order, .why = why, .is_known = is_known };
	int rc = db_transaction(order->core->db, fail, &closing, err);

	if (rc == 0)
		jobs_wake(order->core->jobs);
	return rc;
}
