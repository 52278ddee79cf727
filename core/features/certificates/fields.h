/* Inside certificates: what a certificate and a version are called and may hold. */
#ifndef CORE_CERTIFICATES_FIELDS_H
#define CORE_CERTIFICATES_FIELDS_H

#include "core/platform/resource/resource.h"

struct certificate {
	const char *id, *name, *common_name, *issuer_id, *environment;
	struct certctl_list sans, tags, target_ids, agent_ids; /* of const char * */
	int key_type;                                          /* enum certctl_key_type */
	int64_t lifetime_seconds;
	bool must_staple;
	const char *binding_options; /* JSON */
	/* shown */
	const char *subject, *issuer_dn, *serial_number, *fingerprint_sha256, *status, *status_reason, *version_id;
	struct certctl_time not_before, not_after, next_action_at, issued_at, renewed_at, deployed_at, created_at,
		updated_at;
};
extern const struct certctl_field certificate_fields[];
extern const struct certctl_field version_fields[];

#endif
