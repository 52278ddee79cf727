/*
 * Another owner, team, profile or policy for many: a piece at a time, each in a transaction of its own with its events, until all are
 * done.  Which ones, and what their profile refuses, the statements say.
 */
#include "certificates.h"
#include "core/features/audit/audit.h"
#include "core/features/certificates/certificates.sql.h"
#include "core/features/feature.h"
#include "fields.h"

#include <certctl/json.h>
#include <string.h>

#define REASONS_MAX 100

struct reassign {
	const char *new_owner_id, *new_team_id, *new_profile_id, *new_policy_id;
	const char *owner_id, *team_id, *profile_id, *policy_id, *issuer_id, *agent_id, *environment, *tag;
	struct certctl_list certificate_ids;
	bool dry_run;
};

static const struct certctl_field request_fields[] = {
	CERTCTL_OPTION(struct reassign, new_owner_id, CERTCTL_REFERENCE, .refers_to = "owner",
		.help = "Who they belong to from now on; null: to nobody."),
	CERTCTL_OPTION(struct reassign, new_team_id, CERTCTL_REFERENCE, .refers_to = "team", .help = "null: to none."),
	CERTCTL_OPTION(struct reassign, new_profile_id, CERTCTL_REFERENCE, .refers_to = "profile",
		.help = "null: none."),
	CERTCTL_OPTION(struct reassign, new_policy_id, CERTCTL_REFERENCE, .refers_to = "policy", .help = "null: none."),
	CERTCTL_OPTION(struct reassign, owner_id, CERTCTL_REFERENCE, .refers_to = "owner",
		.help = "Only those of this owner; all that is given must hold."),
	CERTCTL_OPTION(struct reassign, team_id, CERTCTL_REFERENCE, .refers_to = "team"),
	CERTCTL_OPTION(struct reassign, profile_id, CERTCTL_REFERENCE, .refers_to = "profile"),
	CERTCTL_OPTION(struct reassign, policy_id, CERTCTL_REFERENCE, .refers_to = "policy"),
	CERTCTL_OPTION(struct reassign, issuer_id, CERTCTL_REFERENCE, .refers_to = "issuer"),
	CERTCTL_OPTION(struct reassign, agent_id, CERTCTL_REFERENCE, .refers_to = "agent"),
	CERTCTL_OPTION(struct reassign, environment, CERTCTL_TEXT, .min = 1, .max = 63),
	CERTCTL_OPTION(struct reassign, tag, CERTCTL_TEXT, .min = 1, .max = 200),
	CERTCTL_OPTION(struct reassign, certificate_ids, CERTCTL_LIST, .item_type = CERTCTL_REFERENCE, .min = 1,
		.max = CERTIFICATE_IDS_MAX, .refers_to = "certificate"),
	CERTCTL_OPTION(struct reassign, dry_run, CERTCTL_BOOLEAN, .fallback = "false",
		.help = "Count, and change nothing."),
	{ 0 },
};
const struct http_body certificate_reassign_request = { "Reassignment", request_fields };

static const struct certctl_field reply_fields[] = {
	RESOURCE_SHOWN("matched", CERTCTL_INTEGER),    /* certificates */
	RESOURCE_SHOWN("reassigned", CERTCTL_INTEGER), /* of them */
	RESOURCE_SHOWN("skipped", CERTCTL_INTEGER),    /* were as they should be */
	RESOURCE_SHOWN("failed", CERTCTL_INTEGER),     /* their profile does not allow it */
	RESOURCE_SHOWN("reasons", CERTCTL_LIST),       /* [{id, reason}], the first hundred */
	RESOURCE_SHOWN("dry_run", CERTCTL_BOOLEAN),
	{ 0 },
};
const struct http_body certificate_reassign_body = { "ReassignmentCounts", reply_fields };

/* One request, and how far it is. */
struct reassigning {
	struct http_request *request;
	const struct reassign *wanted;
	const char *certificate_ids; /* NULL: not limited to some */
	const char *after;           /* the last id of the piece before */
	TALLOC_CTX *mem;             /* of this piece */
	struct db_result *ids, *counts;
	int64_t matched, reassigned, skipped;
	json_t *reasons;
	int64_t failed;
};

/* What a null takes away is "" here, and to the statement; a member that is not there leaves things as they are. */
static int read_nulls(const struct http_request *request, struct reassign *wanted, struct certctl_error *err)
{
	const struct {
		const char *name, **value;
	} rows[] = { { "new_owner_id", &wanted->new_owner_id }, { "new_team_id", &wanted->new_team_id },
		{ "new_profile_id", &wanted->new_profile_id }, { "new_policy_id", &wanted->new_policy_id } };
	CERTCTL_AUTO(json_decref) json_t *document = NULL;
	int rc = certctl_json_parse(request->body, request->body_len, NULL, &document, err);

	for (size_t i = 0; rc == 0 && i < CERTCTL_COUNT(rows); i++)
		if (json_is_null(json_object_get(document, rows[i].name)))
			*rows[i].value = "";
	return rc;
}

static int check(const struct reassign *wanted, struct certctl_error *err)
{
	if (!(wanted->new_owner_id || wanted->new_team_id || wanted->new_profile_id || wanted->new_policy_id))
		return certctl_fail(err, CERTCTL_E_INVALID,
			"one of new_owner_id, new_team_id, new_profile_id, new_policy_id is needed");
	if (wanted->owner_id || wanted->team_id || wanted->profile_id || wanted->policy_id || wanted->issuer_id ||
		wanted->agent_id || wanted->environment || wanted->tag || wanted->certificate_ids.count > 0)
		return 0;
	return certctl_fail(err, CERTCTL_E_INVALID,
		"one of owner_id, team_id, profile_id, policy_id, issuer_id, agent_id, environment, tag, "
		"certificate_ids is "
		"needed: nobody gives everything away by accident");
}

/* Nobody puts anything where it is out of their own reach. */
static int check_scope(const struct reassigning *self, struct certctl_error *err)
{
	const struct reassign *wanted = self->wanted;
	struct db_result *rows = NULL;

	if (!self->request->scope || !(wanted->new_team_id || wanted->new_profile_id))
		return 0;
	int rc = db_once(core_of(self->request)->db, self->request, &query_reassign_allowed,
		DB_VALUES(db_text(self->request->scope), db_text(wanted->new_team_id), db_text(wanted->new_profile_id)),
		&rows, err);

	return rc < 0 || db_get_boolean(rows, 0, "is_allowed")
		       ? rc
		       : certctl_fail(err, CERTCTL_E_DENIED, "they would be outside of what this key is limited to");
}

static int match(struct db *db, struct reassigning *self, struct certctl_error *err)
{
	const struct reassign *wanted = self->wanted;

	return db_run(db, self->mem, &query_reassign_match,
		DB_VALUES(db_text(self->after), db_text(self->request->scope), db_text(self->certificate_ids),
			db_text(wanted->owner_id), db_text(wanted->team_id), db_text(wanted->profile_id),
			db_text(wanted->policy_id), db_text(wanted->issuer_id), db_text(wanted->agent_id),
			db_text(wanted->environment), db_text(wanted->tag)),
		&self->ids, err);
}

static const char *ids_of(TALLOC_CTX *mem, const struct db_result *rows)
{
	const char **ids = talloc_zero_array(mem, const char *, (unsigned)db_rows(rows) + 1);

	for (size_t i = 0; ids && i < db_rows(rows); i++)
		ids[i] = db_value_at(rows, i, 0);
	return ids ? db_array(mem, ids, db_rows(rows)) : NULL;
}

/* A dry run does it all, and ends as if it had failed: so it finds the same reasons. */
static int do_piece(struct db *db, void *arg, struct certctl_error *err)
{
	struct reassigning *self = arg;
	const struct reassign *wanted = self->wanted;
	struct audit_actor actor = audit_actor_of(self->request);
	int rc = match(db, self, err);

	if (rc < 0 || db_rows(self->ids) == 0)
		return rc;
	rc = db_run(db, self->mem, &query_reassign,
		DB_VALUES(db_text(ids_of(self->mem, self->ids)), db_text(wanted->new_owner_id),
			db_text(wanted->new_team_id), db_text(wanted->new_profile_id), db_text(wanted->new_policy_id),
			db_text(actor.name), db_text(actor.type), db_text(actor.source_ip), db_text(actor.request_id)),
		&self->counts, err);
	return rc == 0 && wanted->dry_run ? certctl_fail(err, CERTCTL_E_CANCELLED, "dry run") : rc;
}

static int count(struct reassigning *self, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *refused = NULL;
	const char *text = db_get_text(self->counts, 0, "refused");
	const struct certctl_json_limits limits = { .max_bytes = 4 << 20, .max_nodes = 200000 };
	int rc = certctl_json_parse(text, strlen(text), &limits, &refused, err);

	if (rc < 0)
		return rc;
	self->matched += (int64_t)db_rows(self->ids);
	self->reassigned += db_get_integer(self->counts, 0, "reassigned");
	self->skipped += db_get_integer(self->counts, 0, "skipped");
	self->failed += (int64_t)json_array_size(refused);
	for (size_t i = 0; i < json_array_size(refused) && json_array_size(self->reasons) < REASONS_MAX; i++)
		json_array_append(self->reasons, json_array_get(refused, i));
	return 0;
}

static int do_all(struct reassigning *self, struct certctl_error *err)
{
	size_t piece = 1;
	int rc = 0;

	while (rc == 0 && piece > 0) {
		self->mem = talloc_new(self->request);
		rc = db_transaction(core_of(self->request)->db, do_piece, self, err);
		if (rc == CERTCTL_E_CANCELLED && self->wanted->dry_run)
			rc = 0;
		piece = rc == 0 ? db_rows(self->ids) : 0;
		if (piece > 0) {
			rc = count(self, err);
			self->after = talloc_strdup(self->request, db_value_at(self->ids, piece - 1, 0));
		}
		talloc_free(self->mem);
	}
	return rc;
}

static int reply_counts(const struct reassigning *self, struct http_reply *reply, struct certctl_error *err)
{
	const char *reasons = certctl_json_text(self->request, self->reasons, NULL);

	if (!reasons)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	certctl_buffer_printf(&reply->body,
		"{\"matched\":%lld,\"reassigned\":%lld,\"skipped\":%lld,\"failed\":%lld,\"reasons\":",
		(long long)self->matched, (long long)self->reassigned, (long long)self->skipped,
		(long long)self->failed);
	certctl_buffer_puts(&reply->body, reasons);
	certctl_buffer_printf(&reply->body, ",\"dry_run\":%s}", self->wanted->dry_run ? "true" : "false");
	return http_reply_json(reply, 200);
}

int certificate_reassign(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct reassign wanted = { 0 };
	CERTCTL_AUTO(json_decref) json_t *reasons = json_array();
	struct reassigning self = { .request = request, .wanted = &wanted, .after = "", .reasons = reasons };
	int rc = resource_read(request, reply, request_fields, &wanted, err);

	if (rc == 0)
		rc = read_nulls(request, &wanted, err);
	if (rc == 0)
		rc = check(&wanted, err);
	if (rc == 0)
		rc = check_scope(&self, err);
	if (rc < 0)
		return rc;
	if (wanted.certificate_ids.count > 0) {
		self.certificate_ids = db_array(request, wanted.certificate_ids.items, wanted.certificate_ids.count);
		if (!self.certificate_ids)
			return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	}
	rc = do_all(&self, err);
	return rc < 0 ? rc : reply_counts(&self, reply, err);
}
