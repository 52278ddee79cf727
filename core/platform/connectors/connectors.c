/* The instances this server has open.  Knows nothing of what is asked of them. */
#include "connectors.h"
#include "core/platform/connectors/connectors.sql.h"
#include "files.h"

#include <certctl/log.h>
#include <string.h>

struct instance {
	struct instance *next;
	const char *id;
	bool is_internal; /* in no file, and never offered to the job engine */
	struct certctl_connector *connector;
};

struct connectors {
	struct connectors_options options;
	struct certctl_pool *pool;
	struct instance *issuers;
};

int connectors_new(TALLOC_CTX *mem, const struct connectors_options *options, struct connectors **ret,
	struct certctl_error *err)
{
	struct connectors *connectors = talloc_zero(mem, struct connectors);
	struct certctl_pool_options pool = { .plugin_dirs = options->plugin_dirs,
		.host_program = options->host_program };

	if (!connectors)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	connectors->options = *options;
	int rc = certctl_pool_new(connectors, &pool, &connectors->pool, err);

	if (rc < 0) {
		talloc_free(connectors);
		return rc;
	}
	*ret = connectors;
	return 0;
}

static int open_instance(struct connectors *connectors, enum certctl_plugin_kind kind, const char *id, const char *type,
	const json_t *config, struct instance **ret, struct certctl_error *err)
{
	struct instance *instance = talloc_zero(connectors, struct instance);
	char *name = instance ? talloc_asprintf(instance, "issuers/%s", id) : NULL;
	struct certctl_connector_options options = { .name = name, .config = config };
	int rc = name ? certctl_plugin_describe(connectors->pool, kind, type, &options.description, err)
		      : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	if (rc == 0)
		rc = certctl_connector_new(instance, connectors->pool, &options, &instance->connector, err);
	if (rc < 0) {
		talloc_free(instance);
		return rc;
	}
	instance->id = talloc_strdup(instance, id);
	instance->next = connectors->issuers;
	connectors->issuers = instance;
	*ret = instance;
	return 0;
}

int connectors_open(struct connectors *connectors, enum certctl_plugin_kind kind, const char *id, const char *type,
	const json_t *options, struct certctl_connector **ret, struct certctl_error *err)
{
	struct instance *instance = NULL;
	int rc = open_instance(connectors, kind, id, type, options, &instance, err);

	if (rc < 0)
		return rc;
	instance->is_internal = true;
	*ret = instance->connector;
	return 0;
}

/* A row for each, so that certificates can refer to it, whether or not its plugin opens here. */
static int load_issuer(struct connectors *connectors, TALLOC_CTX *mem, const struct connector_file_row *row,
	struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *options = NULL;
	struct certctl_error why = { 0 };
	struct instance *instance = NULL;
	int rc = certctl_json_parse(row->options, strlen(row->options), NULL, &options, err);

	if (rc == 0)
		rc = db_once(connectors->options.db, mem, &query_issuer_from_file,
			DB_VALUES(db_text(row->id), db_text(row->name ? row->name : row->id), db_text(row->type),
				db_text("{}")),
			NULL, err);
	if (rc == 0 && open_instance(connectors, CERTCTL_ISSUER, row->id, row->type, options, &instance, &why) < 0)
		certctl_log_error(CERTCTL_LOG_ERROR, "connector.refused", &why, "issuer", row->id, "type", row->type,
			NULL);
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

int connectors_load(struct connectors *connectors, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct connector_files files = { 0 };
	int rc = connector_files_read(mem, connectors->options.directory, &files, err);
	const struct connector_file_row *rows = files.issuers.items;

	for (size_t i = 0; rc == 0 && i < files.issuers.count; i++)
		rc = load_issuer(connectors, mem, &rows[i], err);
	if (rc == 0)
		rc = disable_others(connectors, mem, &files, err);
	talloc_free(mem);
	return rc;
}

int connectors_issuer(struct connectors *connectors, const char *id, struct certctl_connector **ret,
	struct certctl_error *err)
{
	for (struct instance *instance = connectors->issuers; instance; instance = instance->next)
		if (strcmp(instance->id, id) == 0) {
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

	for (struct instance *instance = connectors->issuers; instance; instance = instance->next) {
		unsigned slots = instance->is_internal ? 0 : certctl_connector_free_slots(instance->connector);

		if (slots == 0)
			continue;
		runners = talloc_realloc(mem, runners, struct job_runner, count + 1);
		if (!runners)
			return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
		runners[count++] = (struct job_runner){ talloc_asprintf(runners, "issuer/%s", instance->id), slots };
	}
	*ret = runners;
	*ret_count = count;
	return 0;
}
