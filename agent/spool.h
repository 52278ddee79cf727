/** Reports that wait for the control plane: durable, in order, each sent until it is taken. */
#ifndef CERTCTL_SPOOL_H
#define CERTCTL_SPOOL_H

#include <certctl/json.h>

/** Any thread; while one sends, others wait. */
struct certctl_spool;
int certctl_spool_open(TALLOC_CTX *mem, const char *dir, struct certctl_spool **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Durable when the call returns.  A report of the same job is replaced.  `body` is borrowed. */
int certctl_spool_add(struct certctl_spool *spool, const char *job_id, const json_t *body,
	struct certctl_error *err) CERTCTL_CHECKED;

/** What happened to a report that was sent. */
enum certctl_spool_verdict {
	CERTCTL_SPOOL_TAKEN = 1, /* it is there, or will never be wanted: forget it */
	CERTCTL_SPOOL_LATER,     /* keep it, and stop sending for now */
};
/** Send all, oldest first; `send` fills err when it says LATER.  Damaged files are put aside. */
int certctl_spool_flush(struct certctl_spool *spool,
	enum certctl_spool_verdict (*send)(void *arg, const char *job_id, json_t *body, struct certctl_error *err),
	void *arg, struct certctl_error *err) CERTCTL_CHECKED;

/** How many reports wait. */
int certctl_spool_count(struct certctl_spool *spool, size_t *ret, struct certctl_error *err) CERTCTL_CHECKED;

#endif
