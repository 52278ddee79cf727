/* Inside certificates. */
#ifndef CORE_CERTIFICATES_CREATE_H
#define CORE_CERTIFICATES_CREATE_H

#include "core/features/audit/audit.h"
#include "core/features/feature.h"
#include "fields.h"

/** All of it or nothing: the certificate, its placements and bindings, its first issuance, their events. */
int certificate_create(struct core *core, TALLOC_CTX *mem, struct certificate *wanted, const struct audit_actor *actor,
	const char **ret_id, struct certctl_error *err) CERTCTL_CHECKED;

#endif
