/* The operations of the socket, as a table.  A new one is a row and a function. */
#include "agent/shared/link.h"
#include "requests.h"
#include "worker.h"

#include <certctl/log.h>
#include <stdio.h>
#include <string.h>

#define DESTROYED_MAX 200

static json_t *plugin_json(const struct certctl_description *plugin)
{
	char abi[24];

	snprintf(abi, sizeof(abi), "%u.%u", plugin->abi_major, plugin->abi_minor);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o?}", "id", plugin->id, "kind", "target", "version",
		plugin->version, "abi", abi, "summary", plugin->summary, "options",
		certctl_fields_describe(plugin->options, sizeof(struct certctl_field)), "item_options",
		plugin->item_options ? certctl_fields_describe(plugin->item_options, sizeof(struct certctl_field))
				     : NULL);
}

static void add_plugin(void *arg, const char *file, const struct certctl_description *plugin,
	const struct certctl_error *why)
{
	if (!plugin)
		certctl_log_error(CERTCTL_LOG_DEBUG, "plugin.refused", why, "file", file, NULL);
	else if (plugin->kind == CERTCTL_TARGET)
		json_array_append_new(arg, plugin_json(plugin));
}

static int describe(struct certctl_worker *worker, TALLOC_CTX *mem, const json_t *argument, json_t **ret,
	struct certctl_error *err)
{
	(void)mem, (void)argument;
	CERTCTL_AUTO(json_decref) json_t *plugins = json_array();
	int rc = certctl_plugins_list(worker->pool, add_plugin, plugins, err);

	if (rc < 0)
		return rc;
	*ret = json_pack("{s:O}", "plugins", plugins);
	return *ret ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "plugins");
}

static int csr(struct certctl_worker *worker, TALLOC_CTX *mem, const json_t *argument, json_t **ret,
	struct certctl_error *err)
{
	struct certctl_key_order order;
	struct certctl_key_staged staged;
	int rc = certctl_request_csr(mem, argument, &order, err);

	if (rc == 0)
		rc = certctl_keystore_csr(worker->keystore, mem, &order, &staged, err);
	if (rc < 0)
		return rc;
	if (staged.is_new)
		certctl_log(CERTCTL_LOG_INFO, "key.generated", "certificate", order.certificate_id, "job", order.job_id,
			"key_type", certctl_key_type_name(order.key_type), "public_key_sha256",
			staged.public_key_sha256, NULL);
	*ret = json_pack("{s:s, s:s, s:b}", "csr", staged.csr_pem, "public_key_sha256", staged.public_key_sha256,
		"is_new", staged.is_new);
	return *ret ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "request");
}

/* Told until the agent says that the control plane knows. */
static int destroyed(struct certctl_worker *worker, TALLOC_CTX *mem, const json_t *argument, json_t **ret,
	struct certctl_error *err)
{
	(void)mem, (void)argument;
	json_t *keys = NULL;
	int rc = certctl_destroyed_list(worker->destroyed, DESTROYED_MAX, &keys, err);

	if (rc < 0)
		return rc;
	*ret = json_pack("{s:o}", "keys", keys);
	return *ret ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "keys");
}

static int told(struct certctl_worker *worker, TALLOC_CTX *mem, const json_t *argument, json_t **ret,
	struct certctl_error *err)
{
	(void)mem;
	int rc = certctl_destroyed_forget(worker->destroyed, json_object_get(argument, "keys"), err);

	if (rc < 0)
		return rc;
	*ret = json_object();
	return 0;
}

static const struct operation {
	const char *name;
	int (*run)(struct certctl_worker *worker, TALLOC_CTX *mem, const json_t *argument, json_t **ret,
		struct certctl_error *err);
} operations[] = {
	{ "csr", csr },
	{ "deploy", certctl_worker_deploy },
	{ "describe", describe },
	{ "destroyed", destroyed },
	{ "look", certctl_worker_look },
	{ "status", certctl_worker_status },
	{ "test", certctl_worker_test },
	{ "told", told },
};

int certctl_worker_handle(struct certctl_worker *worker, TALLOC_CTX *mem, const char *operation, const json_t *argument,
	json_t **ret, struct certctl_error *err)
{
	for (size_t i = 0; i < CERTCTL_COUNT(operations); i++)
		if (strcmp(operations[i].name, operation) == 0)
			return operations[i].run(worker, mem, argument, ret, err);
	return certctl_fail(err, CERTCTL_E_UNSUPPORTED, "operation: this worker has none of that name");
}
