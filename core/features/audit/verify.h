/**
 * Verification: give it the trail in its order, epoch, batch, that batch's events, its checkpoints, the next batch; the first
 * thing that is not as it was sealed is INVALID, named by batch and event.  Pure: no database, no file.
 */
#ifndef CORE_AUDIT_VERIFY_H
#define CORE_AUDIT_VERIFY_H

#include "signing.h"
#include "trail.h"

struct audit_verifier;

int audit_verifier_new(TALLOC_CTX *mem, const struct audit_keys *keys, struct audit_verifier **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

int audit_verify_epoch(struct audit_verifier *verifier, const struct audit_epoch *epoch,
	struct certctl_error *err) CERTCTL_CHECKED;
int audit_verify_batch(struct audit_verifier *verifier, const struct audit_batch *batch,
	struct certctl_error *err) CERTCTL_CHECKED;
int audit_verify_event(struct audit_verifier *verifier, const char *const values[AUDIT_COLUMNS],
	struct certctl_error *err) CERTCTL_CHECKED;
int audit_verify_checkpoint(struct audit_verifier *verifier, const struct audit_checkpoint *checkpoint,
	struct certctl_error *err) CERTCTL_CHECKED;

/**
 * Before the first epoch: what comes is a selection.  Events may be missing, and batches without any come without leaves.
 * Those that are there are as they were sealed, or it is INVALID.
 */
int audit_verify_selection(struct audit_verifier *verifier, struct certctl_error *err) CERTCTL_CHECKED;
/** Between the first epoch and the first batch: months that were taken out.  As many events must be missing, and no more. */
int audit_verify_archive(struct audit_verifier *verifier, const struct audit_archive *archive,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Number of the last batch that was given; 0: none. */
int64_t audit_verify_at(const struct audit_verifier *verifier);

struct audit_report {
	int64_t batches, events; /* sealed */
	int64_t shown, archived; /* events that were there to be looked at, and that are in archives */
	bool is_selection;
	int64_t checkpoints, signed_events;
	char signed_at[32], head[2 * AUDIT_HASH + 1];
	char last_txid[32]; /* of the last batch; "0" without one */
	int64_t last_seq, epoch_first_seq;
};
/** Nothing more comes. */
int audit_verify_end(struct audit_verifier *verifier, struct audit_report *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** One line of an export with proof (`export?format=jsonl&proof=true`): the above, from JSON. */
int audit_verify_line(struct audit_verifier *verifier, const char *line, size_t len,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
