/* What happens next to a certificate, and why, in sentences.  Derives them from facts of the moment; stores nothing. */
#include "why.h"
#include "core/features/doctor/doctor.sql.h"
#include "core/features/feature.h"
#include "core/platform/resource/resource.h"

#include <certctl/json.h>
#include <stdarg.h>
#include <string.h>

static const struct certctl_field why_fields[] = {
	RESOURCE_SHOWN("certificate_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("status", CERTCTL_TEXT),
	RESOURCE_SHOWN("next_action_at", CERTCTL_TIME),
	RESOURCE_SHOWN("summary", CERTCTL_TEXT),
	RESOURCE_SHOWN("sentences", CERTCTL_LIST),
	{ 0 },
};
const struct http_body why_body = { "Explanation", why_fields };

/* What is being explained; lives as long as the request. */
struct story {
	struct http_request *request;
	json_t *sentences;
	const struct db_result *certificate, *places; /* one row; one a placement */
};

static void say(struct story *story, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct story *story, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	json_array_append_new(story->sentences, json_string(talloc_vasprintf(story->request, format, arguments)));
	va_end(arguments);
}

/* "2026-11-23 17:40 UTC" */
static const char *moment(const struct story *story, const struct db_result *rows, size_t row, const char *column)
{
	const char *text = db_get_text(rows, row, column);

	return text ? talloc_asprintf(story->request, "%.16s UTC", text) : "no time that is set";
}

static const char *or_text(const char *text, const char *otherwise)
{
	return text && *text ? text : otherwise;
}

/* --- A job that lives ------------------------------------------------------------------------------------------------ */

static void explain_waiting_agent(struct story *story, size_t row, const char *job)
{
	const struct db_result *at = story->places;
	const char *agent = db_get_text(at, row, "agent_id");

	if (db_get_boolean(at, row, "is_offline"))
		say(story,
			"Job %s waits for agent %s to make a key and a request, and that agent is offline (last seen %s).",
			job, agent, moment(story, at, row, "last_heartbeat_at"));
	else if (db_get_boolean(at, row, "is_later"))
		say(story, "Job %s waits until %s, then agent %s makes a key and a request.", job,
			moment(story, at, row, "run_at"), agent);
	else
		say(story, "Job %s is with agent %s, which makes a key and a request.", job, agent);
}

static void explain_waiting_issuer(struct story *story, size_t row, const char *job)
{
	const struct db_result *at = story->places;
	const char *issuer = db_get_text(story->certificate, 0, "issuer_id");
	const char *hold = db_get_text(at, row, "hold_reason"), *error = db_get_text(at, row, "error");
	struct certctl_connector *open = NULL;

	if (hold && strcmp(hold, "outcome unknown") == 0)
		say(story,
			"Job %s is held until %s: issuer %s was asked, its answer was lost, and it cannot tell what it did. After that it is asked once more.",
			job, moment(story, at, row, "run_at"), issuer);
	else if (!db_get_boolean(story->certificate, 0, "issuer_enabled"))
		say(story, "Job %s waits for issuer %s, which is disabled.", job, issuer);
	else if (connectors_issuer(core_of(story->request)->connectors, issuer, &open, NULL) < 0)
		say(story, "Job %s waits for issuer %s, which is not open on this server.", job, issuer);
	else if (db_get_boolean(at, row, "is_later"))
		say(story, "Job %s asks issuer %s %s at %s%s%s.", job, issuer, error ? "again" : "for the answer",
			moment(story, at, row, "run_at"), error ? ", because: " : "", or_text(error, ""));
	else
		say(story, "Job %s is next in line for issuer %s%s.", job, issuer,
			db_is_null(story->certificate, 0, "rate_per_hour")
				? ""
				: ", which may be asked only so often an hour");
}

static void explain_job(struct story *story, size_t row)
{
	const struct db_result *at = story->places;
	const char *job = db_get_text(at, row, "job_id"), *state = db_get_text(at, row, "state");

	if (strcmp(state, "AwaitingApproval") == 0)
		say(story, "Job %s waits until %s for somebody other than %s to approve it: profile %s requires that.",
			job, moment(story, at, row, "approve_until"), db_get_text(at, row, "created_by"),
			or_text(db_get_text(story->certificate, 0, "profile_id"), "(none now)"));
	else if (strcmp(state, "AwaitingCSR") == 0)
		explain_waiting_agent(story, row, job);
	else if (strcmp(state, "Running") == 0)
		say(story, "Job %s is asking issuer %s now (%s, attempt %s of %s).", job,
			db_get_text(story->certificate, 0, "issuer_id"), or_text(db_get_text(at, row, "worker"), "?"),
			db_get_text(at, row, "attempts"), db_get_text(at, row, "attempts_max"));
	else
		explain_waiting_issuer(story, row, job);
}

/* --- Nothing under way ----------------------------------------------------------------------------------------------- */

static void explain_last_failure(struct story *story, size_t row)
{
	const struct db_result *at = story->places;
	const char *state = db_get_text(at, row, "ended_state"), *reason = db_get_text(at, row, "ended_reason");

	if (state && strcmp(state, "Completed") != 0)
		say(story, "The latest job, %s, is %s%s%s: %s.", db_get_text(at, row, "ended_id"), state,
			reason ? ", " : "", or_text(reason, ""),
			or_text(db_get_text(at, row, "ended_error"), "no error was recorded"));
}

static const char *rule(const struct story *story)
{
	const struct db_result *row = story->certificate;
	const char *policy = db_get_text(row, 0, "policy_id"), *days = db_get_text(row, 0, "renewal_threshold_days");
	const char *window = db_get_text(row, 0, "window_start"), *weekdays = db_get_text(row, 0, "renewal_days");
	char *text = days ? talloc_asprintf(story->request, "%s days before the end, says policy %s", days, policy)
			  : talloc_strdup(story->request, "by the fraction of its life that has passed");

	if (window)
		text = talloc_asprintf_append(text, ", between %s and %s UTC", window,
			db_get_text(row, 0, "window_end"));
	if (weekdays && *weekdays)
		text = talloc_asprintf_append(text, ", on %s", weekdays);
	return text;
}

/* What its CA asks for goes before what the policy says, as far as there is time. */
static const char *reason(const struct story *story, size_t row)
{
	const struct db_result *at = story->places;
	const char *url = db_get_text(at, row, "ari_url");

	if (db_is_null(at, row, "ari_starts_at"))
		return rule(story);
	return talloc_asprintf(story->request, "issuer %s wants that between %s and %s%s%s%s%s",
		db_get_text(at, row, "issued_by"), moment(story, at, row, "ari_starts_at"),
		moment(story, at, row, "ari_ends_at"), url ? " (" : "", or_text(url, ""), url ? ")" : "",
		db_get_boolean(at, row, "is_ari_too_late") ? ", which is too close to its end to wait for" : "");
}

static void explain_plan(struct story *story, size_t row)
{
	const struct db_result *at = story->places;
	const char *agent = db_get_text(at, row, "agent_id");
	bool is_issued = !db_is_null(at, row, "not_after");

	explain_last_failure(story, row);
	if (!db_is_null(at, row, "retired_at"))
		say(story, "Agent %s is retired: nothing happens there any more.", agent);
	else if (db_get_boolean(at, row, "is_outside"))
		say(story,
			"Agent %s is not in group %s, whose agents alone may hold it: nothing happens there until it is.",
			agent, db_get_text(at, row, "group_id"));
	else if (db_is_null(at, row, "renew_at"))
		say(story,
			is_issued && !db_get_boolean(story->certificate, 0, "auto_renew")
				? "On agent %s nothing happens by itself: policy %s says auto_renew: false."
				: "On agent %s nothing happens by itself until somebody asks for it (policy %s).",
			agent, or_text(db_get_text(story->certificate, 0, "policy_id"), "none"));
	else if (db_get_boolean(at, row, "is_due"))
		say(story, "On agent %s it is due since %s: a job is made within seconds.", agent,
			moment(story, at, row, "renew_at"));
	else if (db_get_integer(at, row, "failures") > 0)
		say(story, "On agent %s it is tried again at %s.", agent, moment(story, at, row, "renew_at"));
	else
		say(story, "On agent %s it is renewed at %s: %s. It ends at %s.", agent,
			moment(story, at, row, "renew_at"), reason(story, row), moment(story, at, row, "not_after"));
}

/* --- Targets --------------------------------------------------------------------------------------------------------- */

static void explain_binding(struct story *story, const struct db_result *at, size_t row)
{
	const char *target = db_get_text(at, row, "target_id"), *job = db_get_text(at, row, "job_id");
	const char *error = db_get_text(at, row, "error");

	if (db_is_null(at, row, "sequence"))
		say(story, "Target %s gets it once it is issued.", target);
	else if (job)
		say(story, "Target %s gets version %s by job %s, which is %s%s%s.", target,
			db_get_text(at, row, "sequence"), job, db_get_text(at, row, "state"),
			error ? "; last time: " : "", or_text(error, ""));
	else
		say(story, "Target %s does not serve version %s; it is tried again at %s%s%s.", target,
			db_get_text(at, row, "sequence"), moment(story, at, row, "retry_at"),
			error ? ", because: " : "", or_text(error, ""));
}

/* --- The whole ------------------------------------------------------------------------------------------------------- */

static void explain(struct story *story, const struct db_result *bindings)
{
	const char *refusal = db_get_text(story->certificate, 0, "refusal");

	if (!db_is_null(story->certificate, 0, "archived_at")) {
		say(story, "It is archived: nothing happens to it any more.");
		return;
	}
	if (refusal)
		say(story, "Its profile does not allow it as it stands: %s.", refusal);
	if (db_rows(story->places) == 0)
		say(story, "No agent holds it: give it a target or an agent.");
	for (size_t row = 0; row < db_rows(story->places); row++)
		if (db_get_text(story->places, row, "job_id"))
			explain_job(story, row);
		else
			explain_plan(story, row);
	for (size_t row = 0; row < db_rows(bindings); row++)
		explain_binding(story, bindings, row);
}

static int write_reply(const struct story *story, struct http_reply *reply, struct certctl_error *err)
{
	const char *summary = json_string_value(json_array_get(story->sentences, 0));
	const char *text = certctl_json_text(story->request, story->sentences, NULL);
	const char *id = http_path(story->request, "id");

	if (!text || !summary)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	certctl_buffer_puts(&reply->body, "{\"certificate_id\":");
	certctl_buffer_json_string(&reply->body, id, strlen(id));
	certctl_buffer_puts(&reply->body, ",");
	resource_write_members(&reply->body, why_fields, story->certificate, 0);
	certctl_buffer_puts(&reply->body, ",\"summary\":");
	certctl_buffer_json_string(&reply->body, summary, strlen(summary));
	certctl_buffer_puts(&reply->body, ",\"sentences\":");
	certctl_buffer_puts(&reply->body, text);
	certctl_buffer_puts(&reply->body, "}");
	return http_reply_json(reply, 200);
}

int certificate_why(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *sentences = json_array();
	struct story story = { .request = request, .sentences = sentences };
	struct db_pool *db = core_of(request)->db;
	const char *id = http_path(request, "id");
	struct db_result *certificate = NULL, *places = NULL, *bindings = NULL;
	int rc = db_once(db, request, &query_why_certificate, DB_VALUES(db_text(id), db_text(request->scope)),
		&certificate, err);

	if (rc == 0 && db_rows(certificate) == 0)
		rc = certctl_fail(err, CERTCTL_E_NOT_FOUND, "certificate '%s' is not there", id);
	if (rc == 0)
		rc = db_once(db, request, &query_why_placements, DB_VALUES(db_text(id)), &places, err);
	if (rc == 0)
		rc = db_once(db, request, &query_why_bindings, DB_VALUES(db_text(id)), &bindings, err);
	if (rc < 0)
		return rc;
	story.certificate = certificate;
	story.places = places;
	explain(&story, bindings);
	return write_reply(&story, reply, err);
}
