/* Before the CA is asked: what is ordered, under which serial, until when.  Knows no CA. */
#include "core/features/issuance/issuance.sql.h"
#include "order.h"

#include <string.h>

static enum certctl_order_kind kind_of(const struct db_result *rows, size_t row)
{
	if (strcmp(db_get_text(rows, row, "type"), "Renewal") != 0)
		return CERTCTL_ORDER_ISSUE;
	return db_get_boolean(rows, row, "keeps_key") ? CERTCTL_ORDER_RENEW : CERTCTL_ORDER_REKEY;
}

static int read_order(struct order *order, const struct db_result *rows, size_t row, struct certctl_error *err)
{
	struct certctl_name **names = NULL;
	const char *const *usages = NULL;
	int rc = pki_names_read(order->mem, db_get_text(rows, row, "names"), &names, err);

	if (rc == 0)
		rc = pki_usages_read(order->mem, db_get_text(rows, row, "extended_key_usages"), &usages, err);
	if (rc < 0)
		return rc;
	order->issuer_id = db_get_text(rows, row, "issuer_id");
	order->csr_sha256 = db_get_text(rows, row, "csr_sha256");
	order->public_key_sha256 = db_get_text(rows, row, "public_key_sha256");
	order->remaining_s = db_get_integer(rows, row, "remaining_s");
	order->attempts_left = db_get_integer(rows, row, "attempts_max") - db_get_integer(rows, row, "attempts") -
			       !db_get_boolean(rows, row, "is_pending");
	order->order = (struct certctl_order){ .id = order->job->id,
		.kind = kind_of(rows, row),
		.key_type = certctl_key_type_from_name(db_get_text(rows, row, "key_type")),
		.csr_pem = db_get_text(rows, row, "csr"),
		.names = (const struct certctl_name *const *)names,
		.common_name = db_get_text(rows, row, "common_name"),
		.must_staple = db_get_boolean(rows, row, "must_staple"),
		.short_lived = db_get_boolean(rows, row, "short_lived"),
		.extended_key_usage = usages,
		.serial = db_get_text(rows, row, "serial_number"),
		.not_before_unix_s = db_get_integer(rows, row, "not_before_s"),
		.not_after_unix_s = db_get_integer(rows, row, "not_after_s"),
		.replaces_pem = db_get_text(rows, row, "replaces"),
		.profile_id = db_get_text(rows, row, "profile_id"),
		.profile_hash = db_get_text(rows, row, "profile_hash"),
		.state = db_get_text(rows, row, "saved_state"),
		.state_version = db_get_text(rows, row, "saved_state_version") };
	return 0;
}

/* For an attempt that has none from an earlier one. */
static int draw_serial(TALLOC_CTX *mem, const char **ret, struct certctl_error *err)
{
	char *serial = talloc_zero_size(mem, 41);
	int rc = serial ? pki_serial_make(serial, err) : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	*ret = serial;
	return rc;
}

/* --- What earlier attempts left -------------------------------------------------------------------------------------- */

static int end(struct db *db, struct order *order, const struct db_result *rows, const char *hold_reason,
	struct certctl_error *err)
{
	struct job_end how = {
		.state = "Failed", .error_json = db_get_text(rows, 0, "error"), .hold_reason = hold_reason
	};

	order->is_over = true;
	return job_end(db, order->job->id, order->job->token, &how, err);
}

/* The CA can neither be asked again without harm nor tell: time first, then once more, and the attempt before is given up. */
static int hold_or_orphan(struct db *db, struct order *order, const struct db_result *rows, struct certctl_error *err)
{
	struct job_release hold = { .state = "Pending",
		.step = "issue",
		.delay_s = db_get_integer(rows, 0, "hold_s"),
		.error_json = db_get_text(rows, 0, "error"),
		.hold_reason = "outcome unknown" };

	if (hold.delay_s > 0) {
		order->is_over = true;
		return job_release(db, order->job->id, order->job->token, &hold, err);
	}
	return db_run(db, order->mem, &query_intents_orphan,
		DB_VALUES(db_text(order->job->id), db_integer(order->job->token)), NULL, err);
}

/* Two attempts that nobody saw the end of: asking a third time could do a third harm. */
static int look_back(struct db *db, struct order *order, const struct db_result *rows, struct certctl_error *err)
{
	int64_t open = db_get_integer(rows, 0, "open_intents"), lost = db_get_integer(rows, 0, "orphaned_intents");
	bool can_be_asked = order->caps & (CERTCTL_ISSUER_REPEATABLE | CERTCTL_ISSUER_CAN_FIND);

	if (open + lost >= 2 && open > 0)
		return end(db, order, rows, can_be_asked ? "quarantined" : "outcome unknown", err);
	if (db_get_integer(rows, 0, "attempts") >= db_get_integer(rows, 0, "attempts_max") &&
		!db_get_boolean(rows, 0, "is_pending"))
		return end(db, order, rows, open > 0 && !can_be_asked ? "outcome unknown" : "no attempts left", err);
	order->is_repeat = open > 0 && can_be_asked;
	return open > 0 && !can_be_asked ? hold_or_orphan(db, order, rows, err) : 0;
}

/* --- The intent of one ----------------------------------------------------------------------------------------------- */

/* A pending order goes on with the attempt that it began with. */
static int write_intent(struct db *db, struct order *order, bool is_pending, struct certctl_error *err)
{
	const struct job *job = order->job;
	struct db_result *rows = NULL;
	const char *serial = NULL;
	int rc;

	if (is_pending)
		return db_run(db, order->mem, &query_intent_resume, DB_VALUES(db_text(job->id), db_integer(job->token)),
			NULL, err);
	rc = draw_serial(order->mem, &serial, err);
	if (rc == 0)
		rc = db_run(db, order->mem, &query_intent_open,
			DB_VALUES(db_text(job->id), db_integer(job->token), db_text(serial)), &rows, err);
	if (rc < 0)
		return rc;
	order->order.serial = db_get_text(rows, 0, "serial_number");
	order->order.not_before_unix_s = db_get_integer(rows, 0, "not_before_s");
	order->order.not_after_unix_s = db_get_integer(rows, 0, "not_after_s");
	return 0;
}

static int open_intent(struct db *db, void *arg, struct certctl_error *err)
{
	struct order *order = arg;
	const struct job *job = order->job;
	struct db_result *rows = NULL;
	int rc = db_run(db, order->mem, &query_issue_order, DB_VALUES(db_text(job->id), db_integer(job->token)), &rows,
		err);

	order->is_over = false;
	if (rc == 0 && db_rows(rows) == 0)
		rc = job_fenced(err);
	if (rc == 0)
		rc = read_order(order, rows, 0, err);
	if (rc == 0)
		rc = look_back(db, order, rows, err);
	return rc < 0 || order->is_over ? rc : write_intent(db, order, db_get_boolean(rows, 0, "is_pending"), err);
}

int order_open(struct order *order, struct certctl_error *err)
{
	return db_transaction(order->core->db, open_intent, order, err);
}

/* --- The intents of many --------------------------------------------------------------------------------------------- */

/* Ids, tokens and serials of all of them, in PostgreSQL's text form. */
static int ask_for_orders(struct order *orders, size_t count, struct db_result **ret, struct certctl_error *err)
{
	TALLOC_CTX *mem = orders[0].mem;
	const char **ids = talloc_array(mem, const char *, (unsigned)count);
	const char **tokens = talloc_array(mem, const char *, (unsigned)count);
	const char **serials = talloc_array(mem, const char *, (unsigned)count);
	int rc = ids && tokens && serials ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	for (size_t i = 0; rc == 0 && i < count; i++) {
		ids[i] = orders[i].job->id;
		tokens[i] = talloc_asprintf(tokens, "%lld", (long long)orders[i].job->token);
		rc = draw_serial(mem, &serials[i], err);
	}
	return rc < 0 ? rc
		      : db_once(orders[0].core->db, mem, &query_orders_open,
				DB_VALUES(db_text(db_array(mem, ids, count)), db_text(db_array(mem, tokens, count)),
					db_text(db_array(mem, serials, count))),
				ret, err);
}

/* 0: its intent is committed.  1: it is for order_open(). */
static int take_opened(struct order *order, const struct db_result *rows, struct certctl_error *err)
{
	for (size_t row = 0; row < db_rows(rows); row++)
		if (strcmp(db_get_text(rows, row, "id"), order->job->id) == 0)
			return db_get_boolean(rows, row, "is_opened") ? read_order(order, rows, row, err) : 1;
	return job_fenced(err);
}

void orders_open(struct order *orders, size_t count)
{
	struct db_result *rows = NULL;
	struct certctl_error together = { 0 };
	int asked = ask_for_orders(orders, count, &rows, &together);

	for (size_t i = 0; i < count; i++) {
		struct certctl_error err = together;
		/* One bad row sinks the statement, and no other order. */
		int rc = asked == 0 ? take_opened(&orders[i], rows, &err) : asked == CERTCTL_E_UNAVAILABLE ? asked : 1;

		if (rc > 0)
			rc = order_open(&orders[i], &err);
		if (rc < 0)
			job_step_failed(orders[i].job, &err);
		orders[i].is_over = orders[i].is_over || rc < 0;
	}
}
