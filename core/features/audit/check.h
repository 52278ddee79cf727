/** The whole trail verified: in the database with its file of checkpoints, or from an export. */
#ifndef CORE_AUDIT_CHECK_H
#define CORE_AUDIT_CHECK_H

#include "core/platform/db/db.h"
#include "verify.h"

/**
 * Read everything there is, in bounded memory.  INVALID: it is not as it was sealed, and the text says where.
 * @param checkpoints  path of the file of checkpoints; NULL or not there: only the database is looked at
 */
int audit_check_database(struct db_pool *db, const struct audit_keys *keys, const char *checkpoints,
	struct audit_report *ret, struct certctl_error *err) CERTCTL_CHECKED;
/** The same from a file that was exported with proof. */
int audit_check_file(const char *path, const struct audit_keys *keys, struct audit_report *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
