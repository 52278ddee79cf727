/* When CAs want their certificates renewed (RFC 9773).  What follows from an answer says the schema (heed_window()); knows no CA. */
#include "core/features/audit/audit.h"
#include "core/features/issuance/errands.sql.h"
#include "errands.h"

#include <certctl/json.h>
#include <certctl/log.h>

#define CALL_MS 15000
/* RFC 9773, section 4.3.3 asks for limits of one's own. */
#define CHECK_LEAST_S     60
#define CHECK_MOST_S      86400
#define CHECK_S           21600

#define YEAR_10000_UNIX_S INT64_C(253402300800)

struct asking {
	struct errand *errand;
	const char *placement_id, *certificate_id, *version_id, *issuer_id;
	const struct certctl_renewal_window *window;
};

static int64_t check_after_s(const struct certctl_renewal_window *window)
{
	if (window->retry_after_s <= 0)
		return CHECK_S;
	if (window->retry_after_s < CHECK_LEAST_S)
		return CHECK_LEAST_S;
	return window->retry_after_s < CHECK_MOST_S ? window->retry_after_s : CHECK_MOST_S;
}

static int record(struct db *db, const struct asking *asking, const struct db_result *planned,
	struct certctl_error *err)
{
	static const struct audit_actor server = { .name = "certctld", .type = "server" };
	CERTCTL_AUTO(json_decref)
	json_t *details = json_pack("{s:s, s:s, s:s*, s:s*, s:s*, s:s*}", "issuer_id", asking->issuer_id, "version_id",
		asking->version_id, "starts_at", db_get_text(planned, 0, "starts_at"), "ends_at",
		db_get_text(planned, 0, "ends_at"), "explanation_url", db_get_text(planned, 0, "url"), "renew_at",
		db_get_text(planned, 0, "renew_at"));
	struct audit_event event = { .action = "renewal_window_changed",
		.resource_type = "certificate",
		.resource_id = asking->certificate_id,
		.details = details ? certctl_json_text(asking->errand->mem, details, NULL) : NULL };

	return audit_record(db, &server, &event, err);
}

static int heed(struct db *db, void *arg, struct certctl_error *err)
{
	struct asking *asking = arg;
	const struct certctl_renewal_window *window = asking->window;
	TALLOC_CTX *mem = asking->errand->mem;
	bool says = window->has_answer;
	struct db_result *rows = NULL;
	int rc = db_run(db, mem, &query_window_note,
		DB_VALUES(db_text(asking->placement_id), db_text(asking->version_id),
			says ? db_integer(window->start_unix_s) : db_text(NULL),
			says ? db_integer(window->end_unix_s) : db_text(NULL),
			db_text(says ? window->explanation_url : NULL), db_integer(check_after_s(window))),
		&rows, err);

	if (rc < 0 || db_rows(rows) == 0 || !db_get_boolean(rows, 0, "is_changed"))
		return rc;
	rc = db_run(db, mem, &query_window_heed, DB_VALUES(db_text(asking->placement_id)), &rows, err);
	return rc < 0 || db_rows(rows) == 0 ? rc : record(db, asking, rows, err);
}

/* A window that ends before it begins, or in no time that we know, is no answer. */
static int check(const struct certctl_renewal_window *window, struct certctl_error *err)
{
	if (!window->has_answer || (window->start_unix_s > 0 && window->start_unix_s <= window->end_unix_s &&
					   window->end_unix_s < YEAR_10000_UNIX_S))
		return 0;
	return certctl_fail(err, CERTCTL_E_PROTOCOL, "renewal window: from %lld to %lld makes no sense",
		(long long)window->start_unix_s, (long long)window->end_unix_s);
}

/* What a CA does not answer is asked again later, and what it said before holds until then. */
static int ask(struct asking *asking, const char *leaf, struct certctl_error *err)
{
	struct errand *errand = asking->errand;
	struct certctl_call call = { .timeout_ms = CALL_MS, .is_cancelled = errand->must_stop, .arg = errand->arg };
	struct certctl_renewal_window window = { 0 };
	struct certctl_connector *issuer = NULL;
	struct certctl_error why = { 0 };
	int rc = connectors_issuer(errand->core->connectors, asking->issuer_id, &issuer, &why);

	if (rc == 0)
		rc = certctl_issuer_renewal_window(issuer, leaf, &call, errand->mem, &window, &why);
	if (rc == 0)
		rc = check(&window, &why);
	if (rc < 0) {
		certctl_log_error(CERTCTL_LOG_WARNING, "renewal_window.not_known", &why, "issuer", asking->issuer_id,
			"certificate", asking->certificate_id, NULL);
		return 0;
	}
	asking->window = &window;
	return db_transaction(errand->core->db, heed, asking, err);
}

/* Versions that nobody has asked about yet: a piece of all placements a round, again and again. */
static int begin(struct errand *errand, const char *issuers, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_once(errand->core->db, errand->mem, &query_windows_begin,
		DB_VALUES(db_text(issuers), db_text(errand->after)), &rows, err);

	if (rc < 0)
		return rc;
	if (errand->after[0])
		talloc_free((void *)(uintptr_t)errand->after);
	errand->after = db_rows(rows) > 0 ? talloc_strdup(errand->keeper, db_get_text(rows, 0, "last")) : "";
	return errand->after ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

int errand_windows(struct errand *errand, struct certctl_error *err)
{
	const char *issuers = errand_issuers(errand, CERTCTL_ISSUER_CAN_RENEWAL_WINDOW, true);
	struct db_result *due = NULL;
	int rc;

	if (!issuers)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	if (issuers[1] == '}')
		return 0;
	rc = begin(errand, issuers, err);
	if (rc == 0)
		rc = db_once(errand->core->db, NULL, &query_windows_end, DB_NO_VALUES, NULL, err);
	do {
		if (rc == 0)
			rc = db_once(errand->core->db, errand->mem, &query_windows_claim, DB_VALUES(db_text(issuers)),
				&due, err);
		for (size_t i = 0; rc == 0 && i < db_rows(due); i++) {
			struct asking asking = { .errand = errand,
				.placement_id = db_get_text(due, i, "id"),
				.certificate_id = db_get_text(due, i, "certificate_id"),
				.version_id = db_get_text(due, i, "version_id"),
				.issuer_id = db_get_text(due, i, "issuer_id") };

			if (errand->must_stop && errand->must_stop(errand->arg))
				return 0;
			rc = ask(&asking, db_get_text(due, i, "leaf"), err);
		}
	} while (rc == 0 && db_rows(due) > 0);
	return rc;
}
