/*
 * Runs deployments that the socket asks for: key, bundle and connector for each, then one transaction for all, then the keys
 * come into use.  The transaction itself is agent/deploy's.
 */
#include "prepared.h"
#include "worker.h"

#include <certctl/log.h>
#include <stdio.h>
#include <string.h>

#define DEPLOYMENTS_MAX 500

/* --- Making all ready ------------------------------------------------------------------------------------------------ */

/* Two versions for one place in one transaction would be a coin toss. */
static int check_alone(const struct certctl_prepared *items, size_t index, struct certctl_error *err)
{
	const char *binding = items[index].request.binding_id;

	for (size_t i = 0; binding && i < index; i++)
		if (!items[i].is_over && strcmp(items[i].request.binding_id, binding) == 0)
			return certctl_fail(err, CERTCTL_E_CONFLICT, "binding %s: job %s of this request has it too",
				binding, items[i].job_id);
	return 0;
}

static int prepare_all(struct certctl_worker *worker, TALLOC_CTX *mem, const json_t *list,
	struct certctl_prepared *items, struct certctl_error *err)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		int rc = certctl_request_job_id(one, &items[i].job_id, err);

		if (rc < 0)
			return certctl_error_prefix(err, "deployments[%zu]", i);
		struct certctl_error why = { 0 };

		if (certctl_prepare(worker, mem, one, items, i, &why) == 0 && check_alone(items, i, &why) == 0)
			continue;
		items[i].report = (struct certctl_deploy_report){ .outcome = CERTCTL_DEPLOY_REFUSED, .error = why };
		items[i].is_over = true;
	}
	return 0;
}

/* --- Running them ------------------------------------------------------------------------------------------------ */

static int run_ready(struct certctl_worker *worker, TALLOC_CTX *mem, struct certctl_prepared *items, size_t count,
	struct certctl_error *err)
{
	const struct certctl_deployment **ready =
		talloc_zero_array(mem, const struct certctl_deployment *, (unsigned)count + 1);
	struct certctl_deploy_report *reports = NULL;
	struct certctl_error first = { 0 };
	size_t ready_count = 0;

	if (!ready)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "deployments");
	for (size_t i = 0; i < count; i++)
		if (!items[i].is_over)
			ready[ready_count++] = &items[i].deployment;
	if (ready_count == 0)
		return 0;
	pthread_mutex_lock(&worker->deploying);
	int rc = certctl_deploy(worker->deployer, mem, ready, &reports, &first);

	pthread_mutex_unlock(&worker->deploying);
	if (!reports) {
		if (err)
			*err = first;
		return rc;
	}
	for (size_t i = 0, next = 0; i < count; i++)
		if (!items[i].is_over)
			items[i].report = reports[next++];
	return 0;
}

/* A failure here leaves its deployment done, and the others alone: whoever asks again finds it unchanged, and this is tried again. */
static void use_keys(struct certctl_worker *worker, struct certctl_prepared *items, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct certctl_deploy_report *report = &items[i].report;
		struct certctl_error why = { 0 };

		if (report->outcome != CERTCTL_DEPLOY_COMPLETED && report->outcome != CERTCTL_DEPLOY_UNCHANGED)
			continue;
		if (certctl_keystore_activate(worker->keystore, items[i].request.certificate_id,
			    items[i].request.public_key_sha256, &why) == 0)
			continue;
		certctl_error_prefix(&why, "deployed, but its key did not come into use");
		report->outcome = CERTCTL_DEPLOY_BROKEN;
		report->error = why;
	}
}

static void log_report(const struct certctl_prepared *item)
{
	const struct certctl_deploy_report *report = &item->report;
	const char *outcome = certctl_worker_outcome_name(report->outcome);
	const char *certificate = item->request.certificate_id, *target = item->request.target.id;

	if (report->outcome == CERTCTL_DEPLOY_COMPLETED || report->outcome == CERTCTL_DEPLOY_UNCHANGED)
		certctl_log(CERTCTL_LOG_INFO, "deployment.done", "job", item->job_id, "certificate", certificate,
			"target", target, "outcome", outcome, "verified", report->verified ? "true" : "false",
			"fingerprint", report->served_fingerprint, NULL);
	else
		certctl_log_error(CERTCTL_LOG_WARNING, "deployment.failed", &report->error, "job", item->job_id,
			"certificate", certificate, "target", target, "outcome", outcome, NULL);
}

static json_t *reports_json(const struct certctl_prepared *items, size_t count)
{
	json_t *reports = json_array();

	for (size_t i = 0; i < count; i++) {
		log_report(&items[i]);
		json_array_append_new(reports, certctl_worker_report_json(items[i].job_id, &items[i].report));
	}
	return json_pack("{s:o}", "reports", reports);
}

int certctl_worker_deploy(struct certctl_worker *worker, TALLOC_CTX *mem, const json_t *argument, json_t **ret,
	struct certctl_error *err)
{
	const json_t *list = json_object_get(argument, "deployments");
	size_t count = json_array_size(list);

	if (count == 0 || count > DEPLOYMENTS_MAX || json_object_size(argument) != 1)
		return certctl_fail(err, CERTCTL_E_INVALID, "deployments: a list of 1..%d expected", DEPLOYMENTS_MAX);
	struct certctl_prepared *items = talloc_zero_array(mem, struct certctl_prepared, (unsigned)count);

	if (!items)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "deployments");
	int rc = prepare_all(worker, mem, list, items, err);

	if (rc == 0)
		rc = run_ready(worker, mem, items, count, err);
	if (rc < 0)
		return rc;
	use_keys(worker, items, count);
	*ret = reports_json(items, count);
	return *ret ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "reports");
}
