/** Agents: how they enrol, who they are, what they have to do. */
#ifndef CORE_FLEET_H
#define CORE_FLEET_H

#include "core/features/feature.h"

/** Of the agents' listener: the client certificate is one that we gave to this agent, and the {id} in the path is its own (else 404). */
int fleet_authenticate(struct http_request *request, struct http_reply *reply,
	struct certctl_error *err) CERTCTL_CHECKED;

/**
 * Open the fleet's own CA: a local-ca instance in `<state_dir>/fleet-ca`, in its own process like every other.
 * @param ret_ca_pem  its certificates, on `mem`: what agents' certificates are verified against
 */
int fleet_ca_open(struct core *core, TALLOC_CTX *mem, const char **ret_ca_pem,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Key and certificate of the listeners, in `<state_dir>`, signed by the fleet's CA; a new one when it nears its end. */
struct fleet_server_identity {
	const char *key_pem, *certificate_pem; /* the key is wiped with `mem` */
};
int fleet_server_identity(struct core *core, TALLOC_CTX *mem, const char *ca_pem, struct fleet_server_identity *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

extern const struct feature fleet_feature;

#endif
