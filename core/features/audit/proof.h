/** The trail with its seals as lines of JSON, in the order in which a verifier wants them: what an export with proof is. */
#ifndef CORE_AUDIT_PROOF_H
#define CORE_AUDIT_PROOF_H

#include "core/platform/db/db.h"

#include <certctl/buffer.h>

/**
 * Append the next piece: one batch with its events and its checkpoint, and the epochs that follow it.
 * @param batch  number of the batch to begin at, 1 at first; moved on
 */
int audit_proof_piece(struct db_pool *db, int64_t *batch, struct certctl_buffer *out, bool *ret_done,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
