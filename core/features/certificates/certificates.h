/** The inventory: what operators want, and what was issued for it. */
#ifndef CORE_CERTIFICATES_H
#define CORE_CERTIFICATES_H

#include "core/features/feature.h"

/** Inside a transaction: it is there and stays so until the end.  NOT_FOUND; CONFLICT: archived. */
int certificate_hold(struct db *db, const char *id, struct certctl_error *err) CERTCTL_CHECKED;

extern const struct feature certificates_feature;

#endif
