/* After the CA was asked: what came of it, in one transaction.  Knows no CA. */
#include "core/features/issuance/issuance.sql.h"
#include "order.h"

#include <certctl/buffer.h>
#include <string.h>

/* A batch of certificates with their chains; each may have a hundred KiB. */
#define STORED_MAX (64UL * 1024 * 1024)

/* --- Issued ---------------------------------------------------------------------------------------------------------- */

int order_check(struct order *order, struct certctl_error *err)
{
	struct certctl_certificate *leaf = NULL;
	const char *pem = order->issued.leaf_pem;
	int rc = certctl_certificate_read(order->mem, pem, strlen(pem), &leaf, err);

	if (rc == 0)
		rc = pki_issued_check(leaf, order->public_key_sha256, &order->order,
			order->caps & CERTCTL_ISSUER_TAKES_SERIAL, err);
	if (rc < 0) {
		/* What is not what was asked for is released to nobody. */
		struct certctl_error why = *err;

		why.retryable = false;
		return order_fail(order, &why, true, err);
	}
	order->leaf = leaf;
	return 0;
}

static void put_text(struct certctl_buffer *out, const char *name, const char *text)
{
	certctl_buffer_printf(out, ",\"%s\":", name);
	certctl_buffer_json_string(out, text, strlen(text));
}

/* A member of what store_issued() takes. */
static void put_issued(struct certctl_buffer *out, const struct order *order)
{
	const struct certctl_certificate *leaf = order->leaf;

	certctl_buffer_printf(out, "%s{\"token\":%lld,\"not_before_s\":%lld,\"not_after_s\":%lld",
		out->len > 1 ? "," : "", (long long)order->job->token, (long long)leaf->not_before_unix_s,
		(long long)leaf->not_after_unix_s);
	put_text(out, "job_id", order->job->id);
	put_text(out, "serial_number", leaf->serial);
	put_text(out, "subject", leaf->subject);
	put_text(out, "issuer_dn", leaf->issuer);
	put_text(out, "key_type", certctl_key_type_name(leaf->key_type));
	put_text(out, "fingerprint_sha256", leaf->fingerprint_sha256);
	put_text(out, "public_key_sha256", leaf->public_key_sha256);
	put_text(out, "leaf", order->issued.leaf_pem);
	put_text(out, "chain", order->issued.chain_pem);
	certctl_buffer_puts(out, "}");
}

/* All that have a leaf, in one transaction; `ret` has the ids of those that were still ours. */
static int store(struct order *orders, size_t count, struct db_result **ret, struct certctl_error *err)
{
	TALLOC_CTX *mem = orders[0].mem;
	struct certctl_buffer out;

	certctl_buffer_init(&out, mem, STORED_MAX);
	certctl_buffer_puts(&out, "[");
	for (size_t i = 0; i < count; i++)
		if (orders[i].leaf)
			put_issued(&out, &orders[i]);
	certctl_buffer_puts(&out, "]");
	int rc = certctl_buffer_finish(&out, err);

	return rc < 0 ? rc
		      : db_once(orders[0].core->db, mem, &query_issued_store, DB_VALUES(db_text(out.data)), ret, err);
}

static bool is_stored(const struct db_result *rows, const char *id)
{
	for (size_t row = 0; row < db_rows(rows); row++)
		if (strcmp(db_get_text(rows, row, "id"), id) == 0)
			return true;
	return false;
}

static void note_stored(struct order *order, const struct db_result *rows)
{
	struct certctl_error err = { 0 };

	if (!order->leaf)
		return;
	order->is_over = true;
	if (is_stored(rows, order->job->id)) {
		jobs_tell_ended(order->core->jobs, order->job->id);
		return;
	}
	job_fenced(&err);
	job_step_failed(order->job, &err);
}

static size_t count_issued(const struct order *orders, size_t count)
{
	size_t issued = 0;

	for (size_t i = 0; i < count; i++)
		issued += orders[i].leaf != NULL;
	return issued;
}

void orders_complete(struct order *orders, size_t count)
{
	size_t issued = count_issued(orders, count);
	struct certctl_error err = { 0 };
	struct db_result *rows = NULL;
	int rc = issued > 0 ? store(orders, count, &rows, &err) : 0;
	bool is_refused = rc < 0 && rc != CERTCTL_E_UNAVAILABLE && rc != CERTCTL_E_TIMEOUT;

	for (size_t i = 0; issued > 0 && i < count; i++)
		if (rc == 0)
			note_stored(&orders[i], rows);
		else if (is_refused && issued > 1)
			/* One bad row sinks the statement, and no other order. */
			orders_complete(&orders[i], 1);
		else if (orders[i].leaf)
			job_step_failed(orders[i].job, &err);
	if (issued > 0)
		jobs_wake(orders[0].core->jobs);
}

/* --- Not issued ------------------------------------------------------------------------------------------------------ */

/* What the transaction needs beside the order. */
struct closing {
	struct order *order;
	const struct certctl_issued *issued;
	const struct certctl_error *why;
	bool is_known;
};

static int close_intents(struct db *db, const struct order *order, const char *outcome, struct certctl_error *err)
{
	return db_run(db, order->mem, &query_intents_close, DB_VALUES(db_text(order->job->id), db_text(outcome)), NULL,
		err);
}

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

	order->is_over = true;
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

	order->is_over = true;
	if (rc < 0)
		return rc;
	jobs_tell_ended(order->core->jobs, order->job->id);
	jobs_wake(order->core->jobs);
	return 0;
}
