/* Enrolment tokens: made, listed, revoked.  Spending them is enroll.c's. */
#include "tokens.h"
#include "core/features/access/access.h"
#include "core/features/audit/audit.h"
#include "core/features/fleet/fleet.sql.h"

struct token {
	const char *name, *agent_id;
	int64_t ttl_seconds;
};

static const struct certctl_field token_fields[] = {
	RESOURCE_SHOWN("id", CERTCTL_TEXT),
	RESOURCE_SHOWN("status", CERTCTL_TEXT), /* unused, used, expired, revoked */
	CERTCTL_OPTION(struct token, name, CERTCTL_TEXT, .max = 200, .help = "For people."),
	CERTCTL_OPTION(struct token, agent_id, CERTCTL_REFERENCE, .refers_to = "agent",
		.help = "The id that the agent gets; generated when absent.  One that is there already enrols anew."),
	CERTCTL_OPTION(struct token, ttl_seconds, CERTCTL_INTEGER, .fallback = "3600", .min = 60, .max = 2592000,
		.flags = RESOURCE_WRITE_ONLY, .help = "How long it can be used."),
	RESOURCE_SHOWN("created_by", CERTCTL_TEXT),
	RESOURCE_SHOWN("created_at", CERTCTL_TIME),
	RESOURCE_SHOWN("expires_at", CERTCTL_TIME),
	RESOURCE_SHOWN("used_at", CERTCTL_TIME),
	RESOURCE_SHOWN("used_by", CERTCTL_TEXT),
	RESOURCE_SHOWN("token", CERTCTL_SECRET), /* once, when it is made: no column has it */
	{ 0 },
};
const struct http_body fleet_token_body = { "EnrollmentToken", token_fields };

struct token_creation {
	const struct token *wanted;
	const struct access_secret *secret;
	struct audit_actor actor;
	TALLOC_CTX *mem;
	struct db_result *rows;
};

static int insert_token(struct db *db, void *arg, struct certctl_error *err)
{
	struct token_creation *creation = arg;
	int rc = db_run(db, creation->mem, &query_token_insert,
		DB_VALUES(db_text(creation->wanted->name), db_text(creation->secret->lookup),
			db_text(creation->secret->sha256), db_text(creation->wanted->agent_id),
			db_text(creation->actor.name), db_integer(creation->wanted->ttl_seconds)),
		&creation->rows, err);

	if (rc < 0)
		return rc;
	return audit_record(db, &creation->actor,
		&(struct audit_event){
			"enrollment_token_created", "enrollment_token", db_get_text(creation->rows, 0, "id"), NULL },
		err);
}

int fleet_create_token(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct token wanted = { 0 };
	struct access_secret secret = { 0 };
	struct token_creation creation = { .wanted = &wanted, .secret = &secret, .mem = request };
	int rc = resource_read(request, reply, token_fields, &wanted, err);

	creation.actor = audit_actor_of(request);
	if (rc == 0)
		rc = access_secret_make(request, "et", &secret, err);
	if (rc == 0)
		rc = db_transaction(core_of(request)->db, insert_token, &creation, err);
	if (rc < 0)
		return rc;
	/* Shown now and never again. */
	certctl_buffer_puts(&reply->body, "{");
	resource_write_members(&reply->body, token_fields, creation.rows, 0);
	certctl_buffer_printf(&reply->body, ",\"token\":\"%s\"}", secret.text);
	return http_reply_json(reply, 201);
}

/* --- Afterwards ------------------------------------------------------------------------------------------------------ */

const char *const fleet_token_filters[] = { "status", "agent_id", NULL };

int fleet_list_tokens(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	static const struct resource_list tokens = {
		.fields = token_fields, .query = &query_token_list, .filters = fleet_token_filters
	};

	return resource_reply_list(request, reply, core_of(request)->db, &tokens, err);
}

struct revocation {
	const char *id;
	struct audit_actor actor;
	TALLOC_CTX *mem;
};

static int revoke(struct db *db, void *arg, struct certctl_error *err)
{
	struct revocation *work = arg;
	struct db_result *rows = NULL;
	int rc = db_run(db, work->mem, &query_token_get, DB_VALUES(db_text(work->id)), &rows, err);

	if (rc < 0)
		return rc;
	if (db_rows(rows) == 0)
		return certctl_fail(err, CERTCTL_E_NOT_FOUND, "enrolment token '%s' is not there", work->id);
	if (db_get_boolean(rows, 0, "is_used")) {
		certctl_fail(err, CERTCTL_E_CONFLICT, "enrolment token '%s' was used", work->id);
		return certctl_hint(err, "Retire the agent that it enrolled.");
	}
	if (db_get_boolean(rows, 0, "is_revoked"))
		return 0;
	rc = db_run(db, NULL, &query_token_revoke, DB_VALUES(db_text(work->id)), NULL, err);
	return rc < 0 ? rc
		      : audit_record(db, &work->actor,
				&(struct audit_event){ "enrollment_token_revoked", "enrollment_token", work->id, NULL },
				err);
}

int fleet_revoke_token(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct revocation work = { .id = http_path(request, "id"), .actor = audit_actor_of(request), .mem = request };
	int rc = db_transaction(core_of(request)->db, revoke, &work, err);

	return rc < 0 ? rc : http_reply_empty(reply, 204);
}
