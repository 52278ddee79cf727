/**
 * Sealing, one step at a time: who calls it holds the advisory lock, or knows that nobody seals.  Rows that are sealed are
 * below the oldest transaction that runs, so nothing can appear before them any more.
 */
#ifndef CORE_AUDIT_SEAL_H
#define CORE_AUDIT_SEAL_H

#include "core/platform/db/db.h"
#include "signing.h"
#include "trail.h"

#define AUDIT_WITNESS_FILE    "audit-witness.jsonl"     /* in the folder of an agent: what it was told */
#define AUDIT_CHECKPOINT_FILE "audit-checkpoints.jsonl" /* in the state directory; only ever appended to */

/** Where the trail ends. */
struct audit_position {
	int64_t batch, size, epoch;
	unsigned char head[AUDIT_HASH];
	char last_txid[32];
	int64_t last_seq;
	int64_t first_seq, end_seq; /* events of the epoch */
	bool is_last_epoch;
	char origin[65];
};

/** Take the advisory lock of the sealer, for as long as the connection lives. */
int audit_seal_lock(struct db *db, bool *ret_is_ours, struct certctl_error *err) CERTCTL_CHECKED;
/** Read the position from the database. */
int audit_position_load(struct db *db, struct audit_position *ret, struct certctl_error *err) CERTCTL_CHECKED;

/**
 * Seal one batch, at most AUDIT_BATCH_MAX events.
 * @param ret_sealed  how many; 0: there are none yet
 * @return 0; DENIED: the database was restored, somebody must link it (audit_link); CONFLICT: another one seals too
 */
int audit_seal_step(struct db *db, const struct audit_signer *signer, struct audit_position *position,
	int64_t *ret_sealed, struct certctl_error *err) CERTCTL_CHECKED;

/** Sign the record that ties the next epoch to this head, and go there.  CONFLICT: there is none that waits for it. */
int audit_link(struct db *db, const struct audit_signer *signer, struct audit_position *position, const char *reason,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Sign the head, unless it is signed: into the table and the file. */
int audit_checkpoint(struct db *db, const struct audit_signer *signer, const char *state_dir,
	const struct audit_position *position, struct certctl_error *err) CERTCTL_CHECKED;

/** The record of an epoch from a row with its columns; false: a hash in it is none.  Texts are borrowed. */
bool audit_epoch_of(const struct db_result *rows, size_t row, struct audit_epoch *ret);

#endif
