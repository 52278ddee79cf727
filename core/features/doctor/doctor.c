/* The doctor's round: every invariant and every check, one row of a table each.  Changes nothing. */
#include "doctor.h"
#include "core/features/access/access.h"
#include "core/features/doctor/doctor.sql.h"
#include "core/features/doctor/invariants.sql.h"
#include "core/platform/resource/resource.h"
#include "why.h"

#include <certctl/json.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROWS_SHOWN    10
#define CLOCK_APART_S 2

/* One check.  To add one: its query in a .sql file, rows of `id` and `detail` for what is wrong, and a row here. */
struct check {
	const char *name, *kind, *detail; /* detail: what it means when there are rows */
	const struct db_query *query;
	/* Is this row fine after all?  NULL: no row is. */
	bool (*is_fine)(struct core *core, const struct db_result *rows, size_t row);
};

static bool is_issuer_open(struct core *core, const struct db_result *rows, size_t row)
{
	struct certctl_connector *issuer = NULL;

	return connectors_issuer(core->connectors, db_get_text(rows, row, "id"), &issuer, NULL) == 0;
}

static const struct check checks[] = {
	{ "leases", "invariant", "a lease that ended long ago is taken up by nobody", &query_invariant_lease, NULL },
	{ "one_issuance", "invariant", "two live issuances of one placement", &query_invariant_one_issuance, NULL },
	{ "one_deployment", "invariant", "two live deployments of one certificate to one target",
		&query_invariant_one_deployment, NULL },
	{ "live_or_ended", "invariant", "a job is live and ended", &query_invariant_live_or_ended, NULL },
	{ "one_certificate", "invariant", "a job released more than one certificate", &query_invariant_one_certificate,
		NULL },
	{ "intent_closed", "invariant", "a completed job left an intent open", &query_invariant_intent_closed, NULL },
	{ "asked_again", "invariant", "a CA was asked a third time while two answers were missing",
		&query_invariant_asked_again, NULL },
	{ "completed_whole", "invariant",
		"a completed issuance has no version, or its version no event, from one transaction",
		&query_invariant_completed_whole, NULL },
	{ "deployment_on_its_way", "invariant",
		"a version in force is neither deployed, nor on its way, nor to be tried again",
		&query_invariant_deployment_on_its_way, NULL },
	{ "no_way_back", "invariant", "a target went back to an older version without being told to",
		&query_invariant_no_way_back, NULL },
	{ "attempts", "invariant", "more attempts than allowed", &query_invariant_attempts, NULL },
	{ "intent_before", "invariant", "a certificate without an intent", &query_invariant_intent_before, NULL },
	{ "new_key", "invariant", "two versions share a key, and no profile says that they may",
		&query_invariant_new_key, NULL },
	{ "trail", "invariant", "a change of a job's state is not in the trail", &query_invariant_trail, NULL },
	{ "not_forgotten", "invariant", "a certificate comes to its end, and nothing is going to happen",
		&query_invariant_not_forgotten, NULL },
	{ "alarmed", "invariant", "a failure without an alarm", &query_invariant_alarmed, NULL },
	{ "facts", "invariant", "a certificate does not show what its versions and bindings say",
		&query_invariant_facts, NULL },
	{ "audit_protected", "check", "the audit trail is not protected from the application",
		&query_check_audit_protected, NULL },
	{ "sealing", "check", "the sealer of the audit trail is behind", &query_check_sealing, NULL },
	{ "agents", "check", "agents that hold certificates are offline", &query_check_agents, NULL },
	{ "issuers", "check", "an issuer is not open on this server: its jobs wait for another one",
		&query_check_issuers, is_issuer_open },
	{ "overdue", "check", "jobs that nobody takes up", &query_check_overdue, NULL },
	{ "alarms", "check", "critical alarms are open", &query_check_alarms, NULL },
	{ "partitions", "check", "a table has no room for next month", &query_check_partitions, NULL },
	{ 0 },
};

/* What one round found; lives as long as the request. */
struct round {
	struct http_request *request;
	json_t *results; /* of all checks */
	bool is_well;
};

static int add_result(struct round *round, const char *name, const char *kind, const char *detail, json_t *rows,
	struct certctl_error *err)
{
	bool is_ok = !detail;
	int failed = json_array_append_new(round->results, json_pack("{s:s, s:s, s:b, s:s?, s:o}", "name", name, "kind",
								   kind, "ok", is_ok, "detail", detail, "rows", rows));

	round->is_well = round->is_well && is_ok;
	return failed ? certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory") : 0;
}

/* Callers that are limited hear that something is wrong, not with what. */
static int run_check(struct round *round, const struct check *check, struct certctl_error *err)
{
	struct core *core = core_of(round->request);
	struct db_result *rows = NULL;
	struct certctl_error why = { 0 };
	json_t *shown = json_array();
	bool is_ok = true;

	if (db_once(core->db, round->request, check->query, DB_NO_VALUES, &rows, &why) < 0)
		return add_result(round, check->name, check->kind,
			talloc_asprintf(round->request, "could not be asked: %s", why.what), shown, err);
	for (size_t row = 0; row < db_rows(rows); row++) {
		if (check->is_fine && check->is_fine(core, rows, row))
			continue;
		is_ok = false;
		if (!round->request->scope && json_array_size(shown) < ROWS_SHOWN)
			json_array_append_new(shown, json_pack("{s:s?, s:s?}", "id", db_get_text(rows, row, "id"),
							     "detail", db_get_text(rows, row, "detail")));
	}
	return add_result(round, check->name, check->kind, is_ok ? NULL : check->detail, shown, err);
}

/* Leases and ends of certificates are the database's time; TLS and the log are ours. */
static int check_clock(struct round *round, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	const char *detail = NULL;
	int rc = db_once(core_of(round->request)->db, round->request, &query_check_clock, DB_NO_VALUES, &rows, err);

	if (rc < 0)
		return rc;
	double apart_s = strtod(db_get_text(rows, 0, "now_s"), NULL) - (double)time(NULL);

	if (apart_s > CLOCK_APART_S || apart_s < -CLOCK_APART_S)
		detail = talloc_asprintf(round->request, "the clocks of server and database are %.0f s apart", apart_s);
	return add_result(round, "clock", "check", detail, json_array(), err);
}

static const struct certctl_field check_fields[] = {
	RESOURCE_SHOWN("ok", CERTCTL_BOOLEAN),
	RESOURCE_SHOWN("checks", CERTCTL_LIST),
	{ 0 },
};
static const struct http_body doctor_body = { "Diagnosis", check_fields };

static int examine(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *results = json_array();
	struct round round = { .request = request, .results = results, .is_well = true };
	int rc = check_clock(&round, err);

	for (const struct check *check = checks; rc == 0 && check->name; check++)
		rc = run_check(&round, check, err);
	if (rc < 0)
		return rc;
	const char *text = certctl_json_text(request, results, NULL);

	if (!text)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	certctl_buffer_printf(&reply->body, "{\"ok\":%s,\"checks\":", round.is_well ? "true" : "false");
	certctl_buffer_puts(&reply->body, text);
	certctl_buffer_puts(&reply->body, "}");
	return http_reply_json(reply, 200);
}

static const struct http_route routes[] = {
	{ "GET", "/api/v1/doctor", PERMISSION_SYSTEM_READ, examine,
		.summary = "Check what must always hold: each check with up to ten rows of what is wrong",
		.gives = &doctor_body },
	{ "GET", "/api/v1/certificates/{id}/why", PERMISSION_CERTIFICATES_READ, certificate_why,
		.summary = "Say what happens next to a certificate, and why", .gives = &why_body },
	{ 0 },
};

const struct feature doctor_feature = {
	.name = "doctor", .about = "What is wrong, and what happens next.", .routes = routes
};
