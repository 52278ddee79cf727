/* Options of rows that are sealed under an older key, sealed anew.  Like connectors_state_reseal(), for issuers, notifiers and targets. */
#include "core/platform/connectors/connectors.sql.h"
#include "rows.h"

#include <certctl/json.h>
#include <certctl/log.h>
#include <string.h>

struct resealing {
	struct db_pool *db;
	const struct sealing *sealing;
	const struct db_result *rows;
};

/* Where sealed options stand. */
static const struct family {
	const char *name;
	enum certctl_plugin_kind kind;
	const struct db_query *reseal;
} families[] = {
	{ "issuers", CERTCTL_ISSUER, &query_connector_issuer_reseal },
	{ "notifiers", CERTCTL_NOTIFIER, &query_connector_notifier_reseal },
	{ "targets", CERTCTL_TARGET, &query_connector_target_reseal },
};

static const struct family *family_of(const char *name)
{
	size_t i = 0;

	while (i < CERTCTL_COUNT(families) && strcmp(families[i].name, name) != 0)
		i++;
	certctl_assert(i < CERTCTL_COUNT(families));
	return &families[i];
}

static int reseal_one(const struct resealing *resealing, TALLOC_CTX *mem, size_t row, struct certctl_error *err)
{
	const struct db_result *rows = resealing->rows;
	const char *id = db_get_text(rows, row, "id");
	const struct family *family = family_of(db_get_text(rows, row, "family"));
	const struct sealed old = { db_get_text(rows, row, "key_id"), db_get_text(rows, row, "sealed") };
	CERTCTL_AUTO(json_decref) json_t *options = NULL;
	struct sealed now = { 0 };
	int rc = connector_row_unseal(resealing->sealing, family->kind, id, &old, &options, err);

	if (rc == 0)
		rc = connector_row_seal(resealing->sealing, mem, family->kind, id, options, &now, err);
	/* At another revision meanwhile: whoever wrote it has sealed it with a key of its own file. */
	return rc < 0 ? rc
		      : db_once(resealing->db, mem, family->reseal,
				DB_VALUES(db_text(id), db_text(now.bytes), db_text(now.key_id),
					db_integer(db_get_integer(rows, row, "revision"))),
				NULL, err);
}

int connectors_rows_reseal(struct db_pool *db, const struct sealing *sealing, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct db_result *rows = NULL;
	int64_t done = 0;
	int rc = db_once(db, mem, &query_connector_rows_of_other_keys, DB_VALUES(db_text(sealing_key_id(sealing))),
		&rows, err);

	for (size_t row = 0; rc == 0 && row < db_rows(rows); row++) {
		const struct resealing resealing = { db, sealing, rows };
		struct certctl_error why = { 0 };

		/* One that cannot be read is its instance's trouble alone. */
		if (reseal_one(&resealing, mem, row, &why) < 0)
			certctl_log_error(CERTCTL_LOG_ERROR, "sealing.value_unreadable", &why, "instance",
				db_get_text(rows, row, "id"), NULL);
		else
			done++;
	}
	if (done > 0)
		certctl_log(CERTCTL_LOG_NOTICE, "sealing.resealed", "connectors", certctl_num(done), "key",
			sealing_key_id(sealing), NULL);
	talloc_free(mem);
	return rc;
}
