/* Instances that were made over the API: their rows, opened on every server within seconds. */
#include "rows.h"
#include "core/platform/connectors/connectors.sql.h"
#include "instances.h"

#include <certctl/json.h>
#include <certctl/log.h>
#include <certctl/time.h>
#include <certctl/x509.h>
#include <string.h>
#include <time.h>

#define LOOK_EVERY_S 2

/* --- Sealed options -------------------------------------------------------------------------------------------------- */

static struct sealing_place place_of(enum certctl_plugin_kind kind, const char *id)
{
	return (struct sealing_place){ instance_family(kind), id, "sealed" };
}

int connector_row_seal(const struct sealing *sealing, TALLOC_CTX *mem, enum certctl_plugin_kind kind, const char *id,
	const json_t *options, struct sealed *ret, struct certctl_error *err)
{
	const struct sealing_place place = place_of(kind, id);
	struct certctl_secret secret = { 0 };
	size_t len = 0;
	char *text = certctl_json_text(mem, options, &len);
	int rc = text ? certctl_secret_set(mem, &secret, text, len)
		      : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	if (text)
		certctl_wipe(text, len);
	return rc < 0 ? rc : sealing_seal(sealing, mem, &place, &secret, ret, err);
}

int connector_row_unseal(const struct sealing *sealing, enum certctl_plugin_kind kind, const char *id,
	const struct sealed *sealed, json_t **ret, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	const struct sealing_place place = place_of(kind, id);
	struct certctl_secret secret = { 0 };
	int rc = sealed->bytes && sealed->key_id
			 ? sealing_unseal(sealing, mem, &place, sealed, &secret, err)
			 : certctl_fail(err, CERTCTL_E_NOT_FOUND, "its options are not there; give them again");

	if (rc == 0)
		rc = certctl_json_parse((const char *)secret.data, secret.len, NULL, ret, err);
	talloc_free(mem);
	return rc;
}

/* --- Opening what is new --------------------------------------------------------------------------------------------- */

static const struct db_query *const queries[] = { &query_connector_issuers, &query_connector_notifiers };
static const struct db_query *const sealed_queries[] = { &query_connector_issuer_sealed,
	&query_connector_notifier_sealed };
static const enum certctl_plugin_kind kinds[] = { CERTCTL_ISSUER, CERTCTL_NOTIFIER };

static int unseal_row(struct connectors *connectors, TALLOC_CTX *mem, size_t kind, const char *id, json_t **ret,
	struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_once(connectors->options.db, mem, sealed_queries[kind], DB_VALUES(db_text(id)), &rows, err);

	if (rc == 0 && db_rows(rows) == 0)
		rc = certctl_fail(err, CERTCTL_E_NOT_FOUND, "it was deleted");
	if (rc < 0)
		return rc;
	const struct sealed sealed = { db_get_text(rows, 0, "key_id"), db_get_text(rows, 0, "sealed") };

	return connector_row_unseal(connectors->options.sealing, kinds[kind], id, &sealed, ret, err);
}

/* Its secrets are opened only when it is another than before. */
static void open_row(struct connectors *connectors, TALLOC_CTX *mem, size_t kind, const struct db_result *rows,
	size_t row)
{
	struct wanted_instance wanted = { .kind = kinds[kind],
		.source = CONNECTOR_API,
		.id = db_get_text(rows, row, "id"),
		.type = db_get_text(rows, row, "type"),
		.revision = db_get_text(rows, row, "revision") };
	CERTCTL_AUTO(json_decref) json_t *options = NULL;
	struct certctl_error why = { 0 };
	char *text = talloc_asprintf(mem, "%s\n%s", wanted.type, wanted.revision), sha256[65];

	certctl_sha256_hex(text ? text : "", text ? strlen(text) : 0, sha256);
	if (instances_know(connectors, &wanted, sha256))
		return;
	if (unseal_row(connectors, mem, kind, wanted.id, &options, &why) < 0) {
		instances_refuse(connectors, &wanted, sha256, &why);
		return;
	}
	wanted.options = options;
	instances_open(connectors, &wanted);
}

int connectors_sync(struct connectors *connectors, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	int rc = 0;

	pthread_mutex_lock(&connectors->loading);
	instances_begin(connectors, CONNECTOR_API);
	for (size_t kind = 0; rc == 0 && kind < CERTCTL_COUNT(kinds); kind++) {
		struct db_result *rows = NULL;

		rc = db_once(connectors->options.db, mem, queries[kind], DB_NO_VALUES, &rows, err);
		for (size_t row = 0; rc == 0 && row < db_rows(rows); row++)
			open_row(connectors, mem, kind, rows, row);
	}
	if (rc == 0)
		instances_end(connectors, CONNECTOR_API);
	instances_try_again(connectors);
	pthread_mutex_unlock(&connectors->loading);
	talloc_free(mem);
	return rc;
}

/* --- The thread ------------------------------------------------------------------------------------------------------ */

/* With lock.  False: it is time to end. */
static bool pause_a_while(struct connectors *connectors)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += LOOK_EVERY_S;
	while (!connectors->must_stop && pthread_cond_timedwait(&connectors->changed, &connectors->lock, &until) == 0)
		;
	return !connectors->must_stop;
}

/* The database may be away: what it has to say is looked at again soon. */
static void *watch(void *arg)
{
	struct connectors *connectors = arg;

	pthread_mutex_lock(&connectors->lock);
	while (pause_a_while(connectors)) {
		struct certctl_error why = { 0 };

		pthread_mutex_unlock(&connectors->lock);
		if (connectors_sync(connectors, &why) < 0)
			certctl_log_error(CERTCTL_LOG_DEBUG, "connectors.not_looked_at", &why, NULL);
		pthread_mutex_lock(&connectors->lock);
	}
	pthread_mutex_unlock(&connectors->lock);
	return NULL;
}

int connectors_watch(struct connectors *connectors, struct certctl_error *err)
{
	if (connectors->has_thread)
		return 0;
	int error_number = pthread_create(&connectors->thread, NULL, watch, connectors);

	if (error_number)
		return certctl_fail_errno(err, error_number, "connectors: thread");
	connectors->has_thread = true;
	return 0;
}

void connectors_unwatch(struct connectors *connectors)
{
	if (!connectors->has_thread)
		return;
	pthread_mutex_lock(&connectors->lock);
	connectors->must_stop = true;
	pthread_cond_broadcast(&connectors->changed);
	pthread_mutex_unlock(&connectors->lock);
	pthread_join(connectors->thread, NULL);
	connectors->has_thread = false;
}
