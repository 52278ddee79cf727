/* Instances that stand in files: a row for each, so that others can refer to it, and the instance itself. */
#include "core/platform/connectors/connectors.sql.h"
#include "files.h"
#include "instances.h"

#include <certctl/json.h>
#include <certctl/log.h>
#include <string.h>

#define OWN_ISSUER "iss-local" /* of ca_cert_path and ca_key_path */

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
	*row = (struct connector_file_row){
		.id = OWN_ISSUER, .name = "Local CA", .type = "local-ca", .options = text, .unknown_hold_seconds = 3600
	};
	return 0;
}

/* What operators see of its options: no secret, nor where one stands. */
static const char *shown_options(struct connectors *connectors, TALLOC_CTX *mem, enum certctl_plugin_kind kind,
	const char *type, const json_t *options)
{
	const struct certctl_description *description = NULL;
	CERTCTL_AUTO(json_decref) json_t *masked = NULL;

	if (certctl_plugin_describe(connectors->pool, kind, type, &description, NULL) == 0)
		masked = certctl_fields_mask(description->options, sizeof(struct certctl_field), options);
	const char *text = masked ? certctl_json_text(mem, masked, NULL) : NULL;

	return text ? text : "{}";
}

/* Whether or not its plugin opens here. */
static int record(struct connectors *connectors, TALLOC_CTX *mem, enum certctl_plugin_kind kind,
	const struct connector_file_row *row, const char *shown, struct certctl_error *err)
{
	struct db_value id = db_text(row->id), name = db_text(row->name ? row->name : row->id);

	if (kind == CERTCTL_ISSUER)
		return db_once(connectors->options.db, mem, &query_issuer_from_file,
			DB_VALUES(id, name, db_text(row->type), db_text(shown), db_integer(row->unknown_hold_seconds),
				row->rate_per_hour ? db_integer(row->rate_per_hour) : db_text(NULL)),
			NULL, err);
	return db_once(connectors->options.db, mem, &query_notifier_from_file,
		DB_VALUES(id, name, db_text(row->type), db_text(shown),
			db_text(db_array(mem, row->events.items, row->events.count)), db_text(row->item_options)),
		NULL, err);
}

static int load_row(struct connectors *connectors, TALLOC_CTX *mem, enum certctl_plugin_kind kind,
	const struct connector_file_row *row, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *options = NULL;
	int rc = certctl_json_parse(row->options, strlen(row->options), NULL, &options, err);

	if (rc == 0)
		rc = record(connectors, mem, kind, row, shown_options(connectors, mem, kind, row->type, options), err);
	if (rc == 0)
		instances_open(connectors, &(struct wanted_instance){ .kind = kind,
						   .source = CONNECTOR_FILE,
						   .id = row->id,
						   .type = row->type,
						   .options = options });
	return rc;
}

static int load_list(struct connectors *connectors, TALLOC_CTX *mem, enum certctl_plugin_kind kind,
	const struct certctl_list *list, struct certctl_error *err)
{
	const struct db_query *disable =
		kind == CERTCTL_ISSUER ? &query_issuers_from_files_disable : &query_notifiers_from_files_disable;
	const char **ids = talloc_zero_array(mem, const char *, (unsigned)list->count + 1);
	const struct connector_file_row *rows = list->items;
	int rc = ids ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	for (size_t i = 0; rc == 0 && i < list->count; i++) {
		ids[i] = rows[i].id;
		rc = load_row(connectors, mem, kind, &rows[i], err);
	}
	return rc < 0 ? rc
		      : db_once(connectors->options.db, mem, disable,
				DB_VALUES(db_text(db_array(mem, ids, list->count))), NULL, err);
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
	pthread_mutex_lock(&connectors->loading);
	instances_begin(connectors, CONNECTOR_FILE);
	if (rc == 0)
		rc = load_list(connectors, mem, CERTCTL_ISSUER, &files.issuers, err);
	if (rc == 0)
		rc = load_list(connectors, mem, CERTCTL_NOTIFIER, &files.notifiers, err);
	if (rc == 0)
		instances_end(connectors, CONNECTOR_FILE);
	pthread_mutex_unlock(&connectors->loading);
	talloc_free(mem);
	if (rc == 0)
		rc = connectors_sync(connectors, err);
	return rc < 0 ? rc : connectors_watch(connectors, err);
}
