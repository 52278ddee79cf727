/* Who is asking, and the feature's row.  Knows nothing of what the permissions protect. */
#include "access.h"
#include "access_internal.h"
#include "core/features/access/access.sql.h"
#include "core/features/access/idempotency.sql.h"
#include "core/platform/resource/resource.h"
#include "roles.h"

#include <certctl/time.h>
#include <certctl/x509.h>
#include <string.h>

/* --- Authentication -------------------------------------------------------------------------------------------------- */

/* An address counts only here: those behind it who have a key are counted by their key. */
static int refuse(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	int64_t wait_s = http_rates_take(core_of(request)->access->failures,
		http_rates_address(request, request->source_ip), certctl_monotonic_ms());

	if (wait_s > 0)
		return http_reply_too_many(request, reply, wait_s, err);
	reply->status = 401;
	reply->code = "unauthenticated";
	http_reply_header(reply, "WWW-Authenticate", "Bearer");
	return certctl_fail(err, CERTCTL_E_DENIED, "a valid API key is needed: Authorization: Bearer sk-...");
}

/* Ask the database.  *ret_is_valid false: there is no such key now. */
static int look_up(struct http_request *request, const char *key, const char *lookup, const char *sha256,
	struct access_caller *ret, bool *ret_is_valid, struct certctl_error *err)
{
	struct access_cache *cache = core_of(request)->access->cache;
	struct db_pool *db = core_of(request)->db;
	uint64_t generation = access_cache_generation(cache);
	int64_t now_ms = certctl_monotonic_ms();
	struct db_result *rows = NULL;
	int rc = db_once(db, request, &query_api_key_find, DB_VALUES(db_text(lookup)), &rows, err);

	if (rc < 0)
		return rc;
	*ret_is_valid = db_rows(rows) > 0 && access_secret_matches(key, db_get_text(rows, 0, "sha256"));
	if (!*ret_is_valid) {
		access_cache_drop(cache, sha256);
		return 0;
	}
	int64_t left_ms = db_is_null(rows, 0, "left_ms") ? ACCESS_CACHE_MS : db_get_integer(rows, 0, "left_ms");

	*ret = (struct access_caller){ .id = db_get_text(rows, 0, "id"),
		.name = db_get_text(rows, 0, "name"),
		.role = db_get_text(rows, 0, "role"),
		.scope = db_get_text(rows, 0, "scope"),
		.until_ms = now_ms + (left_ms < ACCESS_CACHE_MS ? left_ms : ACCESS_CACHE_MS) };
	access_cache_put(cache, sha256, ret, generation);
	return db_get_boolean(rows, 0, "is_use_due")
		       ? db_once(db, request, &query_api_key_used, DB_VALUES(db_text(ret->id)), NULL, err)
		       : 0;
}

/* A key that was never valid here, from an address with too many of those, is not worth a question to the database. */
static int identify(struct http_request *request, struct http_reply *reply, const char *key, struct access_caller *ret,
	struct certctl_error *err)
{
	struct access *access = core_of(request)->access;
	int64_t now_ms = certctl_monotonic_ms(), wait_s = 0;
	char sha256[65], lookup[17];
	bool was_known = false, is_valid = false;

	if (!key || !access_key_lookup(key, lookup))
		return refuse(request, reply, err);
	certctl_sha256_hex(key, strlen(key), sha256);
	if (access_cache_find(access->cache, sha256, now_ms, request, ret, &was_known))
		return 0;
	if (!was_known)
		wait_s = http_rates_ask(access->failures, http_rates_address(request, request->source_ip), now_ms);
	if (wait_s > 0)
		return http_reply_too_many(request, reply, wait_s, err);
	int rc = look_up(request, key, lookup, sha256, ret, &is_valid, err);

	return rc < 0 || is_valid ? rc : refuse(request, reply, err);
}

int access_authenticate(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	const char *header = http_header(request, "Authorization");
	bool is_bearer = header && strncmp(header, "Bearer ", 7) == 0;
	struct access_caller caller = { 0 };
	int rc = identify(request, reply, is_bearer ? header + 7 : NULL, &caller, err);

	if (rc < 0)
		return rc;
	request->actor = caller.name;
	request->actor_id = caller.id;
	request->actor_type = "api_key";
	request->scope = caller.scope;
	request->permissions = access_permissions(caller.role, caller.scope);
	int64_t wait_s = http_rates_take(core_of(request)->access->calls, caller.id, certctl_monotonic_ms());

	if (wait_s > 0)
		return http_reply_too_many(request, reply, wait_s, err);
	if (!(request->permissions & request->route->permission))
		return certctl_fail(err, CERTCTL_E_DENIED, "role '%s' may not do this%s", caller.role,
			caller.scope ? " with a key that has limits" : "");
	return 0;
}

void access_changed(void *arg)
{
	struct core *core = arg;

	access_cache_clear(core->access->cache);
	/* The others hear of it as of any other change. */
	jobs_wake(core->jobs);
}

static void woken(struct core *core)
{
	access_cache_clear(core->access->cache);
}

/* --- Who am I -------------------------------------------------------------------------------------------------------- */

static const struct certctl_field caller_fields[] = {
	RESOURCE_SHOWN("actor", CERTCTL_TEXT),
	RESOURCE_SHOWN("actor_type", CERTCTL_TEXT),
	RESOURCE_SHOWN("id", CERTCTL_TEXT),
	RESOURCE_SHOWN("roles", CERTCTL_LIST),
	RESOURCE_SHOWN("permissions", CERTCTL_LIST),
	RESOURCE_SHOWN("limits", CERTCTL_OBJECT),
	RESOURCE_SHOWN("expires_at", CERTCTL_TIME),
	{ 0 },
};
static const struct http_body caller_body = { "Caller", caller_fields };

static int check(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct certctl_buffer *out = &reply->body;
	struct db_result *rows = NULL;
	int rc = db_once(core_of(request)->db, request, &query_api_key_get, DB_VALUES(db_text(request->actor_id)),
		&rows, err);

	if (rc < 0)
		return rc;
	if (db_rows(rows) == 0)
		return certctl_fail(err, CERTCTL_E_NOT_FOUND, "the key is gone");
	certctl_buffer_puts(out, "{\"actor\":");
	certctl_buffer_json_string(out, request->actor, strlen(request->actor));
	certctl_buffer_printf(out, ",\"actor_type\":\"%s\",", request->actor_type);
	resource_write_members(out, caller_fields, rows, 0);
	certctl_buffer_printf(out, ",\"roles\":[\"%s\"],\"permissions\":", db_get_text(rows, 0, "role"));
	access_permissions_write(out, request->permissions);
	certctl_buffer_puts(out, "}");
	return http_reply_json(reply, 200);
}

/* --- The feature ----------------------------------------------------------------------------------------------------- */

static const struct http_route routes[] = {
	/* Every role has it. */
	{ "GET", "/api/v1/auth/check", PERMISSION_CERTIFICATES_READ, check,
		.summary = "Ask who you are and what you may do", .gives = &caller_body },
	{ "GET", "/api/v1/api-keys", PERMISSION_KEYS_READ, access_key_list, .summary = "List API keys",
		.gives = &access_key_body, .is_list = true, .filters = access_key_filters },
	{ "POST", "/api/v1/api-keys", PERMISSION_KEYS_WRITE, access_key_create,
		.summary = "Create an API key, which is shown once", .takes = &access_key_body,
		.gives = &access_key_body, .status = 201 },
	{ "GET", "/api/v1/api-keys/{id}", PERMISSION_KEYS_READ, access_key_get, .summary = "Get an API key",
		.gives = &access_key_body },
	{ "PATCH", "/api/v1/api-keys/{id}", PERMISSION_KEYS_WRITE, access_key_update,
		.summary = "Change an API key's name, limits or end, or switch it off and on",
		.takes = &access_key_change_body, .gives = &access_key_body },
	{ "POST", "/api/v1/api-keys/{id}/rotate", PERMISSION_KEYS_WRITE, access_key_rotate,
		.summary = "Replace an API key by a new one, which is shown once", .takes = &access_key_rotation_body,
		.gives = &access_key_body },
	{ "DELETE", "/api/v1/api-keys/{id}", PERMISSION_KEYS_WRITE, access_key_revoke,
		.summary = "Revoke an API key for good", .status = 204 },
	{ 0 },
};

static const struct job_timer timers[] = { { "idempotency.expire", 600, &query_idempotency_expire }, { 0 } };

static int start(struct core *core, TALLOC_CTX *mem, struct certctl_error *err)
{
	const struct settings_http *settings = &core->settings->http;
	struct access *access = talloc_zero(mem, struct access);
	int rc = access ? access_cache_new(access, &access->cache, err)
			: certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	/* A burst: two seconds of calls; ten of failures, since a page that is open without a key asks for many things at once. */
	if (rc == 0)
		rc = http_rates_new(access, settings->key_rate, 2 * settings->key_rate, &access->calls, err);
	if (rc == 0)
		rc = http_rates_new(access, settings->failure_rate, 10 * settings->failure_rate, &access->failures,
			err);
	if (rc < 0) {
		talloc_free(access);
		return rc;
	}
	core->access = access;
	return 0;
}

const struct feature access_feature = { .name = "access",
	.about = "Who may do what.",
	.routes = routes,
	.timers = timers,
	.start = start,
	.woken = woken,
	.around = access_idempotent };
