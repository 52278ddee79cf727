/* Enrolment tokens: made, listed, revoked.  Spending them is enroll.c's. */
#include "tokens.h"
#include "core/features/access/access.h"
#include "core/features/audit/audit.h"
#include "core/features/fleet/fleet.sql.h"

struct token {
	const char *name, *agent_id;
	int64_t ttl_seconds;
};

#define SHOWN(name_, type_, flags_)                                                                                    \
	{                                                                                                              \
		.name = (name_), .type = (type_), .flags = RESOURCE_READ_ONLY | (flags_)                               \
	}
#define FOUND (RESOURCE_FILTERED | RESOURCE_SORTED)

static const struct certctl_field token_fields[] = {
	SHOWN("id", CERTCTL_TEXT, 0),
	SHOWN("status", CERTCTL_TEXT, RESOURCE_SORTED), /* unused, used, expired, revoked */
	CERTCTL_OPTION(struct token, name, CERTCTL_TEXT, .max = 200, .flags = FOUND | RESOURCE_SEARCHED,
		.help = "For people."),
	CERTCTL_OPTION(struct token, agent_id, CERTCTL_REFERENCE, .refers_to = "agent",
		.flags = RESOURCE_SORTED | RESOURCE_SEARCHED,
		.help = "The id that the agent gets; generated when absent.  One that is there already enrols anew."),
	CERTCTL_OPTION(struct token, ttl_seconds, CERTCTL_INTEGER, .fallback = "3600", .min = 60, .max = 2592000,
		.flags = RESOURCE_WRITE_ONLY, .help = "How long it can be used."),
	SHOWN("created_by", CERTCTL_TEXT, FOUND),
	SHOWN("created_at", CERTCTL_TIME, FOUND),
	SHOWN("expires_at", CERTCTL_TIME, FOUND),
	SHOWN("used_at", CERTCTL_TIME, FOUND),
	SHOWN("used_by", CERTCTL_TEXT, FOUND | RESOURCE_SEARCHED),
	SHOWN("token", CERTCTL_SECRET, RESOURCE_ELSEWHERE), /* once, when it is made: no column has it */
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

#define STATUS                                                                                                         \
	"CASE WHEN r.used_at IS NOT NULL THEN 'used' WHEN r.revoked_at IS NOT NULL THEN 'revoked' "                    \
	"WHEN r.expires_at <= clock.now() THEN 'expired' ELSE 'unused' END"

static const struct resource_column columns[] = {
	{ .field = "status", .output = STATUS, .sort = STATUS, .is_never_null = true },
	{ 0 },
};

static const struct resource_filter_value statuses[] = {
	{ "unused", STATUS " = 'unused'", NULL, NULL, NULL, false },
	{ "used", "r.used_at IS NOT NULL", NULL, NULL, NULL, false },
	{ "revoked", STATUS " = 'revoked'", NULL, NULL, NULL, false },
	{ "expired", STATUS " = 'expired'", NULL, NULL, NULL, false },
	{ 0 },
};

static const struct resource_filter filters[] = {
	{ .name = "status", .values = statuses },
	{ .name = "agent_id",
		.condition = "(r.agent_id = $v OR r.used_by = $v)",
		.help = "Only those for this agent, or used by it." },
	{ 0 },
};

/* Reads alone: making one shows a secret, and one that is gone stays as evidence. */
const struct resource fleet_tokens = { .kind = "enrollment_token",
	.title = "enrolment token",
	.body = "EnrollmentToken",
	.path = "/api/v1/enrollment-tokens",
	.id_prefix = "et-",
	.table = "enrollment_tokens",
	.fields = token_fields,
	.size = sizeof(struct token),
	.verbs = RESOURCE_READS,
	.read = PERMISSION_AGENTS_READ,
	.write = PERMISSION_AGENTS_WRITE,
	.columns = columns,
	.filters = filters };

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
