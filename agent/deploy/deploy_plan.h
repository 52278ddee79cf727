/**
 * The transaction for plans that are finished: what certctl_deploy() comes down to once each plugin has stated its plan.
 * For the rest of this room, and for tests that need no plugin process.
 */
#ifndef CERTCTL_DEPLOY_PLAN_H
#define CERTCTL_DEPLOY_PLAN_H

#include <agent/deploy/deploy.h>

struct certctl_deploy_task;

/** Steps that a plugin does itself instead of argv and TLS probe; a NULL member leaves the step to the plan. */
struct certctl_deploy_operations {
	int (*validate)(const struct certctl_deploy_task *task, struct certctl_error *err);
	/** All tasks of one target at once, NULL-terminated. */
	int (*activate)(const struct certctl_deploy_task *const *tasks, struct certctl_error *err);
	int (*served)(const struct certctl_deploy_task *task, TALLOC_CTX *mem, const char **ret_fingerprint,
		struct certctl_error *err);
};

/** One certificate for one target, planned. */
struct certctl_deploy_task {
	const char *id, *binding; /* as in struct certctl_deployment */
	const struct certctl_bundle *bundle;
	const struct certctl_key *key;
	int64_t sequence;
	bool is_rollback;
	const struct certctl_plan *plan;
	const struct certctl_error *refused; /* why there is no plan: the task is reported as REFUSED; NULL otherwise */
	const struct certctl_deploy_operations *operations; /* NULL: all steps are the plan's */
	void *target; /* of the operations: tasks with equal targets are activated together */
	const json_t *item;
};

/** Ask the plugin of one deployment for its plan; a refusal of the plugin is in the task.  On `mem`. */
int deploy_plan_one(TALLOC_CTX *mem, const struct certctl_deployment *deployment, struct certctl_deploy_task **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** As certctl_deploy(). */
int certctl_deploy_tasks(struct certctl_deployer *deployer, TALLOC_CTX *mem,
	const struct certctl_deploy_task *const *tasks, struct certctl_deploy_report **ret_reports,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
