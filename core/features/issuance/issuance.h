/** From "this certificate is wanted" to a stored version: jobs of types Issuance and Renewal. */
#ifndef CORE_ISSUANCE_H
#define CORE_ISSUANCE_H

#include "core/features/feature.h"

/**
 * Inside a transaction: one job for each placement of the certificate that has none, and no more waiting for those that have one.  It
 * begins with its agent, who makes a new key: an Issuance where nothing was issued yet, otherwise a Renewal; or with an approval,
 * when its profile says so.
 * @return 0; DENIED: its profile does not allow it, or its policy not on one of its agents (a 422: well-formed, and refused)
 */
int issuance_request(struct db *db, const char *certificate_id, const char *created_by,
	struct certctl_error *err) CERTCTL_CHECKED;
/** The same for one of its placements. */
int issuance_request_placed(struct db *db, const char *certificate_id, const char *placement_id, const char *created_by,
	struct certctl_error *err) CERTCTL_CHECKED;

/** What an agent hands in. */
struct issuance_csr {
	const char *agent_id, *job_id, *pem;
	int64_t token;
};
/**
 * Check the request against its order and pass the job on to its issuer.  The same request again is answered as the first time.
 * @param ret_state  the job's state now, on `mem`
 * @return 0; NOT_FOUND (not this agent's job); CONFLICT (another request, another state, "fenced"); INVALID (no request at all);
 *         DENIED (not what was ordered: the job has failed)
 */
int issuance_accept_csr(struct core *core, TALLOC_CTX *mem, const struct issuance_csr *csr, const char **ret_state,
	struct certctl_error *err) CERTCTL_CHECKED;

extern const struct feature issuance_feature;

#endif
