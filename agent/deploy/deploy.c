/* From a deployment to a task: ask its plugin for the plan, and offer the plugin's own steps where it has them. */
#include "deploy_plan.h"

#include <sdk/host/connector.h>

#define STEP_S 60 /* where the plan says nothing */

static struct certctl_call call_of(int32_t timeout_s)
{
	return (struct certctl_call){ .timeout_ms = (timeout_s > 0 ? timeout_s : STEP_S) * INT64_C(1000) };
}

static int validate_by_plugin(const struct certctl_deploy_task *task, struct certctl_error *err)
{
	const struct certctl_call call = call_of(task->plan->validate_timeout_s);

	return certctl_target_validate(task->target, task->bundle, task->plan, &call, err);
}

static int activate_by_plugin(const struct certctl_deploy_task *const *tasks, struct certctl_error *err)
{
	size_t count = 0;

	while (tasks[count])
		count++;

	const struct certctl_bundle **bundles =
		talloc_zero_array(NULL, const struct certctl_bundle *, (unsigned)count + 1);
	const struct certctl_plan **plans =
		talloc_zero_array(bundles, const struct certctl_plan *, (unsigned)count + 1);

	if (!bundles || !plans) {
		talloc_free(bundles);
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	}
	for (size_t i = 0; i < count; i++) {
		bundles[i] = tasks[i]->bundle;
		plans[i] = tasks[i]->plan;
	}
	const struct certctl_call call = call_of(tasks[0]->plan->activate_timeout_s);
	int rc = certctl_target_activate(tasks[0]->target, bundles, plans, &call, err);

	talloc_free(bundles);
	return rc;
}

static int served_by_plugin(const struct certctl_deploy_task *task, TALLOC_CTX *mem, const char **ret_fingerprint,
	struct certctl_error *err)
{
	return certctl_target_served(task->target, task->bundle, task->item, NULL, mem, ret_fingerprint, err);
}

int deploy_plan_one(TALLOC_CTX *mem, const struct certctl_deployment *deployment, struct certctl_deploy_task **ret,
	struct certctl_error *err)
{
	struct certctl_deploy_task *task = talloc_zero(mem, struct certctl_deploy_task);
	struct certctl_plan *plan = talloc_zero(mem, struct certctl_plan);
	struct certctl_error *refused = talloc_zero(mem, struct certctl_error);
	struct certctl_deploy_operations *operations = talloc_zero(mem, struct certctl_deploy_operations);

	if (!task || !plan || !refused || !operations)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	*task = (struct certctl_deploy_task){ .id = deployment->id,
		.binding = deployment->binding,
		.bundle = deployment->bundle,
		.key = deployment->key,
		.sequence = deployment->sequence,
		.is_rollback = deployment->is_rollback,
		.operations = operations,
		.target = deployment->target,
		.item = deployment->item };
	uint32_t caps = certctl_connector_description(deployment->target)->caps;

	operations->validate = caps & CERTCTL_TARGET_CAN_VALIDATE ? validate_by_plugin : NULL;
	operations->activate = caps & CERTCTL_TARGET_CAN_ACTIVATE ? activate_by_plugin : NULL;
	operations->served = caps & CERTCTL_TARGET_CAN_SERVED ? served_by_plugin : NULL;
	if (certctl_target_plan(deployment->target, deployment->bundle, deployment->item, NULL, mem, plan, refused) ==
		0)
		task->plan = plan;
	task->refused = refused;
	*ret = task;
	return 0;
}

int certctl_deploy(struct certctl_deployer *deployer, TALLOC_CTX *mem,
	const struct certctl_deployment *const *deployments, struct certctl_deploy_report **ret_reports,
	struct certctl_error *err)
{
	TALLOC_CTX *work = talloc_new(NULL);
	size_t count = 0;
	int rc = 0;

	while (deployments[count])
		count++;

	struct certctl_deploy_task **tasks = talloc_zero_array(work, struct certctl_deploy_task *, (unsigned)count + 1);

	if (!tasks)
		rc = certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = deploy_plan_one(work, deployments[i], &tasks[i], err);
	if (rc == 0)
		rc = certctl_deploy_tasks(deployer, mem, (const struct certctl_deploy_task *const *)tasks, ret_reports,
			err);
	talloc_free(work);
	return rc;
}
