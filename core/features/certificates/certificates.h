/** The inventory: what operators want, and what was issued for it. */
#ifndef CORE_CERTIFICATES_H
#define CORE_CERTIFICATES_H

#include "core/features/feature.h"

/* Of a request that names certificates one by one: a document has no more nodes.  By filter there may be any number. */
#define CERTIFICATE_IDS_MAX      9000
#define CERTIFICATE_IDS_BODY_MAX (1024 * 1024)

/**
 * Inside a transaction: it is there and stays so until the end.
 * @param scope  what the caller is limited to; NULL: not limited
 * NOT_FOUND, also outside of the scope; CONFLICT: archived.
 */
int certificate_hold(struct db *db, const char *id, const char *scope, struct certctl_error *err) CERTCTL_CHECKED;

extern const struct feature certificates_feature;

#endif
