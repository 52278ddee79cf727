/* The step `issue`: intent, the call to the connector, outcome.  The only place that asks a CA for a certificate. */
#include "core/features/issuance/issuance.sql.h"
#include "errands.h"
#include "issuers_http.h"
#include "order.h"
#include "renewal.h"

#include <certctl/log.h>

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

static int conclude(struct order *order, const struct certctl_issued *issued, struct certctl_error *err)
{
	struct certctl_error why = { 0 };

	switch (issued->outcome) {
	case CERTCTL_ISSUED:
		return order_complete(order, issued, order->caps & CERTCTL_ISSUER_TAKES_SERIAL, err);
	case CERTCTL_PENDING:
		return order_wait(order, issued, err);
	default:
		certctl_fail(&why, CERTCTL_E_UNAVAILABLE, "the CA was asked, and its answer was lost");
		return order_fail(order, &why, false, err);
	}
}

static int issue(void *context, TALLOC_CTX *mem, const struct job *job, struct certctl_error *err)
{
	struct order order = { .core = context, .mem = mem, .job = job };
	struct certctl_call call = { .timeout_ms = CALL_MS, .checkpoint = order_checkpoint, .arg = &order };
	struct certctl_connector *issuer = NULL;
	struct certctl_issued issued = { 0 };
	struct certctl_error why = { 0 };
	int rc = connectors_issuer(order.core->connectors, job->issuer_id, &issuer, err);

	if (rc < 0)
		return rc;
	order.caps = certctl_connector_description(issuer)->caps;
	order.plugin_version = certctl_connector_description(issuer)->version;
	rc = order_open(&order, err);
	if (rc < 0 || order.is_over)
		return rc;
	rc = order.is_repeat ? ask_again(issuer, &order, &call, &issued, &why)
			     : certctl_issuer_issue(issuer, &order.order, NULL, &call, mem, &issued, &why);
	if (rc == 0)
		return conclude(&order, &issued, err);
	certctl_log_error(CERTCTL_LOG_WARNING, "job.issue_failed", &why, "job", job->id, "issuer", job->issuer_id,
		NULL);
	return order_fail(&order, &why, is_outcome_known(rc), err);
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
