/* What `check` asks of an issuer: an order becomes the certificate that was asked for, once, however often it is asked. */
#include "conformance.h"
#include "sample.h"

#include <poll.h>
#include <string.h>

#define PENDING_S 60

/* An order and what became of it. */
struct attempt {
	struct sample *sample;
	struct certctl_order order;
	struct certctl_issued issued;
	struct certctl_certificate *leaf, **chain;
	size_t chain_count;
};

static void order_init(struct attempt *attempt, const char *id, const struct trial *trial)
{
	const struct sample *sample = attempt->sample;

	attempt->order = (struct certctl_order){ .id = id,
		.kind = CERTCTL_ORDER_ISSUE,
		.key_type = CERTCTL_ECDSA_P256,
		.csr_pem = sample->csr_pem,
		.names = sample->names,
		.common_name = sample->common_name,
		.serial = sample->serial,
		.not_before_unix_s = sample->not_before_unix_s,
		.not_after_unix_s = sample->not_after_unix_s,
		.profile_id = "prof-check",
		.profile_hash = "0000000000000000000000000000000000000000000000000000000000000000",
		.state_version = trial->plugin->version };
}

/* Ask until the order is no longer pending. */
static int issue(struct trial *trial, struct attempt *attempt, struct certctl_error *err)
{
	int64_t deadline_ms = certctl_monotonic_ms() + PENDING_S * 1000;

	for (;;) {
		memset(&attempt->issued, 0, sizeof(attempt->issued));
		if (certctl_issuer_issue(trial->connector, &attempt->order, trial->setup->item, &trial->caller->call,
			    trial->mem, &attempt->issued, err) < 0)
			return err->code;
		if (attempt->issued.outcome == CERTCTL_ISSUED)
			return 0;
		if (attempt->issued.outcome != CERTCTL_PENDING || certctl_monotonic_ms() > deadline_ms)
			return certctl_fail(err, CERTCTL_E_TIMEOUT, "outcome %u after %d s", attempt->issued.outcome,
				PENDING_S);
		attempt->order.state = attempt->issued.state;
		poll(NULL, 0, 500);
	}
}

static int read_issued(struct trial *trial, struct attempt *attempt, struct certctl_error *err)
{
	const char *leaf = attempt->issued.leaf_pem,
		   *chain = attempt->issued.chain_pem ? attempt->issued.chain_pem : "";

	if (certctl_certificate_read(trial->mem, leaf, strlen(leaf), &attempt->leaf, err) < 0)
		return certctl_error_prefix(err, "leaf");
	if (*chain && certctl_certificates_read(trial->mem, chain, strlen(chain), 16, &attempt->chain,
			      &attempt->chain_count, err) < 0)
		return certctl_error_prefix(err, "chain");
	return certctl_bundle_check(attempt->sample->key, attempt->leaf, attempt->chain, attempt->chain_count,
		attempt->order.names, certctl_clock_now_s(certctl_clock_system()), err);
}

static const char *judge_reserved(const struct attempt *attempt)
{
	if (strcmp(attempt->leaf->serial, attempt->order.serial) != 0)
		return "the serial is not the one reserved";
	if (attempt->leaf->not_before_unix_s != attempt->order.not_before_unix_s ||
		attempt->leaf->not_after_unix_s != attempt->order.not_after_unix_s)
		return "the dates are not those of the order";
	return NULL;
}

static bool check_issue(struct trial *trial, struct attempt *attempt)
{
	struct certctl_error err = { 0 };

	if (!report_result(trial->report, "issue: an order is answered with a certificate", issue(trial, attempt, &err),
		    &err) ||
		!report_result(trial->report, "issue: key, leaf, chain, names and dates belong together",
			read_issued(trial, attempt, &err), &err))
		return false;
	if (trial->plugin->caps & CERTCTL_ISSUER_TAKES_SERIAL)
		report_judged(trial->report, "issue: serial and dates are those of the order", judge_reserved(attempt));
	return true;
}

static const char *judge_same(const struct attempt *attempt, const struct certctl_issued *again)
{
	if (again->outcome != CERTCTL_ISSUED || !again->leaf_pem)
		return "there is no certificate the second time";
	return strcmp(again->leaf_pem, attempt->issued.leaf_pem) == 0 ? NULL : "it is another certificate";
}

/* The answer was lost, and so is the process: the same order again must not make a second certificate. */
static void check_repeat(struct trial *trial, struct attempt *attempt)
{
	static const char check[] = "issue: repeated after a lost reply, it gives the same certificate";
	struct attempt again = { .sample = attempt->sample, .order = attempt->order };
	struct certctl_error err = { 0 };

	if (!(trial->plugin->caps & CERTCTL_ISSUER_REPEATABLE)) {
		report_not_run(trial->report, check, "the plugin does not claim REPEATABLE");
		return;
	}
	certctl_connector_stop(trial->connector);
	int rc = issue(trial, &again, &err);

	if (rc < 0)
		report_result(trial->report, check, rc, &err);
	else
		report_judged(trial->report, check, judge_same(attempt, &again.issued));
}

static void check_find(struct trial *trial, struct attempt *attempt)
{
	struct attempt never = { .sample = attempt->sample };
	struct certctl_issued found = { 0 };
	struct certctl_error err = { 0 };

	if (!(trial->plugin->caps & CERTCTL_ISSUER_CAN_FIND))
		return;
	int rc = certctl_issuer_find(trial->connector, &attempt->order, trial->setup->item, &trial->caller->call,
		trial->mem, &found, &err);

	if (rc < 0)
		report_result(trial->report, "find: the order that was issued", rc, &err);
	else
		report_judged(trial->report, "find: the order that was issued", judge_same(attempt, &found));
	if (sample_make(trial->mem, trial->setup->names, trial->setup->lifetime_s, &never.sample, &err) < 0)
		return;
	order_init(&never, "job-check-never", trial);
	rc = certctl_issuer_find(trial->connector, &never.order, trial->setup->item, &trial->caller->call, trial->mem,
		&found, &err);
	report_judged(trial->report, "find: an order that was never issued is not found",
		rc == CERTCTL_E_NOT_FOUND ? NULL
		: rc == 0                 ? "something was found"
					  : err.what);
}

static void check_chain(struct trial *trial, const struct attempt *attempt)
{
	struct certctl_certificate **chain;
	const char *pem;
	size_t count;
	struct certctl_error err = { 0 };

	if (!(trial->plugin->caps & CERTCTL_ISSUER_CAN_CHAIN))
		return;
	int rc = certctl_issuer_chain(trial->connector, &trial->caller->call, trial->mem, &pem, &err);

	if (rc == 0)
		rc = certctl_certificates_read(trial->mem, pem, strlen(pem), 16, &chain, &count, &err);
	if (report_result(trial->report, "chain: certificates of the CA", rc, &err))
		report_judged(trial->report, "chain: the first one signed the leaf",
			count > 0 && certctl_certificate_is_issued_by(attempt->leaf, chain[0]) ? NULL : "it did not");
}

static void check_rest(struct trial *trial, const struct attempt *attempt)
{
	const struct certctl_call *call = &trial->caller->call;
	struct certctl_renewal_window window = { 0 };
	struct certctl_error err = { 0 };

	if (trial->plugin->caps & CERTCTL_ISSUER_CAN_RENEWAL_WINDOW)
		report_result(trial->report, "renewal_window: answered",
			certctl_issuer_renewal_window(trial->connector, attempt->issued.leaf_pem, call, trial->mem,
				&window, &err),
			&err);
	if (trial->plugin->caps & CERTCTL_ISSUER_CAN_ABANDON)
		report_result(trial->report, "abandon: an order that was answered",
			certctl_issuer_abandon(trial->connector, &attempt->order, trial->setup->item, call, &err),
			&err);
	if (trial->plugin->caps & CERTCTL_ISSUER_CAN_REVOKE) {
		report_result(trial->report, "revoke: the certificate",
			certctl_issuer_revoke(trial->connector, attempt->issued.leaf_pem, 4, call, &err), &err);
		report_result(trial->report, "revoke: again, which is success",
			certctl_issuer_revoke(trial->connector, attempt->issued.leaf_pem, 4, call, &err), &err);
	}
}

static void check_refusal(struct trial *trial, const struct attempt *attempt)
{
	struct attempt broken = { .sample = attempt->sample };
	struct certctl_error err = { 0 };

	order_init(&broken, "job-check-broken", trial);
	broken.order.csr_pem = "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n";
	check_error(trial, "issue: a broken request is refused in words, without secrets", issue(trial, &broken, &err),
		&err);
}

void check_issuer(struct trial *trial)
{
	struct attempt attempt = { 0 };
	struct certctl_error err = { 0 };

	if (sample_make(trial->mem, trial->setup->names, trial->setup->lifetime_s, &attempt.sample, &err) < 0) {
		report_failed(trial->report, "issue: an order is answered with a certificate", "no request: %s",
			err.what);
		return;
	}
	order_init(&attempt, "job-check-1", trial);
	if (check_issue(trial, &attempt)) {
		check_repeat(trial, &attempt);
		check_find(trial, &attempt);
		check_chain(trial, &attempt);
		check_rest(trial, &attempt);
	}
	check_refusal(trial, &attempt);
}
