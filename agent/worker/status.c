/* The operation "status": what this half of the agent has, for people.  Changes nothing. */
#include "agent/shared/link.h"
#include "worker.h"

/* Of each list; more would not be read by anybody, and a reply has its limit. */
#define ROWS_MAX 2000

static json_t *key_json(const struct certctl_key_listed *key)
{
	return json_pack("{s:s, s:s, s:i, s:i, s:I}", "certificate_id", key->certificate_id, "public_key_sha256",
		key->public_key_sha256, "staged", (int)key->staged_count, "previous", (int)key->previous_count,
		"previous_until_unix_s", (json_int_t)key->previous_until_unix_s);
}

static json_t *binding_json(const struct certctl_deploy_bound *bound)
{
	return json_pack("{s:s, s:s?, s:s?, s:I, s:I, s:i, s:I}", "binding", bound->binding, "job_id",
		bound->deployment, "fingerprint_sha256", bound->fingerprint, "sequence", (json_int_t)bound->sequence,
		"generation", (json_int_t)bound->generation, "kept", (int)bound->old_count, "kept_until_unix_s",
		(json_int_t)bound->old_until_unix_s);
}

static int list_keys(struct certctl_worker *worker, TALLOC_CTX *mem, json_t *rows, size_t *ret_total,
	struct certctl_error *err)
{
	struct certctl_key_listed *keys;
	size_t count = 0;
	int rc = certctl_keystore_list(worker->keystore, mem, ROWS_MAX, &keys, &count, ret_total, err);

	for (size_t i = 0; rc == 0 && i < count; i++)
		json_array_append_new(rows, key_json(&keys[i]));
	return rc;
}

static int list_bindings(struct certctl_worker *worker, TALLOC_CTX *mem, json_t *rows, struct certctl_error *err)
{
	struct certctl_deploy_bound *bound;
	size_t count = 0;
	int rc = certctl_deploy_list(worker->deployer, mem, ROWS_MAX, &bound, &count, err);

	for (size_t i = 0; rc == 0 && i < count; i++)
		json_array_append_new(rows, binding_json(&bound[i]));
	return rc;
}

static bool is_deploying(struct certctl_worker *worker)
{
	if (pthread_mutex_trylock(&worker->deploying) != 0)
		return true;
	pthread_mutex_unlock(&worker->deploying);
	return false;
}

int certctl_worker_status(struct certctl_worker *worker, TALLOC_CTX *mem, const json_t *argument, json_t **ret,
	struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *keys = json_array();
	CERTCTL_AUTO(json_decref) json_t *bindings = json_array();
	bool is_short = json_is_true(json_object_get(argument, "is_short"));
	size_t total = 0;
	int rc = is_short ? 0 : list_keys(worker, mem, keys, &total, err);

	if (rc == 0 && !is_short)
		rc = list_bindings(worker, mem, bindings, err);
	if (rc < 0)
		return rc;
	*ret = json_pack("{s:s, s:i, s:b, s:s, s:I, s:O, s:O}", "version", CERTCTL_VERSION, "protocol",
		CERTCTL_LINK_PROTOCOL, "is_deploying", is_deploying(worker), "key_dir", worker->settings->key_dir,
		"key_count", (json_int_t)total, "keys", keys, "bindings", bindings);
	return *ret ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "status");
}
