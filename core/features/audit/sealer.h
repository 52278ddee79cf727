/** The thread that seals and signs, on the one server that holds the lock. */
#ifndef CORE_AUDIT_SEALER_H
#define CORE_AUDIT_SEALER_H

#include "core/platform/db/db.h"

struct audit_sealer;
/** `state_dir` is borrowed.  talloc_free seals and signs what is there, and stops. */
int audit_sealer_start(TALLOC_CTX *mem, struct db_pool *db, const char *state_dir, struct audit_sealer **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** The latest signed head that is in the database, as JSON, on `mem`; NULL: none yet.  From memory. */
const char *audit_sealer_checkpoint(struct audit_sealer *sealer, TALLOC_CTX *mem);

#endif
