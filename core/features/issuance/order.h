/* Inside issuance: an order from its intent to its outcome. */
#ifndef CORE_ISSUANCE_ORDER_H
#define CORE_ISSUANCE_ORDER_H

#include "core/platform/jobs/jobs.h"
#include "core/platform/pki/pki.h"
#include "issuance.h"

/** A job's order.  Lives on the step's context, with those that were claimed with it. */
struct order {
	struct core *core;
	TALLOC_CTX *mem;
	const struct job *job;
	const char *issuer_id;
	struct certctl_order order;                 /* what the issuer is asked, once the intent is committed */
	const char *csr_sha256, *public_key_sha256; /* of the request, verified when it was handed in */
	const char *plugin_version;                 /* of who is asked: what it saves, it saved with that */
	uint32_t caps;                              /* enum certctl_issuer_caps of who is asked */
	int64_t attempts_left;
	int64_t remaining_s;          /* of the version in force; 0: there is none */
	bool is_repeat;               /* an earlier attempt was never closed: the CA may have issued already */
	bool is_over;                 /* nothing more is to be done: put back, ended, or somebody else's by now */
	struct certctl_issued issued; /* with `leaf`: what the CA gave, and it is what was ordered */
	const struct certctl_certificate *leaf; /* NULL: not yet */
};

/**
 * Commit the intents of all of them: serial and dates are reserved before the CA is asked, and asked for again after a crash.  Those
 * that are not to be asked for are over afterwards; why, is logged.
 */
void orders_open(struct order *orders, size_t count);
/** The same for one, about which there may be something to decide. */
int order_open(struct order *order, struct certctl_error *err) CERTCTL_CHECKED;

/**
 * A connector makes its state durable before it goes on: under our token, or not at all.  For struct certctl_call.
 * @param order  a struct order
 * @return 0; CONFLICT (job_is_fenced): somebody else has the job by now, and nothing was written
 */
int order_checkpoint(void *order, const char *state, struct certctl_error *err) CERTCTL_CHECKED;

/** The CA has issued: is it what was ordered?  Otherwise the order fails. */
int order_check(struct order *order, struct certctl_error *err) CERTCTL_CHECKED;
/**
 * Of all that have a leaf, in one transaction: version, placement, deployment jobs, audit event, end of the job.  One that cannot be
 * stored keeps no other from it; why, is logged.
 */
void orders_complete(struct order *orders, size_t count);
/** The CA has it and wants to be asked again. */
int order_wait(struct order *order, const struct certctl_issued *issued, struct certctl_error *err) CERTCTL_CHECKED;
/** It failed: again later, or never.  @param is_known  false: the CA may have issued all the same, the intent stays open */
int order_fail(struct order *order, const struct certctl_error *why, bool is_known,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
