/* The instances this server has open.  Knows nothing of what is asked of them. */
#include "connectors.h"
#include "core/platform/connectors/connectors.sql.h"
#include "files.h"
#include "state.h"

#include <certctl/json.h>
#include <certctl/log.h>
#include <certctl/x509.h>
#include <pthread.h>
#include <string.h>

#define OWN_ISSUER "iss-local" /* of ca_cert_path and ca_key_path */

struct instance {
	struct instance *next;
	const char *id;
	bool is_named;   /* by what is being loaded */
	char sha256[65]; /* of what it was opened with */
	struct certctl_connector *connector;
};

struct connectors {
	struct connectors_options options;
	struct certctl_pool *pool;
	pthread_mutex_t lock; /* of the list; instances live as long as we do */
	struct instance *issuers;
};

static int release(struct connectors *connectors)
{
	pthread_mutex_destroy(&connectors->lock);
	return 0;
}

int connectors_new(TALLOC_CTX *mem, const struct connectors_options *options, struct connectors **ret,
	struct certctl_error *err)
{
	struct connectors *connectors = talloc_zero(mem, struct connectors);
	struct certctl_pool_options pool = { .plugin_dirs = options->plugin_dirs,
		.host_program = options->host_program };

	if (!connectors)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	connectors->options = *options;
	pthread_mutex_init(&connectors->lock, NULL);
	talloc_set_destructor(connectors, release);
	int rc = certctl_pool_new(connectors, &pool, &connectors->pool, err);

	if (rc < 0) {
		talloc_free(connectors);
		return rc;
	}
	*ret = connectors;
	return 0;
}

/* --- Instances ------------------------------------------------------------------------------------------------------- */

static struct instance *find(struct connectors *connectors, const char *id)
{
	struct instance *instance = connectors->issuers;

	while (instance && strcmp(instance->id, id) != 0)
		instance = instance->next;
	return instance;
}

static void unlink_instance(struct connectors *connectors, const struct instance *instance)
{
	struct instance **at = &connectors->issuers;

	while (*at != instance)
		at = &(*at)->next;
	*at = instance->next;
}

/* Into the list, in place of one with its id. */
static void show(struct connectors *connectors, struct instance *instance)
{
	pthread_mutex_lock(&connectors->lock);
	struct instance *old = find(connectors, instance->id);

	if (old)
		unlink_instance(connectors, old);
	instance->next = connectors->issuers;
	connectors->issuers = instance;
	pthread_mutex_unlock(&connectors->lock);
}

/* @param family  begins its name, under which it keeps its state: "issuers", "internal" */
static int open_instance(struct connectors *connectors, const char *family, enum certctl_plugin_kind kind,
	const char *id, const char *type, const json_t *config, struct instance **ret, struct certctl_error *err)
{
	struct instance *instance = talloc_zero(connectors, struct instance);
	char *name = instance ? talloc_asprintf(instance, "%s/%s", family, id) : NULL;
	struct certctl_connector_options options = { .name = name, .config = config };
	int rc = name ? certctl_plugin_describe(connectors->pool, kind, type, &options.description, err)
		      : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	if (rc == 0)
		rc = connector_state_init(instance, &connectors->options, name, &options.state, err);
	if (rc == 0)
		rc = certctl_connector_new(instance, connectors->pool, &options, &instance->connector, err);
	if (rc < 0) {
		talloc_free(instance);
		return rc;
	}
	instance->id = talloc_strdup(instance, id);
	if (!instance->id) {
		talloc_free(instance);
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	}
	*ret = instance;
	return 0;
}

int connectors_open(struct connectors *connectors, enum certctl_plugin_kind kind, const char *id, const char *type,
	const json_t *options, struct certctl_connector **ret, struct certctl_error *err)
{
	struct instance *instance = NULL;
	int rc = open_instance(connectors, "internal", kind, id, type, options, &instance, err);

	if (rc < 0)
		return rc;
	*ret = instance->connector;
	return 0;
}

/* --- Files ----------------------------------------------------------------------------------------------------------- */

/* What an instance is opened with, in few bytes. */
static int digest(TALLOC_CTX *mem, const struct connector_file_row *row, char ret_sha256[65], struct certctl_error *err)
{
	char *text = talloc_asprintf(mem, "%s\n%s", row->type, row->options);

	if (!text)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	certctl_sha256_hex(text, strlen(text), ret_sha256);
	certctl_wipe(text, strlen(text));
	return 0;
}

/* The plugin is asked only when something is new. */
static void open_row(struct connectors *connectors, const struct connector_file_row *row, const json_t *options,
	const char *sha256)
{
	struct instance *instance = find(connectors, row->id);
	struct certctl_error why = { 0 };

	if (instance)
		instance->is_named = true;
	if (instance && strcmp(instance->sha256, sha256) == 0)
		return;
	if (open_instance(connectors, "issuers", CERTCTL_ISSUER, row->id, row->type, options, &instance, &why) < 0) {
		certctl_log_error(CERTCTL_LOG_ERROR, "connector.refused", &why, "issuer", row->id, "type", row->type,
			NULL);
		return;
	}
	instance->is_named = true;
	memcpy(instance->sha256, sha256, sizeof(instance->sha256));
	show(connectors, instance);
	certctl_log(CERTCTL_LOG_INFO, "connector.opened", "issuer", row->id, "type", row->type, NULL);
}

/* A row for each, so that certificates can refer to it, whether or not its plugin opens here. */
static int load_issuer(struct connectors *connectors, TALLOC_CTX *mem, const struct connector_file_row *row,
	struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *options = NULL;
	char sha256[65];
	int rc = certctl_json_parse(row->options, strlen(row->options), NULL, &options, err);

	if (rc == 0)
		rc = digest(mem, row, sha256, err);
	if (rc == 0)
		rc = db_once(connectors->options.db, mem, &query_issuer_from_file,
			DB_VALUES(db_text(row->id), db_text(row->name ? row->name : row->id), db_text(row->type),
				db_text("{}")),
			NULL, err);
	if (rc == 0)
		open_row(connectors, row, options, sha256);
	return rc;
}

static int disable_others(struct connectors *connectors, TALLOC_CTX *mem, const struct connector_files *files,
	struct certctl_error *err)
{
	const char **ids = talloc_zero_array(mem, const char *, (unsigned)files->issuers.count + 1);
	const struct connector_file_row *rows = files->issuers.items;
	const char *array;

	if (!ids)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < files->issuers.count; i++)
		ids[i] = rows[i].id;
	array = db_array(mem, ids, files->issuers.count);
	return db_once(connectors->options.db, mem, &query_issuers_from_files_disable, DB_VALUES(db_text(array)), NULL,
		err);
}

/* What the files no longer name is asked no more.  It is not freed: somebody may be in the middle of a call. */
static void leave_out_others(struct connectors *connectors)
{
	pthread_mutex_lock(&connectors->lock);
	for (struct instance **at = &connectors->issuers; *at;) {
		struct instance *instance = *at;

		if (instance->is_named) {
			at = &instance->next;
			continue;
		}
		*at = instance->next;
		certctl_log(CERTCTL_LOG_INFO, "connector.removed", "issuer", instance->id, NULL);
	}
	pthread_mutex_unlock(&connectors->lock);
}

/* The issuer of ca_cert_path and ca_key_path, over one of the same id in the files. */
static int add_own_issuer(const struct connectors_options *options, TALLOC_CTX *mem, struct connector_files *files,
	struct certctl_error *err)
{
	struct connector_file_row *rows = files->issuers.items, *row = NULL;
	CERTCTL_AUTO(json_decref)
	json_t *json =
		json_pack("{s:s, s:s}", "ca_cert_path", options->ca_cert_path, "ca_key_path", options->ca_key_path);
	const char *text = json ? certctl_json_text(mem, json, NULL) : NULL;

	for (size_t i = 0; i < files->issuers.count; i++)
		if (strcmp(rows[i].id, OWN_ISSUER) == 0)
			row = &rows[i];
	if (row) {
		certctl_log(CERTCTL_LOG_WARNING, "connector.overridden", "issuer", OWN_ISSUER, "by", "ca.cert_path",
			NULL);
	} else {
		rows = talloc_realloc(mem, rows, struct connector_file_row, (unsigned)files->issuers.count + 1);
		row = rows ? &rows[files->issuers.count] : NULL;
	}
	if (!row || !text)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	files->issuers.count += row == &rows[files->issuers.count];
	files->issuers.items = rows;
	*row = (struct connector_file_row){ .id = OWN_ISSUER, .name = "Local CA", .type = "local-ca", .options = text };
	return 0;
}

int connectors_check(const char *directory, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct connector_files files = { 0 };
	int rc = connector_files_read(mem, directory, &files, err);

	talloc_free(mem);
	return rc;
}

int connectors_load(struct connectors *connectors, struct certctl_error *err)
{
	const struct connectors_options *options = &connectors->options;
	TALLOC_CTX *mem = talloc_new(NULL);
	struct connector_files files = { 0 };
	int rc = connector_files_read(mem, options->directory, &files, err);

	if (rc == 0 && options->ca_cert_path)
		rc = add_own_issuer(options, mem, &files, err);
	const struct connector_file_row *rows = files.issuers.items;

	for (struct instance *instance = connectors->issuers; instance; instance = instance->next)
		instance->is_named = false;
	for (size_t i = 0; rc == 0 && i < files.issuers.count; i++)
		rc = load_issuer(connectors, mem, &rows[i], err);
	if (rc == 0)
		rc = disable_others(connectors, mem, &files, err);
	if (rc == 0)
		leave_out_others(connectors);
	talloc_free(mem);
	return rc;
}

/* --- For everybody else ---------------------------------------------------------------------------------------------- */

int connectors_issuer(struct connectors *connectors, const char *id, struct certctl_connector **ret,
	struct certctl_error *err)
{
	pthread_mutex_lock(&connectors->lock);
	const struct instance *instance = find(connectors, id);

	pthread_mutex_unlock(&connectors->lock);
	if (instance) {
		*ret = instance->connector;
		return 0;
	}
	return certctl_fail(err, CERTCTL_E_NOT_FOUND, "issuer '%s' is not open here", id);
}

int connectors_runners(struct connectors *connectors, TALLOC_CTX *mem, struct job_runner **ret, size_t *ret_count,
	struct certctl_error *err)
{
	struct job_runner *runners = NULL;
	unsigned count = 0;
	bool is_complete = true;

	pthread_mutex_lock(&connectors->lock);
	for (struct instance *instance = connectors->issuers; instance; instance = instance->next) {
		unsigned slots = certctl_connector_free_slots(instance->connector);

		if (slots == 0)
			continue;
		runners = talloc_realloc(mem, runners, struct job_runner, count + 1);
		is_complete = runners != NULL;
		if (!is_complete)
			break;
		runners[count++] = (struct job_runner){ talloc_asprintf(runners, "issuer/%s", instance->id), slots };
	}
	pthread_mutex_unlock(&connectors->lock);
	if (!is_complete)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	*ret = runners;
	*ret_count = count;
	return 0;
}
