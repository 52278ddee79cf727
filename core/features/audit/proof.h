/** The trail with its seals as lines of JSON, in the order in which a verifier wants them: what an export with proof is. */
#ifndef CORE_AUDIT_PROOF_H
#define CORE_AUDIT_PROOF_H

#include "core/platform/db/db.h"

#include <certctl/buffer.h>

#define AUDIT_FILTERS 7 /* as in the queries: types, actions, actor, resource_type, resource_id, from, until */

/** Which part of the trail, and how far it is. */
struct audit_proof {
	int64_t batch; /* the next one, 1 at first */

	/* A selection: the events that fit; of the others only what ties the batches together. */
	bool is_selection;
	const char *about; /* JSON: what it was selected by, for people */
	struct db_value filters[AUDIT_FILTERS];
	const char *from_id, *until_id; /* NULL: any */
};

/** Append the next piece: one batch with its events and its checkpoint, and the epochs that follow it. */
int audit_proof_piece(struct db_pool *db, struct audit_proof *proof, struct certctl_buffer *out, bool *ret_done,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
