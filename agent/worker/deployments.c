/*
 * Runs deployments that the socket asks for: key, bundle and connector for each, then one transaction for all, then the keys
 * come into use.  The transaction itself is agent/deploy's.
 */
#include "requests.h"
#include "worker.h"

#include <certctl/log.h>
#include <stdio.h>
#include <string.h>

#define DEPLOYMENTS_MAX 500
#define CHAIN_MAX       10

/* One deployment on its way. `report` is final when `is_over`. */
struct item {
	const char *job_id;
	struct certctl_request_deployment request;
	struct certctl_key *key;
	struct certctl_bundle bundle;
	struct certctl_deployment deployment;
	struct certctl_deploy_report report;
	bool is_over;
};

/* --- Making one ready -------------------------------------------------------------------------------------------- */

static int check_leaf(TALLOC_CTX *mem, const struct certctl_request_deployment *request,
	struct certctl_certificate **ret, struct certctl_error *err)
{
	struct certctl_certificate *leaf;
	int rc = certctl_certificate_read(mem, request->leaf_pem, strlen(request->leaf_pem), &leaf, err);

	if (rc < 0)
		return certctl_error_prefix(err, "version.leaf");
	if (strcmp(leaf->fingerprint_sha256, request->fingerprint_sha256) != 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "version.fingerprint_sha256: the leaf has another");
	if (strcmp(leaf->public_key_sha256, request->public_key_sha256) != 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "version.public_key_sha256: the leaf has another");
	*ret = leaf;
	return 0;
}

static int open_target(struct certctl_worker *worker, TALLOC_CTX *mem, const struct certctl_request_deployment *request,
	struct certctl_connector **ret, struct certctl_error *err)
{
	const struct certctl_description *description;
	CERTCTL_AUTO(json_decref) json_t *config = NULL;
	int rc = certctl_plugin_describe(worker->pool, CERTCTL_TARGET, request->plugin, &description, err);

	if (rc < 0)
		return rc;
	config = request->target_options ? json_incref((json_t *)request->target_options) : json_object();
	return certctl_connector_new(mem, worker->pool,
		&(struct certctl_connector_options){
			.name = talloc_asprintf(mem, "targets/%s", request->target_id),
			.description = description,
			.config = config,
			.commands = worker->commands,
		},
		ret, err);
}

/* A certificate that no server uses: its key comes into use when the certificate is there and right. */
static int accept_without_target(TALLOC_CTX *mem, struct item *item, const struct certctl_certificate *leaf,
	struct certctl_error *err)
{
	static const struct certctl_deploy_step check = { .name = "check", .ok = true, .detail = "no target" };
	static const struct certctl_deploy_step *const steps[] = { &check, NULL };
	const char *chain_pem = item->request.chain_pem;
	struct certctl_certificate **chain = NULL;
	size_t count = 0;
	int rc = 0;

	if (chain_pem[0])
		rc = certctl_certificates_read(mem, chain_pem, strlen(chain_pem), CHAIN_MAX, &chain, &count, err);
	if (rc == 0)
		rc = certctl_bundle_check(item->key, leaf, chain, count, item->request.names,
			certctl_clock_now_s(certctl_clock_system()), err);
	if (rc == 0)
		item->report = (struct certctl_deploy_report){ .outcome = CERTCTL_DEPLOY_COMPLETED, .steps = steps };
	item->is_over = true;
	return rc;
}

static void fill_deployment(struct item *item, struct certctl_connector *target)
{
	const struct certctl_request_deployment *request = &item->request;

	item->bundle = (struct certctl_bundle){
		.certificate_id = request->certificate_id,
		.version_id = request->version_id,
		.names = request->names,
		.fingerprint_sha256 = request->fingerprint_sha256,
		.leaf_pem = request->leaf_pem,
		.chain_pem = request->chain_pem,
		.key_type = request->key_type,
		.not_after_unix_s = request->not_after_unix_s,
	};
	item->deployment = (struct certctl_deployment){
		.id = request->job_id,
		.binding = request->binding_id,
		.target = target,
		.item = request->binding_options,
		.bundle = &item->bundle,
		.key = item->key,
		.sequence = request->sequence,
		.is_rollback = request->is_rollback,
	};
}

static int prepare(struct certctl_worker *worker, TALLOC_CTX *mem, const json_t *one, struct item *item,
	struct certctl_error *err)
{
	struct certctl_certificate *leaf = NULL;
	struct certctl_connector *target = NULL;
	int rc = certctl_request_deployment(mem, one, &item->request, err);

	if (rc == 0)
		rc = check_leaf(mem, &item->request, &leaf, err);
	if (rc == 0)
		rc = certctl_keystore_find(worker->keystore, mem, item->request.certificate_id,
			item->request.public_key_sha256, &item->key, err);
	if (rc < 0)
		return rc;
	if (!item->request.target_id)
		return accept_without_target(mem, item, leaf, err);
	rc = open_target(worker, mem, &item->request, &target, err);
	if (rc == 0)
		fill_deployment(item, target);
	return rc;
}

/* Two versions for one place in one transaction would be a coin toss. */
static int check_alone(const struct item *items, size_t index, struct certctl_error *err)
{
	const char *binding = items[index].request.binding_id;

	for (size_t i = 0; binding && i < index; i++)
		if (!items[i].is_over && strcmp(items[i].request.binding_id, binding) == 0)
			return certctl_fail(err, CERTCTL_E_CONFLICT, "binding %s: job %s of this request has it too",
				binding, items[i].job_id);
	return 0;
}

static int prepare_all(struct certctl_worker *worker, TALLOC_CTX *mem, const json_t *list, struct item *items,
	struct certctl_error *err)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		int rc = certctl_request_job_id(one, &items[i].job_id, err);

		if (rc < 0)
			return certctl_error_prefix(err, "deployments[%zu]", i);
		struct certctl_error why = { 0 };

		if (prepare(worker, mem, one, &items[i], &why) == 0 && check_alone(items, i, &why) == 0)
			continue;
		items[i].report = (struct certctl_deploy_report){ .outcome = CERTCTL_DEPLOY_REFUSED, .error = why };
		items[i].is_over = true;
	}
	return 0;
}

/* --- Running them ------------------------------------------------------------------------------------------------ */

static int run_ready(struct certctl_worker *worker, TALLOC_CTX *mem, struct item *items, size_t count,
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
static void use_keys(struct certctl_worker *worker, struct item *items, size_t count)
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

static void log_report(const struct item *item)
{
	const struct certctl_deploy_report *report = &item->report;
	const char *outcome = certctl_worker_outcome_name(report->outcome);
	const char *certificate = item->request.certificate_id, *target = item->request.target_id;

	if (report->outcome == CERTCTL_DEPLOY_COMPLETED || report->outcome == CERTCTL_DEPLOY_UNCHANGED)
		certctl_log(CERTCTL_LOG_INFO, "deployment.done", "job", item->job_id, "certificate", certificate,
			"target", target, "outcome", outcome, "verified", report->verified ? "true" : "false",
			"fingerprint", report->served_fingerprint, NULL);
	else
		certctl_log_error(CERTCTL_LOG_WARNING, "deployment.failed", &report->error, "job", item->job_id,
			"certificate", certificate, "target", target, "outcome", outcome, NULL);
}

static json_t *reports_json(const struct item *items, size_t count)
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
	struct item *items = talloc_zero_array(mem, struct item, (unsigned)count);

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
