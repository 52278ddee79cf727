/* Before the CA is asked: what is ordered, under which serial, until when.  Knows no CA. */
#include "core/features/issuance/issuance.sql.h"
#include "order.h"

#include <string.h>

static enum certctl_order_kind kind_of(const struct db_result *rows)
{
	if (strcmp(db_get_text(rows, 0, "type"), "Renewal") != 0)
		return CERTCTL_ORDER_ISSUE;
	return db_get_boolean(rows, 0, "keeps_key") ? CERTCTL_ORDER_RENEW : CERTCTL_ORDER_REKEY;
}

static int read_order(struct order *order, const struct db_result *rows, struct certctl_error *err)
{
	struct certctl_order *out = &order->order;
	struct certctl_name **names = NULL;
	const char *const *usages = NULL;
	const char *csr = db_get_text(rows, 0, "csr");
	int rc = pki_names_read(order->mem, db_get_text(rows, 0, "names"), &names, err);

	if (rc == 0)
		rc = pki_usages_read(order->mem, db_get_text(rows, 0, "extended_key_usages"), &usages, err);
	if (rc == 0)
		rc = certctl_csr_read(order->mem, csr, strlen(csr), &order->csr, err);
	if (rc < 0)
		return rc;
	order->issuer_id = db_get_text(rows, 0, "issuer_id");
	*out = (struct certctl_order){ .id = order->job->id,
		.kind = kind_of(rows),
		.key_type = certctl_key_type_from_name(db_get_text(rows, 0, "key_type")),
		.csr_pem = csr,
		.names = (const struct certctl_name *const *)names,
		.common_name = db_get_text(rows, 0, "common_name"),
		.must_staple = db_get_boolean(rows, 0, "must_staple"),
		.short_lived = db_get_boolean(rows, 0, "short_lived"),
		.extended_key_usage = usages,
		.serial = db_get_text(rows, 0, "serial_number"),
		.not_before_unix_s = db_get_integer(rows, 0, "not_before_s"),
		.not_after_unix_s = db_get_integer(rows, 0, "not_after_s"),
		.replaces_pem = db_get_text(rows, 0, "replaces"),
		.profile_id = db_get_text(rows, 0, "profile_id"),
		.profile_hash = db_get_text(rows, 0, "profile_hash"),
		.state = db_get_text(rows, 0, "saved_state"),
		.state_version = db_get_text(rows, 0, "saved_state_version") };
	return 0;
}

/* A first attempt draws its serial and dates; later ones keep them. */
static int reserve(struct order *order, const struct db_result *rows, bool *ret_is_reserving, struct certctl_error *err)
{
	char *serial;

	*ret_is_reserving = !order->order.serial;
	if (order->order.serial)
		return 0;
	serial = talloc_zero_size(order->mem, 41);
	pki_validity(db_get_integer(rows, 0, "now_s"), db_get_integer(rows, 0, "lifetime_seconds"),
		&order->order.not_before_unix_s, &order->order.not_after_unix_s);
	order->order.serial = serial;
	return serial ? pki_serial_make(serial, err) : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
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
	order->order.serial = NULL;
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

/* --- The intent ------------------------------------------------------------------------------------------------------ */

/* A pending order goes on with the attempt that it began with. */
static int write_intent(struct db *db, struct order *order, const struct db_result *rows, struct certctl_error *err)
{
	const struct job *job = order->job;
	bool is_reserving = false;
	int rc;

	if (db_get_boolean(rows, 0, "is_pending"))
		return db_run(db, order->mem, &query_intent_resume, DB_VALUES(db_text(job->id), db_integer(job->token)),
			NULL, err);
	rc = reserve(order, rows, &is_reserving, err);
	return rc < 0 ? rc
		      : db_run(db, order->mem, &query_intent_open,
				DB_VALUES(db_text(job->id), db_integer(job->token), db_text(order->order.serial),
					db_integer(order->order.not_before_unix_s),
					db_integer(order->order.not_after_unix_s), db_boolean(is_reserving)),
				NULL, err);
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
		rc = read_order(order, rows, err);
	if (rc == 0)
		rc = look_back(db, order, rows, err);
	if (rc < 0 || order->is_over)
		return rc;
	order->attempts_left = db_get_integer(rows, 0, "attempts_max") - db_get_integer(rows, 0, "attempts") -
			       !db_get_boolean(rows, 0, "is_pending");
	order->remaining_s = db_get_integer(rows, 0, "remaining_s");
	return write_intent(db, order, rows, err);
}

int order_open(struct order *order, struct certctl_error *err)
{
	return db_transaction(order->core->db, open_intent, order, err);
}
