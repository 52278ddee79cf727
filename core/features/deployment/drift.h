/** What servers were seen to serve, without a deployment. */
#ifndef CORE_DEPLOYMENT_DRIFT_H
#define CORE_DEPLOYMENT_DRIFT_H

#include "deployment.h"

struct drift_observation {
	const char *binding_id;
	const char *served_fingerprint; /* SHA-256 of the leaf, lower case; NULL: nothing answered */
};
/**
 * Written down for the agent's own bindings, all or none.  A target that serves another certificate than the one that was
 * deployed last gets it again, at most once an hour: whoever changes it by hand again and again is not argued with.
 * @return 0; INVALID: a fingerprint that is none; NOT_FOUND: a binding that is not this agent's
 */
int drift_take(struct core *core, TALLOC_CTX *mem, const char *agent_id, const struct drift_observation *observations,
	size_t count, struct certctl_error *err) CERTCTL_CHECKED;

#endif
