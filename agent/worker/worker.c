/* What the worker has open: plugins, key store, deployer.  Knows nothing of sockets. */
#include "worker.h"

#include <certctl/exec.h>
#include <certctl/files.h>
#include <certctl/log.h>
#include <inttypes.h>

#define EXPIRE_EVERY_S 3600
#define BUSY_RETRY_S   60

/* --- Settings into what the others take ---------------------------------------------------------------------------- */

static int texts_of(TALLOC_CTX *mem, const struct certctl_list *list, const char *const **ret,
	struct certctl_error *err)
{
	const char *const *items = list->items;
	const char **texts = talloc_zero_array(mem, const char *, (unsigned)list->count + 1);

	if (!texts)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "settings");
	for (size_t i = 0; i < list->count; i++)
		texts[i] = items[i];
	*ret = texts;
	return 0;
}

static int command_rows(TALLOC_CTX *mem, const struct certctl_list *list, const char *const *const **ret,
	struct certctl_error *err)
{
	const char *const *items = list->items;
	const char *const **rows = talloc_zero_array(mem, const char *const *, (unsigned)list->count + 1);

	if (!rows)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "settings");
	for (size_t i = 0; i < list->count; i++) {
		char **words = NULL;
		int rc = certctl_command_split(rows, items[i], &words, err);

		if (rc == 0 && (!words[0] || words[0][0] != '/'))
			rc = certctl_fail(err, CERTCTL_E_INVALID, "an absolute path expected as the first word");
		if (rc < 0)
			return certctl_error_prefix(err, "commands[%zu]", i);
		rows[i] = (const char *const *)words;
	}
	*ret = rows;
	return 0;
}

/* --- Opening -------------------------------------------------------------------------------------------------------- */

static void log_plugin(void *arg, const char *file, const struct certctl_description *plugin,
	const struct certctl_error *why)
{
	(void)arg;
	if (!plugin)
		certctl_log_error(CERTCTL_LOG_WARNING, "plugin.refused", why, "file", file, NULL);
	else if (plugin->kind == CERTCTL_TARGET)
		certctl_log(CERTCTL_LOG_INFO, "plugin.found", "plugin", plugin->id, "version", plugin->version, "file",
			file, "sha256", plugin->sha256, NULL);
}

static int open_plugins(struct certctl_worker *worker, TALLOC_CTX *mem, const char *cache_dir,
	struct certctl_error *err)
{
	const char *const default_dirs[] = { certctl_plugin_folder(mem), NULL };
	const char *host = worker->settings->host_program;
	struct certctl_pool_options options = { .plugin_dirs = default_dirs,
		.host_program = host ? host : certctl_host_program(mem),
		.cache_dir = cache_dir };
	CERTCTL_AUTO_CLOSE int fd = -1;
	int rc = certctl_dir_make(cache_dir, 0700, &fd, err);

	if (rc == 0 && worker->settings->plugin_dirs.count > 0)
		rc = texts_of(mem, &worker->settings->plugin_dirs, &options.plugin_dirs, err);
	if (rc == 0)
		rc = certctl_pool_new(NULL, &options, &worker->pool, err);
	return rc == 0 ? certctl_plugins_list(worker->pool, log_plugin, NULL, err) : rc;
}

static void note_destroyed(void *arg, const char *certificate_id, const char *public_key_sha256)
{
	struct certctl_worker *worker = arg;
	struct certctl_error err;

	certctl_log(CERTCTL_LOG_INFO, "key.destroyed", "certificate", certificate_id, "public_key_sha256",
		public_key_sha256, NULL);
	/* A full disk must not keep a key alive. */
	if (certctl_destroyed_add(worker->destroyed, certificate_id, public_key_sha256,
		    certctl_clock_now_s(certctl_clock_system()), &err) < 0)
		certctl_log_error(CERTCTL_LOG_ERROR, "key.destroyed_untold", &err, "certificate", certificate_id, NULL);
}

static void log_recovered(void *arg, const char *deployment_id, const struct certctl_deploy_report *report)
{
	(void)arg;
	certctl_log(CERTCTL_LOG_NOTICE, "deployment.recovered", "job", deployment_id, "outcome",
		certctl_worker_outcome_name(report->outcome), NULL);
}

static int open_deployer(struct certctl_worker *worker, TALLOC_CTX *mem, struct certctl_error *err)
{
	struct certctl_deployer_options options = { .state_dir = worker->settings->state_dir,
		.rollback_hours = worker->settings->rollback_hours };
	int rc = texts_of(mem, &worker->settings->paths, &options.policy.paths, err);

	if (rc < 0)
		return rc;
	options.policy.commands = worker->commands;
	rc = certctl_deployer_new(NULL, &options, &worker->deployer, err);
	return rc == 0 ? certctl_deploy_recover(worker->deployer, log_recovered, NULL, err) : rc;
}

int certctl_worker_open(struct certctl_worker *worker, TALLOC_CTX *mem, const struct certctl_worker_settings *settings,
	struct certctl_error *err)
{
	struct certctl_keystore_options keys = { .dir = settings->key_dir,
		.rollback_hours = settings->rollback_hours,
		.staged_hours = settings->staged_hours,
		.destroyed = note_destroyed,
		.arg = worker };

	*worker = (struct certctl_worker){ .settings = settings };
	pthread_mutex_init(&worker->deploying, NULL);
	/* The key store's lock comes first: it keeps a second worker away from everything else. */
	int rc = certctl_keystore_open(NULL, &keys, &worker->keystore, err);

	if (rc == 0)
		rc = certctl_destroyed_open(NULL, talloc_asprintf(mem, "%s/destroyed", settings->state_dir),
			&worker->destroyed, err);
	if (rc == 0)
		rc = command_rows(mem, &settings->commands, &worker->commands, err);
	if (rc == 0)
		rc = open_plugins(worker, mem, talloc_asprintf(mem, "%s/plugins", settings->state_dir), err);
	return rc == 0 ? open_deployer(worker, mem, err) : rc;
}

void certctl_worker_close(struct certctl_worker *worker)
{
	talloc_free(worker->deployer);
	talloc_free(worker->pool);
	talloc_free(worker->keystore);
	talloc_free(worker->destroyed);
	pthread_mutex_destroy(&worker->deploying);
}

/* --- Time ------------------------------------------------------------------------------------------------------------ */

int64_t certctl_worker_expire(struct certctl_worker *worker)
{
	struct certctl_error err;
	int64_t keys_at = 0, files_at = 0, wait_s = EXPIRE_EVERY_S;
	int64_t now_s = certctl_clock_now_s(certctl_clock_system());

	if (certctl_keystore_expire(worker->keystore, &keys_at, &err) < 0)
		certctl_log_error(CERTCTL_LOG_ERROR, "expiry.failed", &err, "of", "keys", NULL);
	if (pthread_mutex_trylock(&worker->deploying) != 0)
		return BUSY_RETRY_S;
	if (certctl_deploy_expire(worker->deployer, &files_at, &err) < 0)
		certctl_log_error(CERTCTL_LOG_ERROR, "expiry.failed", &err, "of", "generations", NULL);
	pthread_mutex_unlock(&worker->deploying);
	if (keys_at > 0 && keys_at - now_s < wait_s)
		wait_s = keys_at - now_s;
	if (files_at > 0 && files_at - now_s < wait_s)
		wait_s = files_at - now_s;
	return wait_s < 1 ? 1 : wait_s;
}
