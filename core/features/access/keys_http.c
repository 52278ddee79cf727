/* The handlers of /api/v1/api-keys.  A key itself is shown once, in the reply that makes it. */
#include "access_internal.h"
#include "core/features/access/access.sql.h"
#include "core/platform/resource/resource.h"
#include "keys.h"
#include "roles.h"

#include <certctl/json.h>
#include <string.h>
#include <strings.h>

/* Of a tag: its quote and what of it follows from the key itself; the rest also changes when the key is used. */
#define VERSION_LEN 17

struct limits {
	struct certctl_list team_ids, issuer_ids, profile_ids;
};

struct key_body {
	const char *name;
	int role;
	struct limits limits;
	struct certctl_time expires_at;
	int64_t ttl_seconds, grace_seconds;
	bool enabled;
};

#define LIMIT(member, kind, text)                                                                                      \
	CERTCTL_OPTION(struct limits, member, CERTCTL_LIST, .item_type = CERTCTL_REFERENCE, .refers_to = (kind),       \
		.max = 64, .help = (text))
static const struct certctl_field limit_fields[] = {
	LIMIT(team_ids, "team", "Certificates of these teams only."),
	LIMIT(issuer_ids, "issuer", "Certificates of these issuers only."),
	LIMIT(profile_ids, "profile", "Certificates of these profiles only."),
	{ 0 },
};

#define NAME                                                                                                           \
	CERTCTL_OPTION(struct key_body, name, CERTCTL_TEXT, .required = true, .min = 1, .max = ACCESS_NAME_MAX,        \
		.help = "What the trail calls its holder.")
#define LIMITS                                                                                                         \
	CERTCTL_OPTION(struct key_body, limits, CERTCTL_OBJECT, .nested = limit_fields,                                \
		.nested_size = sizeof(struct limits),                                                                  \
		.help = "What it can see and change; all of them must hold; none: everything that its role may.")
#define EXPIRY CERTCTL_OPTION(struct key_body, expires_at, CERTCTL_TIME, .help = "When it ends; null: never.")

static const struct certctl_field key_fields[] = {
	RESOURCE_SHOWN("id", CERTCTL_TEXT),
	NAME,
	CERTCTL_OPTION(struct key_body, role, CERTCTL_ENUM, .required = true, .choices = access_role_choices,
		.help = "What it may do."),
	LIMITS,
	EXPIRY,
	CERTCTL_OPTION(struct key_body, ttl_seconds, CERTCTL_INTEGER, .min = 60, .max = 315360000,
		.flags = RESOURCE_WRITE_ONLY, .help = "In place of expires_at: how long it lives."),
	RESOURCE_SHOWN("enabled", CERTCTL_BOOLEAN),
	RESOURCE_SHOWN("status", CERTCTL_TEXT),
	RESOURCE_SHOWN("source", CERTCTL_TEXT),
	RESOURCE_SHOWN("created_by", CERTCTL_TEXT),
	RESOURCE_SHOWN("created_at", CERTCTL_TIME),
	RESOURCE_SHOWN("updated_at", CERTCTL_TIME),
	RESOURCE_SHOWN("last_used_at", CERTCTL_TIME),
	RESOURCE_SHOWN("rotated_at", CERTCTL_TIME),
	RESOURCE_SHOWN("previous_until", CERTCTL_TIME),
	RESOURCE_SHOWN("revoked_at", CERTCTL_TIME),
	RESOURCE_SHOWN("key", CERTCTL_SECRET), /* once, when it is made: no column has it */
	{ 0 },
};
const struct http_body access_key_body = { "ApiKey", key_fields };

static const struct certctl_field change_fields[] = {
	NAME,
	LIMITS,
	EXPIRY,
	CERTCTL_OPTION(struct key_body, enabled, CERTCTL_BOOLEAN, .help = "false: refused until it is true again."),
	{ 0 },
};
const struct http_body access_key_change_body = { "ApiKeyChange", change_fields };

static const struct certctl_field rotation_fields[] = {
	CERTCTL_OPTION(struct key_body, grace_seconds, CERTCTL_INTEGER, .fallback = "0", .min = 0, .max = 604800,
		.help = "How long the key before works beside the new one."),
	{ 0 },
};
const struct http_body access_key_rotation_body = { "ApiKeyRotation", rotation_fields };

/* --- From bodies to changes ------------------------------------------------------------------------------------------ */

static void add_limit(struct certctl_buffer *out, const char *name, const struct certctl_list *ids)
{
	if (ids->count == 0)
		return;
	certctl_buffer_printf(out, "%s\"%s\":[", out->len > 1 ? "," : "", name);
	for (size_t i = 0; i < ids->count; i++) {
		const char *id = ((const char *const *)ids->items)[i];

		certctl_buffer_puts(out, i ? "," : "");
		certctl_buffer_json_string(out, id, strlen(id));
	}
	certctl_buffer_puts(out, "]");
}

static int write_scope(TALLOC_CTX *mem, const struct limits *limits, const char **ret, struct certctl_error *err)
{
	struct certctl_buffer out;

	certctl_buffer_init(&out, mem, 65536);
	certctl_buffer_puts(&out, "{");
	add_limit(&out, "teams", &limits->team_ids);
	add_limit(&out, "issuers", &limits->issuer_ids);
	add_limit(&out, "profiles", &limits->profile_ids);
	bool is_limited = out.len > 1;

	certctl_buffer_puts(&out, "}");
	int rc = certctl_buffer_finish(&out, err);

	if (rc == 0)
		*ret = is_limited ? out.data : NULL;
	return rc;
}

static const char *write_time(TALLOC_CTX *mem, const struct certctl_time *time)
{
	char text[CERTCTL_TIME_TEXT];

	return time->unix_s ? talloc_strdup(mem, certctl_time_format(time->unix_s, text)) : NULL;
}

static struct key_change change_of(struct http_request *request)
{
	return (struct key_change){
		.mem = request, .actor = audit_actor_of(request), .permissions = request->permissions
	};
}

/* Empty lists would read as "nothing" to one and as "everything" to another. */
static int refuse_empty_limits(const json_t *document, struct certctl_error *err)
{
	const char *name;
	json_t *list;

	json_object_foreach(json_object_get(document, "limits"), name,
		list) if (json_is_array(list) && json_array_size(list) == 0) return certctl_fail(err, CERTCTL_E_INVALID,
		"limits.%s: at least one, or leave it out", name);
	return 0;
}

static int parse_document(const struct http_request *request, json_t **ret, struct certctl_error *err)
{
	int rc = certctl_json_parse(request->body ? request->body : "", request->body_len, NULL, ret, err);

	return rc < 0 ? certctl_fail(err, CERTCTL_E_INVALID, "the body is no JSON document")
		      : refuse_empty_limits(*ret, err);
}

static int read_creation(struct http_request *request, struct http_reply *reply, struct key_change *change,
	struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *document = NULL;
	struct key_body wanted = { 0 };
	int rc = resource_read(request, reply, key_fields, &wanted, err);

	if (rc == 0)
		rc = parse_document(request, &document, err);
	if (rc == 0 && wanted.expires_at.unix_s && wanted.ttl_seconds)
		rc = certctl_fail(err, CERTCTL_E_INVALID, "ttl_seconds: not beside expires_at");
	if (rc < 0)
		return rc;
	change->name = wanted.name;
	change->role = access_role_name(wanted.role);
	change->expires_at = write_time(request, &wanted.expires_at);
	change->ttl_s = wanted.ttl_seconds;
	return write_scope(request, &wanted.limits, &change->scope, err);
}

static int check_patch_type(const struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	const char *type = http_header(request, "Content-Type");
	size_t len = type ? strcspn(type, "; ") : 0;

	if ((len == 16 && strncasecmp(type, "application/json", len) == 0) ||
		(len == 28 && strncasecmp(type, "application/merge-patch+json", len) == 0))
		return 0;
	reply->status = 415;
	return certctl_fail(err, CERTCTL_E_INVALID,
		"Content-Type: application/json or application/merge-patch+json expected");
}

/* A merge patch (RFC 7396): what is absent stays. */
static int read_change(struct http_request *request, struct http_reply *reply, struct key_change *change,
	struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *document = NULL;
	struct certctl_field_reading how = { .is_partial = true };
	struct key_body wanted = { .enabled = true };
	int rc = check_patch_type(request, reply, err);

	if (rc == 0)
		rc = parse_document(request, &document, err);
	if (rc == 0)
		rc = certctl_fields_parse(request, change_fields, sizeof(*change_fields), document, &how, &wanted, err);
	if (rc == 0 && json_object_size(document) == 0)
		rc = certctl_fail(err, CERTCTL_E_INVALID, "nothing is to be changed");
	if (rc == 0 &&
		(json_is_null(json_object_get(document, "name")) || json_is_null(json_object_get(document, "enabled"))))
		rc = certctl_fail(err, CERTCTL_E_INVALID, "name, enabled: null is no value");
	if (rc < 0)
		return rc;
	change->name = wanted.name;
	change->has_enabled = json_object_get(document, "enabled") != NULL;
	change->enabled = wanted.enabled;
	change->has_expiry = json_object_get(document, "expires_at") != NULL;
	change->expires_at = write_time(request, &wanted.expires_at);
	change->has_limits = json_object_get(document, "limits") != NULL;
	change->details = certctl_json_text(request, document, NULL);
	return write_scope(request, &wanted.limits, &change->scope, err);
}

/* --- Replies --------------------------------------------------------------------------------------------------------- */

static int find_key(struct http_request *request, const char *id, struct db_result **ret, struct certctl_error *err)
{
	int rc = db_once(core_of(request)->db, request, &query_api_key_get, DB_VALUES(db_text(id)), ret, err);

	if (rc == 0 && db_rows(*ret) == 0)
		rc = certctl_fail(err, CERTCTL_E_NOT_FOUND, "API key '%s' is not there", id);
	return rc;
}

static const char *version_tag(const struct http_request *request, const char *version)
{
	struct http_request *mem = (struct http_request *)(uintptr_t)request;

	return talloc_strndup(mem, http_tag(mem, version, strlen(version)), VERSION_LEN);
}

static const char *tag_of(struct http_request *request, const struct http_reply *reply, const char *version)
{
	const char *rest = http_tag(request, reply->body.data, reply->body.len);
	const char *tag = talloc_asprintf(request, "%s%s", version_tag(request, version), rest + VERSION_LEN);

	return tag ? tag : "\"\"";
}

static bool is_expected(const struct key_change *change, const char *version)
{
	const char *tag = version_tag(change->arg, version);

	return tag && http_if_match(change->arg, tag);
}

static int reply_key(struct http_request *request, struct http_reply *reply, unsigned status, const char *id,
	const struct access_secret *secret, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = find_key(request, id, &rows, err);

	if (rc < 0)
		return rc;
	certctl_buffer_puts(&reply->body, "{");
	resource_write_members(&reply->body, key_fields, rows, 0);
	if (secret)
		certctl_buffer_printf(&reply->body, ",\"key\":\"%s\"", secret->text);
	certctl_buffer_puts(&reply->body, "}");
	http_reply_header(reply, "ETag", tag_of(request, reply, db_get_text(rows, 0, "version")));
	return http_reply_json(reply, status);
}

int access_key_create(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct key_change change = change_of(request);
	int rc = read_creation(request, reply, &change, err);

	if (rc == 0)
		rc = access_secret_make(request, "sk", &change.secret, err);
	if (rc == 0)
		rc = db_transaction(core_of(request)->db, key_create, &change, err);
	if (rc < 0)
		return rc;
	http_reply_header(reply, "Location", talloc_asprintf(request, "/api/v1/api-keys/%s", change.id));
	return reply_key(request, reply, 201, change.id, &change.secret, err);
}

int access_key_get(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	return reply_key(request, reply, 200, http_path(request, "id"), NULL, err);
}

const char *const access_key_filters[] = { "status", "role", "source", "name", NULL };

int access_key_list(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	static const struct resource_list keys = {
		.fields = key_fields, .query = &query_api_key_list, .filters = access_key_filters
	};

	return resource_reply_list(request, reply, core_of(request)->db, &keys, err);
}

/* A change of the key that the path names; everybody stops trusting what they remember of it. */
static int apply(struct http_request *request, struct http_reply *reply, struct key_change *change, db_work_fn *work,
	struct certctl_error *err)
{
	change->id = http_path(request, "id");
	change->is_expected = is_expected;
	change->arg = request;
	int rc = db_transaction(core_of(request)->db, work, change, err);

	if (rc == 0) {
		db_when_committed(core_of(request)->db, access_changed, core_of(request));
	} else if (change->was_changed) {
		reply->status = 412;
		reply->code = "precondition_failed";
	}
	return rc;
}

int access_key_update(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct key_change change = change_of(request);
	int rc = read_change(request, reply, &change, err);

	if (rc == 0)
		rc = apply(request, reply, &change, key_update, err);
	return rc < 0 ? rc : reply_key(request, reply, 200, change.id, NULL, err);
}

int access_key_rotate(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct key_change change = change_of(request);
	struct key_body wanted = { 0 };
	int rc = request->body_len > 0 ? resource_read(request, reply, rotation_fields, &wanted, err) : 0;

	change.grace_s = wanted.grace_seconds;
	if (rc == 0)
		rc = access_secret_make(request, "sk", &change.secret, err);
	if (rc == 0)
		rc = apply(request, reply, &change, key_rotate, err);
	return rc < 0 ? rc : reply_key(request, reply, 200, change.id, &change.secret, err);
}

int access_key_revoke(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct key_change change = change_of(request);
	int rc = apply(request, reply, &change, key_revoke, err);

	return rc < 0 ? rc : http_reply_empty(reply, 204);
}
