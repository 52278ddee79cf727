/** Taking months out of the trail: exported, verified, recorded, and only then dropped. */
#ifndef CORE_AUDIT_ARCHIVE_H
#define CORE_AUDIT_ARCHIVE_H

#include "core/platform/db/db.h"
#include "signing.h"

struct audit_archiving {
	struct db_pool *db; /* as the owner of the schema */
	const struct audit_signer *signer;
	const struct audit_keys *keys;
	const char *checkpoints; /* path of the file of checkpoints */
	const char *before;      /* "2025-11-01": months that end by then */
	const char *file;        /* must not be there yet, unless it is what an earlier call made */
};

struct audit_archived {
	int64_t months, events; /* months 0: it was done before */
	char file_sha256[65];
};

/**
 * INVALID: the trail, or the file that was written, is not as it was sealed.  DENIED: younger than twelve months, or not
 * sealed and signed.  NOT_FOUND: no month ends by then.  CONFLICT: something else has the file's name.  With any error nothing is
 * dropped, but when the connection broke in the last moment; a kill at any time loses nothing.  The same call again says how it
 * is: it is done, or was.
 */
int audit_archive(TALLOC_CTX *mem, const struct audit_archiving *how, struct audit_archived *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
