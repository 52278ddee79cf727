/* Orders that are given up: their CA is told, a few times, so that it keeps nothing open for them.  Which ones, the schema says. */
#include "core/features/audit/audit.h"
#include "core/features/issuance/errands.sql.h"
#include "core/platform/pki/pki.h"
#include "errands.h"

#include <certctl/json.h>
#include <certctl/log.h>
#include <string.h>

#define CALL_MS      30000
#define ATTEMPTS_MAX 3

struct abandoning {
	struct errand *errand;
	const char *job_id, *issuer_id, *certificate_id;
	bool is_told;
	const struct certctl_error *why; /* when it is not */
};

static int read_order(const struct abandoning *abandoning, const struct db_result *rows, struct certctl_order *ret,
	struct certctl_error *err)
{
	struct certctl_name **names = NULL;
	int rc = pki_names_read(abandoning->errand->mem, db_get_text(rows, 0, "names"), &names, err);

	*ret = (struct certctl_order){ .id = abandoning->job_id,
		.kind = strcmp(db_get_text(rows, 0, "type"), "Renewal") == 0 ? CERTCTL_ORDER_REKEY
									     : CERTCTL_ORDER_ISSUE,
		.key_type = certctl_key_type_from_name(db_get_text(rows, 0, "key_type")),
		.csr_pem = db_get_text(rows, 0, "csr"),
		.names = (const struct certctl_name *const *)names,
		.common_name = db_get_text(rows, 0, "common_name"),
		.serial = db_get_text(rows, 0, "serial_number"),
		.not_before_unix_s = db_get_integer(rows, 0, "not_before_s"),
		.not_after_unix_s = db_get_integer(rows, 0, "not_after_s"),
		.state = db_get_text(rows, 0, "saved_state"),
		.state_version = db_get_text(rows, 0, "saved_state_version") };
	return rc;
}

static int end(struct db *db, void *arg, struct certctl_error *err)
{
	static const struct audit_actor server = { .name = "certctld", .type = "server" };
	const struct abandoning *abandoning = arg;
	CERTCTL_AUTO(json_decref)
	json_t *details = json_pack("{s:s, s:s, s:b, s:s*}", "job_id", abandoning->job_id, "issuer_id",
		abandoning->issuer_id, "issuer_notified", abandoning->is_told, "error",
		abandoning->is_told ? NULL : abandoning->why->what);
	struct audit_event event = { .action = "issuance_abandoned",
		.resource_type = "certificate",
		.resource_id = abandoning->certificate_id,
		.details = details ? certctl_json_text(abandoning->errand->mem, details, NULL) : NULL };
	int rc = db_run(db, NULL, &query_abandoned_end, DB_VALUES(db_text(abandoning->job_id)), NULL, err);

	return rc < 0 ? rc : audit_record(db, &server, &event, err);
}

static int tell(struct abandoning *abandoning, int64_t attempt, struct certctl_error *err)
{
	struct errand *errand = abandoning->errand;
	struct certctl_call call = { .timeout_ms = CALL_MS, .is_cancelled = errand->must_stop, .arg = errand->arg };
	struct certctl_connector *issuer = NULL;
	struct certctl_error why = { 0 };
	struct db_result *rows = NULL;
	struct certctl_order order;
	int rc = db_once(errand->core->db, errand->mem, &query_abandoned_order, DB_VALUES(db_text(abandoning->job_id)),
		&rows, err);

	if (rc < 0 || db_rows(rows) == 0)
		return rc;
	rc = read_order(abandoning, rows, &order, err);
	if (rc < 0)
		return rc;
	rc = connectors_issuer(errand->core->connectors, abandoning->issuer_id, &issuer, &why);
	if (rc == 0)
		rc = certctl_issuer_abandon(issuer, &order, NULL, &call, &why);
	abandoning->certificate_id = db_get_text(rows, 0, "certificate_id");
	abandoning->is_told = rc == 0;
	abandoning->why = &why;
	if (rc < 0)
		certctl_log_error(CERTCTL_LOG_WARNING, "order.not_abandoned", &why, "job", abandoning->job_id, "issuer",
			abandoning->issuer_id, NULL);
	return rc < 0 && attempt < ATTEMPTS_MAX ? 0 : db_transaction(errand->core->db, end, abandoning, err);
}

int errand_abandon(struct errand *errand, struct certctl_error *err)
{
	const char *can = errand_issuers(errand, CERTCTL_ISSUER_CAN_ABANDON, true);
	const char *cannot = errand_issuers(errand, CERTCTL_ISSUER_CAN_ABANDON, false);
	struct db_result *due = NULL;
	int rc;

	if (!can || !cannot)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	rc = db_once(errand->core->db, NULL, &query_abandoned_drop, DB_VALUES(db_text(cannot)), NULL, err);
	if (rc == 0)
		rc = db_once(errand->core->db, errand->mem, &query_abandoned_claim, DB_VALUES(db_text(can)), &due, err);
	for (size_t i = 0; rc == 0 && i < db_rows(due); i++) {
		struct abandoning abandoning = { .errand = errand,
			.job_id = db_get_text(due, i, "job_id"),
			.issuer_id = db_get_text(due, i, "issuer_id") };

		if (errand->must_stop && errand->must_stop(errand->arg))
			return 0;
		rc = tell(&abandoning, db_get_integer(due, i, "attempts"), err);
	}
	return rc;
}
