/*
 * What follows from a change of a certificate: its names made canonical, placements and bindings as it wants them, its next version asked
 * for when it is another one, its end.  Knows no CA and no agent.
 */
#include "certificates.h"
#include "core/features/audit/audit.h"
#include "core/features/certificates/certificates.sql.h"
#include "core/features/deployment/deployment.h"
#include "core/features/issuance/issuance.h"
#include "core/platform/jobs/jobs.sql.h"
#include "core/platform/pki/pki.h"
#include "fields.h"

#include <certctl/json.h>
#include <string.h>

/* --- Before the write ------------------------------------------------------------------------------------------------ */

static bool contains(const struct certctl_list *list, const char *text)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcasecmp(((const char *const *)list->items)[i], text) == 0)
			return true;
	return false;
}

/* One that was made of the names before goes with them. */
static bool is_common_name_outdated(const struct resource_change *change, const struct certificate *wanted)
{
	const char *before = json_string_value(json_object_get(change->before, "common_name"));

	return before && wanted->common_name && strcmp(before, wanted->common_name) == 0 &&
	       !contains(&wanted->sans, before);
}

/* The common name is one of the names, and the first DNS name when the operator gives none. */
static int choose_common_name(struct resource_change *change, struct certificate *wanted, struct certctl_error *err)
{
	const char *const *sans = wanted->sans.items;
	struct certctl_name common = { 0 };
	struct certctl_error why = { 0 };

	if (wanted->common_name && !is_common_name_outdated(change, wanted)) {
		if (certctl_name_guess(change->mem, wanted->common_name, &common, &why) < 0)
			return resource_problem(change, err, "common_name", "%s", why.what);
	} else if (certctl_name_guess(change->mem, sans[0], &common, NULL) < 0 || common.type != CERTCTL_NAME_DNS ||
		   strlen(common.text) > 64) {
		common.text = NULL;
	}
	wanted->common_name = common.text;
	return json_object_set_new(change->document, "common_name",
		       common.text ? json_string(common.text) : json_null()) == 0
		       ? 0
		       : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

static int make_names(struct resource_change *change, struct certificate *wanted, struct certctl_error *err)
{
	struct certctl_name **names = NULL;
	struct certctl_error why = { 0 };
	int rc = choose_common_name(change, wanted, err);

	if (rc < 0)
		return rc;
	if (pki_names_make(change->mem, wanted->sans.items, wanted->sans.count, wanted->common_name, &names, &why) < 0)
		return resource_problem(change, err, "sans", "%s", why.what);
	wanted->names = pki_names_write(change->mem, (const struct certctl_name *const *)names);
	return wanted->names ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

/* An agent may be at it, or the CA: what comes of that would be nobody's. */
static int check_idle(struct resource_change *change, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc =
		db_run(change->db, change->mem, &query_certificate_at_work, DB_VALUES(db_text(change->id)), &rows, err);

	if (rc < 0 || db_rows(rows) == 0)
		return rc;
	certctl_fail(err, CERTCTL_E_CONFLICT, "certificate '%s': its job '%s' is running", change->id,
		db_get_text(rows, 0, "id"));
	certctl_hint(err, "Wait for it, or cancel it.");
	return CERTCTL_E_CONFLICT;
}

int certificate_check(struct resource_change *change, struct certctl_error *err)
{
	struct certificate *wanted = change->wanted;

	if (change->before && json_is_string(json_object_get(change->before, "archived_at")))
		return certctl_fail(err, CERTCTL_E_CONFLICT, "certificate '%s' is archived", change->id);
	if (!wanted)
		return check_idle(change, err);
	if (wanted->target_ids.count + wanted->agent_ids.count == 0)
		return resource_problem(change, err, "target_ids",
			"at least one target, or one of agent_ids, is needed");
	return make_names(change, wanted, err);
}

/* --- Where it is ----------------------------------------------------------------------------------------------------- */

/* Lists of the struct as the database has them. */
struct places {
	struct db_value id, target_ids, agent_ids;
	struct db_result *added; /* placements */
	size_t bindings_added, bindings_removed, placements_ended;
};

static int check_targets(struct resource_change *change, const struct places *places, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_run(change->db, change->mem, &query_targets_missing, &places->target_ids, 1, &rows, err);

	return rc < 0 || db_rows(rows) == 0 ? rc
					    : resource_problem(change, err, "target_ids",
						      "'%s' is not there, or named twice", db_value_at(rows, 0, 0));
}

static int cancel(struct resource_change *change, const struct db_result *jobs, const char *why,
	struct certctl_error *err)
{
	return db_run(change->db, NULL, &query_jobs_cancel,
		DB_VALUES(db_text(db_value_at(jobs, 0, 0)), db_text(change->request->actor), db_text(why),
			db_text(NULL)),
		NULL, err);
}

/* What is not wanted there any more: its jobs, its bindings, and placements that nobody needs then. */
static int leave(struct resource_change *change, struct places *places, const char *why, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_run(change->db, change->mem, &query_jobs_unwanted,
		DB_VALUES(places->id, places->target_ids, places->agent_ids), &rows, err);

	if (rc == 0)
		rc = cancel(change, rows, why, err);
	if (rc == 0)
		rc = db_run(change->db, change->mem, &query_bindings_remove, DB_VALUES(places->id, places->target_ids),
			&rows, err);
	places->bindings_removed = rc == 0 ? db_rows(rows) : 0;
	if (rc == 0)
		rc = db_run(change->db, change->mem, &query_placements_end, DB_VALUES(places->id, places->agent_ids),
			&rows, err);
	places->placements_ended = rc == 0 ? db_rows(rows) : 0;
	return rc;
}

static int arrive(struct resource_change *change, struct places *places, struct certctl_error *err)
{
	const struct certificate *wanted = change->wanted;
	struct db_value options = db_text(wanted->binding_options);
	struct db_result *rows = NULL;
	int rc = db_run(change->db, change->mem, &query_placements_want,
		DB_VALUES(places->id, places->target_ids, places->agent_ids), &places->added, err);

	if (rc == 0)
		rc = db_run(change->db, change->mem, &query_bindings_want_targets,
			DB_VALUES(places->id, places->target_ids, options), &rows, err);
	places->bindings_added = rc == 0 ? db_rows(rows) : 0;
	bool is_said = json_object_get(change->document, "binding_options");

	if (rc == 0 && is_said && change->verb != RESOURCE_CREATE) {
		rc = db_run(change->db, change->mem, &query_bindings_set_options, DB_VALUES(places->id, options), &rows,
			err);
		change->is_changed |= rc == 0 && db_rows(rows) > 0;
	}
	return rc == 0 && (is_said || places->bindings_added > 0) ? deployment_check_bindings(change, change->id, err)
								  : rc;
}

static int move(struct resource_change *change, struct places *places, struct certctl_error *err)
{
	const struct certificate *wanted = change->wanted;

	places->id = db_text(change->id);
	places->target_ids = db_text(db_array(change->mem, wanted->target_ids.items, wanted->target_ids.count));
	places->agent_ids = db_text(db_array(change->mem, wanted->agent_ids.items, wanted->agent_ids.count));
	if (!places->target_ids.text || !places->agent_ids.text)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	int rc = check_targets(change, places, err);

	/* Arriving first: a placement whose target is replaced by another of its agent goes on. */
	if (rc == 0)
		rc = arrive(change, places, err);
	if (rc == 0 && change->verb != RESOURCE_CREATE)
		rc = leave(change, places, "not wanted there any more", err);
	change->is_changed |= rc == 0 && (db_rows(places->added) + places->bindings_added + places->bindings_removed +
						 places->placements_ended) > 0;
	return rc;
}

/* --- What follows ---------------------------------------------------------------------------------------------------- */

/* Is the next version another one than the last? */
static bool is_other(const struct resource_change *change)
{
	static const char *const members[] = { "sans", "common_name", "key_type", "issuer_id", NULL };
	const struct certificate *wanted = change->wanted;

	for (const char *const *name = members; *name; name++) {
		const json_t *old = json_object_get(change->before, *name);
		const json_t *new = json_object_get(change->document, *name);

		if (strcmp(*name, "sans") != 0 && old && new && !json_equal(old, new))
			return true;
	}
	/* The names as they are shown are canonical: compared as sets. */
	const json_t *old = json_object_get(change->before, "sans");

	for (size_t i = 0; i < wanted->sans.count; i++) {
		bool is_there = false;

		for (size_t j = 0; j < json_array_size(old); j++)
			is_there |= strcasecmp(json_string_value(json_array_get(old, j)),
					    ((const char *const *)wanted->sans.items)[i]) == 0;
		if (!is_there)
			return true;
	}
	for (size_t j = 0; j < json_array_size(old); j++) {
		const char *name = json_string_value(json_array_get(old, j));

		if (!contains(&wanted->sans, name) && !(wanted->common_name && strcmp(wanted->common_name, name) == 0))
			return true;
	}
	return false;
}

static int ask_anew(struct resource_change *change, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_run(change->db, change->mem, &query_issuances_outdated, DB_VALUES(db_text(change->id)), &rows, err);

	if (rc == 0)
		rc = cancel(change, rows, "the certificate was changed", err);
	return rc < 0 ? rc : issuance_request(change->db, change->id, change->request->actor, err);
}

/* Where it came to: a version for new agents, and what agents have already for their new targets. */
static int bring(struct resource_change *change, const struct places *places, struct certctl_error *err)
{
	struct db_result *behind = NULL;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < db_rows(places->added); i++)
		rc = issuance_request_placed(change->db, change->id, db_value_at(places->added, i, 0),
			change->request->actor, err);
	if (rc == 0 && places->bindings_added > 0)
		rc = db_run(change->db, change->mem, &query_placements_behind, DB_VALUES(places->id), &behind, err);
	for (size_t i = 0; rc == 0 && behind && i < db_rows(behind); i++)
		rc = deployment_request(change->db, change->id, db_value_at(behind, i, 0), change->request->actor, err);
	return rc;
}

/* Well-formed, and refused by a profile or a policy, who say "field: why". */
static int refuse(struct resource_change *change, int rc, struct certctl_error *err)
{
	struct certctl_error why = *err;
	size_t len = strcspn(why.what, ":");

	if (rc != CERTCTL_E_DENIED)
		return rc;
	change->reply->status = 422;
	if (why.what[len] && why.what[len + 1] == ' ')
		resource_problem(change, err, talloc_strndup(change->mem, why.what, len), "%s", why.what + len + 2);
	*err = why;
	return rc;
}

static int check_profile(struct resource_change *change, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc =
		db_run(change->db, change->mem, &query_certificate_refusal, DB_VALUES(db_text(change->id)), &rows, err);

	if (rc == 0 && !db_is_null(rows, 0, "refusal"))
		rc = certctl_fail(err, CERTCTL_E_DENIED, "%s", db_get_text(rows, 0, "refusal"));
	return rc;
}

int certificate_written(struct resource_change *change, struct certctl_error *err)
{
	struct places places = { 0 };
	int rc = move(change, &places, err);

	if (rc < 0)
		return rc;
	if (change->verb == RESOURCE_CREATE)
		return refuse(change, issuance_request(change->db, change->id, change->request->actor, err), err);
	rc = check_profile(change, err);
	if (rc == 0 && is_other(change))
		rc = ask_anew(change, err);
	else if (rc == 0)
		rc = bring(change, &places, err);
	return refuse(change, rc, err);
}

void certificate_done(struct resource_change *change)
{
	jobs_wake(core_of(change->request)->jobs);
}

/* Nothing issued is ever erased: it stays, with its versions, and nothing happens to it any more. */
int certificate_archive(struct resource_change *change, struct certctl_error *err)
{
	struct places nowhere = { .id = db_text(change->id), .target_ids = db_text("{}"), .agent_ids = db_text("{}") };
	int rc = leave(change, &nowhere, "the certificate was archived", err);

	return rc < 0 ? rc
		      : db_run(change->db, NULL, &query_certificate_set_archived, DB_VALUES(db_text(change->id)), NULL,
				err);
}
