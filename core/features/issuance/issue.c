/* The step `issue`: intent, the call to the connector, outcome.  The only place that asks a CA for a certificate. */
#include "core/features/issuance/issuance.sql.h"
#include "errands.h"
#include "issuers_http.h"
#include "order.h"
#include "renewal.h"

#include <certctl/log.h>
#include <certctl/time.h>

/* Longer than any CA of ours takes; shorter than a lease. */
#define CALL_MS 60000

int order_checkpoint(void *arg, const char *state, struct certctl_error *err)
{
	struct order *order = arg;
	struct db_result *rows = NULL;
	int rc = db_once(order->core->db, order->mem, &query_checkpoint_save,
		DB_VALUES(db_text(order->job->id), db_integer(order->job->token), db_text(state),
			db_text(order->plugin_version)),
		&rows, err);

	if (rc == 0 && db_rows(rows) == 0)
		rc = job_fenced(err);
	return rc;
}

/* Did the CA issue although we never heard of it?  NOT_FOUND: certainly not. */
static int ask_again(struct certctl_connector *issuer, struct order *order, const struct certctl_call *call,
	struct certctl_issued *ret, struct certctl_error *err)
{
	if (order->caps & CERTCTL_ISSUER_REPEATABLE)
		return certctl_issuer_issue(issuer, &order->order, NULL, call, order->mem, ret, err);
	certctl_assert(order->caps & CERTCTL_ISSUER_CAN_FIND); /* or it was not to be asked */
	int rc = certctl_issuer_find(issuer, &order->order, NULL, call, order->mem, ret, err);
	return rc == CERTCTL_E_NOT_FOUND ? certctl_issuer_issue(issuer, &order->order, NULL, call, order->mem, ret, err)
					 : rc;
}

/* Answers that leave open what the CA did: the call was cut, not refused. */
static bool is_outcome_known(int rc)
{
	return rc != CERTCTL_E_TIMEOUT && rc != CERTCTL_E_CRASHED && rc != CERTCTL_E_INTERRUPTED &&
	       rc != CERTCTL_E_PROTOCOL;
}

/* What came of it, if it was no failure. */
static int conclude(struct order *order, struct certctl_error *err)
{
	struct certctl_error why = { 0 };

	switch (order->issued.outcome) {
	case CERTCTL_ISSUED:
		return order_check(order, err);
	case CERTCTL_PENDING:
		return order_wait(order, &order->issued, err);
	default:
		certctl_fail(&why, CERTCTL_E_UNAVAILABLE, "the CA was asked, and its answer was lost");
		return order_fail(order, &why, false, err);
	}
}

static int ask(struct certctl_connector *issuer, struct order *order, struct certctl_error *err)
{
	struct certctl_call call = { .timeout_ms = CALL_MS, .checkpoint = order_checkpoint, .arg = order };
	struct certctl_error why = { 0 };
	int rc = order->is_repeat
			 ? ask_again(issuer, order, &call, &order->issued, &why)
			 : certctl_issuer_issue(issuer, &order->order, NULL, &call, order->mem, &order->issued, &why);

	if (rc == 0)
		return conclude(order, err);
	certctl_log_error(CERTCTL_LOG_WARNING, "job.issue_failed", &why, "job", order->job->id, "issuer",
		order->issuer_id, NULL);
	return order_fail(order, &why, is_outcome_known(rc), err);
}

/* Those before it took so long that its lease may not last: it was not asked for, and is tried again. */
static int put_back(struct order *order, struct certctl_error *err)
{
	struct certctl_error why = { 0 };

	certctl_fail(&why, CERTCTL_E_UNAVAILABLE, "the CA was too slow with others to be asked for this one");
	return order_fail(order, &why, true, err);
}

static void ask_all(struct certctl_connector *issuer, struct order *orders, size_t count, int64_t until_ms)
{
	for (size_t i = 0; i < count; i++) {
		struct certctl_error err = { 0 };
		int rc = 0;

		if (!orders[i].is_over)
			rc = certctl_monotonic_ms() < until_ms ? ask(issuer, &orders[i], &err)
							       : put_back(&orders[i], &err);
		if (rc < 0)
			job_step_failed(orders[i].job, &err);
	}
}

static void issue(void *context, TALLOC_CTX *mem, const struct job *jobs, size_t count)
{
	struct core *core = context;
	struct order *orders = talloc_zero_array(mem, struct order, (unsigned)count);
	int64_t until_ms = certctl_monotonic_ms() + core->settings->jobs.lease_seconds * 1000 / 3;
	struct certctl_connector *issuer = NULL;
	struct certctl_error err = { 0 };
	int rc = orders ? connectors_issuer(core->connectors, jobs[0].issuer_id, &issuer, &err)
			: certctl_fail(&err, CERTCTL_E_NO_MEMORY, "out of memory");

	for (size_t i = 0; i < count; i++)
		if (rc < 0)
			job_step_failed(&jobs[i], &err);
		else
			orders[i] = (struct order){ .core = core,
				.mem = mem,
				.job = &jobs[i],
				.caps = certctl_connector_description(issuer)->caps,
				.plugin_version = certctl_connector_description(issuer)->version };
	if (rc < 0)
		return;
	orders_open(orders, count);
	ask_all(issuer, orders, count, until_ms);
	orders_complete(orders, count);
}

static const struct job_step steps[] = { { "issue", issue }, { 0 } };

const struct feature issuance_feature = { .name = "issuance",
	.about = "Who issues, and renewals.",
	.routes = issuer_routes,
	.steps = steps,
	.timers = renewal_timers,
	.woken = errands_woken,
	.start = errands_start,
	.stop = errands_stop };
