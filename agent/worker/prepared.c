/* From what the socket asks to what the deployment transaction takes: key, bundle, connector.  Changes nothing. */
#include "prepared.h"

#include <string.h>

#define CHAIN_MAX 10

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

/* Certificates of one server share its plugin process, and one activation. */
static struct certctl_connector *find_target(const struct certctl_prepared *items, size_t index)
{
	const struct certctl_request_target *wanted = &items[index].request.target;

	for (size_t i = 0; i < index; i++) {
		const struct certctl_request_target *other = &items[i].request.target;

		if (items[i].target && strcmp(other->id, wanted->id) == 0 &&
			strcmp(other->plugin, wanted->plugin) == 0 && json_equal(other->options, wanted->options))
			return items[i].target;
	}
	return NULL;
}

int certctl_open_target(struct certctl_worker *worker, TALLOC_CTX *mem, const struct certctl_request_target *target,
	struct certctl_connector **ret, struct certctl_error *err)
{
	const struct certctl_description *description;
	CERTCTL_AUTO(json_decref) json_t *config = NULL;
	int rc = certctl_plugin_describe(worker->pool, CERTCTL_TARGET, target->plugin, &description, err);

	if (rc < 0)
		return rc;
	config = target->options ? json_incref((json_t *)target->options) : json_object();
	return certctl_connector_new(mem, worker->pool,
		&(struct certctl_connector_options){
			.name = talloc_asprintf(mem, "targets/%s", target->id),
			.description = description,
			.config = config,
			.commands = worker->commands,
		},
		ret, err);
}

/* A certificate that no server uses: its key comes into use when the certificate is there and right. */
static int accept_without_target(TALLOC_CTX *mem, struct certctl_prepared *item, const struct certctl_certificate *leaf,
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

static void fill_deployment(struct certctl_prepared *item)
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
		.target = item->target,
		.item = request->binding_options,
		.bundle = &item->bundle,
		.key = item->key,
		.sequence = request->sequence,
		.is_rollback = request->is_rollback,
	};
}

int certctl_prepare(struct certctl_worker *worker, TALLOC_CTX *mem, const json_t *one, struct certctl_prepared *items,
	size_t index, struct certctl_error *err)
{
	struct certctl_prepared *item = &items[index];
	struct certctl_certificate *leaf = NULL;
	int rc = certctl_request_deployment(mem, one, &item->request, err);

	if (rc == 0)
		rc = check_leaf(mem, &item->request, &leaf, err);
	if (rc == 0)
		rc = certctl_keystore_find(worker->keystore, mem, item->request.certificate_id,
			item->request.public_key_sha256, &item->key, err);
	if (rc < 0)
		return rc;
	if (!item->request.target.id)
		return accept_without_target(mem, item, leaf, err);
	item->target = find_target(items, index);
	if (!item->target)
		rc = certctl_open_target(worker, mem, &item->request.target, &item->target, err);
	if (rc == 0)
		fill_deployment(item);
	return rc;
}
