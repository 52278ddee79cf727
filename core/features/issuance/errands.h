/* Inside issuance: what CAs are asked beside the jobs, by a thread of its own: a slow one delays neither a job nor a timer. */
#ifndef CORE_ISSUANCE_ERRANDS_H
#define CORE_ISSUANCE_ERRANDS_H

#include "core/features/feature.h"

/** One round of questions. */
struct errand {
	struct core *core;
	TALLOC_CTX *mem; /* of this round */
	bool (*must_stop)(void
			*arg); /* NULL: never; what is asked is cancelled then, and asked again by another round */
	void *arg;
	const char *after; /* the last placement that was looked at; "" begins anew.  Owned by `keeper` */
	TALLOC_CTX *keeper;
};

/** Ask some CAs when they want some certificates renewed, and plan those anew. */
int errand_windows(struct errand *errand, struct certctl_error *err) CERTCTL_CHECKED;
/** Tell some CAs of orders that are given up. */
int errand_abandon(struct errand *errand, struct certctl_error *err) CERTCTL_CHECKED;

/** An array of ids: the issuers that are open here and have this capability, or have it not. */
const char *errand_issuers(const struct errand *errand, uint32_t capability, bool has);

/** The thread asks nobody before errands_woken(). */
int errands_start(struct core *core, TALLOC_CTX *mem, struct certctl_error *err) CERTCTL_CHECKED;
void errands_woken(struct core *core);
void errands_stop(struct core *core);

#endif
