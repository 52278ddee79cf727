/* Inside issuance: an order from its intent to its outcome. */
#ifndef CORE_ISSUANCE_ORDER_H
#define CORE_ISSUANCE_ORDER_H

#include "core/platform/jobs/jobs.h"
#include "core/platform/pki/pki.h"
#include "issuance.h"

/** A job's order, once its intent is committed.  Lives on the step's context. */
struct order {
	struct core *core;
	TALLOC_CTX *mem;
	const struct job *job;
	const char *issuer_id;
	struct certctl_order order; /* what the issuer is asked */
	struct certctl_csr *csr;
	const char *plugin_version; /* of who is asked: what it saves, it saved with that */
	uint32_t caps;              /* enum certctl_issuer_caps of who is asked */
	int64_t attempts_left;
	int64_t remaining_s; /* of the version in force; 0: there is none */
	bool is_repeat;      /* an earlier attempt was never closed: the CA may have issued already */
	bool is_over;        /* put back or ended without asking: outcome unknown, quarantined, no attempts left */
};

/** Commit the intent: serial and dates are reserved before the CA is asked, and asked for again after a crash. */
int order_open(struct order *order, struct certctl_error *err) CERTCTL_CHECKED;

/**
 * A connector makes its state durable before it goes on: under our token, or not at all.  For struct certctl_call.
 * @param order  a struct order
 * @return 0; CONFLICT (job_is_fenced): somebody else has the job by now, and nothing was written
 */
int order_checkpoint(void *order, const char *state, struct certctl_error *err) CERTCTL_CHECKED;

/** One transaction: version, placement, deployment jobs, audit event, end of the job. */
int order_complete(struct order *order, const struct certctl_issued *issued, bool takes_serial,
	struct certctl_error *err) CERTCTL_CHECKED;
/** The CA has it and wants to be asked again. */
int order_wait(struct order *order, const struct certctl_issued *issued, struct certctl_error *err) CERTCTL_CHECKED;
/** It failed: again later, or never.  @param is_known  false: the CA may have issued all the same, the intent stays open */
int order_fail(struct order *order, const struct certctl_error *why, bool is_known,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
