/** Targets, and bringing versions to them: jobs of type Deployment, which agents run. */
#ifndef CORE_DEPLOYMENT_H
#define CORE_DEPLOYMENT_H

#include "core/features/feature.h"

/** Inside a transaction: a job for every target of the placement whose version is not the desired one. */
int deployment_request(struct db *db, const char *certificate_id, const char *placement_id, const char *created_by,
	struct certctl_error *err) CERTCTL_CHECKED;

/**
 * Inside a transaction: once more to this target, whatever stands there; to its others nothing.  NULL: the placement that no target
 * serves.  Nothing happens where nothing is left to do: archived, the agent retired, no version that lasts.
 */
int deployment_repeat(struct db *db, TALLOC_CTX *mem, const char *certificate_id, const char *placement_id,
	const char *target_id, const char *created_by, struct certctl_error *err) CERTCTL_CHECKED;

/**
 * Inside a transaction: a job of type Validation, or the one that is live already.
 * @param ret_job_id  on `mem`
 * @return 0; NOT_FOUND; CONFLICT: its agent is retired
 */
int deployment_test(struct db *db, TALLOC_CTX *mem, const char *target_id, const char *created_by,
	const char **ret_job_id, struct certctl_error *err) CERTCTL_CHECKED;

/**
 * Inside a transaction that wrote bindings of a certificate: their options fit the plugins that agents have told of; what an agent has
 * not told of is its own to judge.
 * @return 0; INVALID: they do not, and the reply names each member
 */
int deployment_check_bindings(struct resource_change *change, const char *certificate_id,
	struct certctl_error *err) CERTCTL_CHECKED;

/**
 * Inside a transaction: an agent has told of other plugins than before.  What is written for its targets and bindings is looked at
 * anew: what does not fit any more says so, and what turns out to be a secret is sealed.
 */
int deployment_refit(struct core *core, struct db *db, TALLOC_CTX *mem, const char *agent_id,
	struct certctl_error *err) CERTCTL_CHECKED;

/**
 * A document for an agent, with the secrets of its target put in: {"target": {"options"}} of column `column`, beside the columns
 * target_id, sealed, key_id.
 * @param ret  on `mem`, or the row's own text where nothing is sealed
 * @return 0; DENIED, INVALID: a secret cannot be opened, or read in connectors.secrets_dir
 */
int deployment_reveal(struct core *core, TALLOC_CTX *mem, const struct db_result *rows, size_t row, const char *column,
	const char **ret, struct certctl_error *err) CERTCTL_CHECKED;

/** What an agent says about a job it held. */
struct deployment_report {
	const char *agent_id, *job_id, *state; /* "Completed" or "Failed" */
	int64_t token;
	const char *json; /* the report as it was sent, an object */
};
/**
 * Completed only when the served fingerprint is the version's, or nothing could be probed; a failure is tried again while attempts are
 * left.  The same report for a job that ended that way is answered as the first time.
 * @param ret_state  the job's state now, on `mem`
 * @return 0; NOT_FOUND; CONFLICT ("fenced", or it ended otherwise); INVALID
 */
int deployment_report(struct core *core, TALLOC_CTX *mem, const struct deployment_report *report,
	const char **ret_state, struct certctl_error *err) CERTCTL_CHECKED;

/** What a server was seen to serve, without a deployment. */
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

extern const struct feature deployment_feature;

#endif
