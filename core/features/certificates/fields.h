/* Inside certificates: what a certificate, a version and a placement are called and may hold. */
#ifndef CORE_CERTIFICATES_FIELDS_H
#define CORE_CERTIFICATES_FIELDS_H

#include "core/platform/resource/declare.h"

struct certificate {
	const char *id, *name, *common_name, *issuer_id, *environment, *owner_id, *team_id, *profile_id, *policy_id;
	struct certctl_list sans, tags, target_ids, agent_ids; /* of const char * */
	int key_type;                                          /* enum certctl_key_type */
	int64_t lifetime_seconds;
	bool must_staple;
	const char *binding_options; /* JSON */
	const char *names;           /* JSON, canonical: made of common_name and sans */
};
extern const struct certctl_field certificate_fields[];
extern const struct certctl_field version_fields[];
extern const struct certctl_field placement_fields[];

/** The resource, in resource.c; its hooks, in change.c. */
extern const struct resource certificates_resource;
resource_hook_fn certificate_check, certificate_written, certificate_archive;
void certificate_done(struct resource_change *change);

/** Handlers of what hangs on a certificate, in parts.c; of its export, in export.c; of many at once, in reassign.c. */
http_handler_fn certificate_list_versions, certificate_list_placements;
http_handler_fn certificate_export_pem, certificate_export_pkcs12;
http_handler_fn certificate_reassign;
extern const struct http_body certificate_pkcs12_request, certificate_pkcs12_body;
extern const struct http_body certificate_reassign_request, certificate_reassign_body;
extern const struct certctl_field certificate_export_parameters[];

#endif
