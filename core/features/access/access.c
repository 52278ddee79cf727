/* API keys and roles.  Knows nothing of what the permissions protect. */
#include "access.h"
#include "core/features/access/access.sql.h"
#include "core/platform/resource/resource.h"

#include <certctl/files.h>
#include <certctl/json.h>
#include <certctl/secret.h>
#include <certctl/x509.h>
#include <stdio.h>
#include <string.h>

#define READ_ALL                                                                                                       \
	(PERMISSION_CERTIFICATES_READ | PERMISSION_TARGETS_READ | PERMISSION_AGENTS_READ | PERMISSION_JOBS_READ |      \
		PERMISSION_ISSUERS_READ | PERMISSION_NOTIFIERS_READ | PERMISSION_ORGANIZATION_READ |                   \
		PERMISSION_POLICIES_READ | PERMISSION_SYSTEM_READ)
#define OPERATE                                                                                                        \
	(PERMISSION_CERTIFICATES_WRITE | PERMISSION_CERTIFICATES_RENEW | PERMISSION_CERTIFICATES_DEPLOY |              \
		PERMISSION_TARGETS_WRITE | PERMISSION_JOBS_WRITE | PERMISSION_JOBS_APPROVE |                           \
		PERMISSION_ORGANIZATION_WRITE)

static const struct {
	const char *name;
	uint64_t permissions;
} roles[] = {
	{ "admin", UINT64_MAX & ~(HTTP_PERMISSION_PUBLIC | HTTP_PERMISSION_AGENT) },
	{ "operator", READ_ALL | OPERATE },
	{ "viewer", READ_ALL },
	{ "auditor", READ_ALL | PERMISSION_AUDIT_READ | PERMISSION_KEYS_READ },
};

static uint64_t permissions_of(const char *role)
{
	for (size_t i = 0; i < CERTCTL_COUNT(roles); i++)
		if (strcmp(roles[i].name, role) == 0)
			return roles[i].permissions;
	return 0;
}

const char *access_roles(TALLOC_CTX *mem, uint64_t permissions)
{
	char *names = NULL;

	for (size_t i = 0; i < CERTCTL_COUNT(roles); i++)
		if (roles[i].permissions & permissions)
			names = names ? talloc_asprintf_append(names, ", %s", roles[i].name)
				      : talloc_strdup(mem, roles[i].name);
	return names;
}

/* --- Secrets --------------------------------------------------------------------------------------------------------- */

int access_secret_make(TALLOC_CTX *mem, const char *prefix, struct access_secret *ret, struct certctl_error *err)
{
	unsigned char random[8 + 32];
	struct access_secret made = { 0 };
	size_t len = strlen(prefix) + 1 + 16 + 1 + 64;
	char *text = certctl_secret_alloc(mem, len + 1);
	TALLOC_CTX *scratch = talloc_new(NULL);
	int rc = text ? certctl_random(random, sizeof(random), err)
		      : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	char *hex = rc == 0 ? certctl_hex(scratch, random, sizeof(random)) : NULL;

	if (hex) {
		snprintf(made.lookup, sizeof(made.lookup), "%.16s", hex);
		snprintf(text, len + 1, "%s-%s-%s", prefix, made.lookup, hex + 16);
		certctl_sha256_hex(text, len, made.sha256);
		certctl_wipe(hex, strlen(hex));
		made.text = text;
		*ret = made;
	} else if (rc == 0) {
		rc = certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	}
	certctl_wipe(random, sizeof(random));
	talloc_free(scratch);
	return rc;
}

bool access_secret_lookup(const char *text, const char *prefix, char ret_lookup[17])
{
	static const char *const hex = "0123456789abcdef";
	size_t len = strlen(prefix);

	if (strncmp(text, prefix, len) != 0 || text[len] != '-' || strlen(text) != len + 1 + 16 + 1 + 64)
		return false;
	text += len + 1;
	if (strspn(text, hex) != 16 || text[16] != '-' || strspn(text + 17, hex) != 64)
		return false;
	memcpy(ret_lookup, text, 16);
	ret_lookup[16] = '\0';
	return true;
}

bool access_key_lookup(const char *key, char ret_lookup[17])
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
	size_t len = strlen(key);
	char sha256[65];

	if (access_secret_lookup(key, "sk", ret_lookup))
		return true;
	if (len < 32 || len > 128 || strspn(key, letters) != len)
		return false;
	certctl_sha256_hex(key, len, sha256);
	snprintf(ret_lookup, 17, "%.16s", sha256);
	return true;
}

bool access_secret_matches(const char *text, const char *sha256)
{
	char hash[65];
	struct certctl_secret given = { (unsigned char *)hash, 64 };
	struct certctl_secret stored = { (unsigned char *)(uintptr_t)sha256, strlen(sha256) };

	certctl_sha256_hex(text, strlen(text), hash);
	return certctl_secret_equal(&given, &stored);
}

/* --- Authentication -------------------------------------------------------------------------------------------------- */

static int refuse(struct http_reply *reply, struct certctl_error *err)
{
	reply->status = 401;
	reply->code = "unauthenticated";
	http_reply_header(reply, "WWW-Authenticate", "Bearer");
	return certctl_fail(err, CERTCTL_E_DENIED, "a valid API key is needed: Authorization: Bearer sk-...");
}

int access_authenticate(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	const char *header = http_header(request, "Authorization");
	struct db_result *rows = NULL;
	char lookup[17];

	if (!header || strncmp(header, "Bearer ", 7) != 0 || !access_key_lookup(header + 7, lookup))
		return refuse(reply, err);
	struct db_pool *db = core_of(request)->db;
	int rc = db_once(db, request, &query_api_key_find, DB_VALUES(db_text(lookup)), &rows, err);

	if (rc < 0)
		return rc;
	if (db_rows(rows) == 0 || !access_secret_matches(header + 7, db_get_text(rows, 0, "sha256")))
		return refuse(reply, err);
	request->actor = db_get_text(rows, 0, "name");
	request->actor_type = "api_key";
	request->permissions = permissions_of(db_get_text(rows, 0, "role"));
	if (!(request->permissions & request->route->permission))
		return certctl_fail(err, CERTCTL_E_DENIED, "role '%s' may not do this", db_get_text(rows, 0, "role"));
	return db_once(db, request, &query_api_key_used, DB_VALUES(db_text(db_get_text(rows, 0, "id"))), NULL, err);
}

/* --- Setup ----------------------------------------------------------------------------------------------------------- */

/* The file first: a crash in between leaves a file nobody knows, and the next start makes another key. */
static int write_key(const char *directory, const char *file, const char *key, struct certctl_error *err)
{
	static const struct certctl_file_attributes private = { .mode = 0600, .uid = (uid_t)-1, .gid = (gid_t)-1 };
	CERTCTL_AUTO_CLOSE int fd = -1;
	char line[128];
	int rc = certctl_dir_open(directory, &fd, err);

	if (rc < 0)
		return rc;
	int len = snprintf(line, sizeof(line), "%s\n", key);

	rc = certctl_file_replace(fd, file, line, (size_t)len, &private, err);
	certctl_wipe(line, sizeof(line));
	return rc;
}

int access_setup(struct db_pool *db, const char *directory, const char *file, TALLOC_CTX *mem, const char **ret_key,
	struct certctl_error *err)
{
	struct access_secret key = { 0 };
	struct db_result *rows = NULL;
	int rc = db_once(db, mem, &query_api_keys_any, DB_NO_VALUES, &rows, err);

	if (rc < 0 || db_get_boolean(rows, 0, "is_any")) {
		if (rc == 0)
			*ret_key = NULL;
		return rc;
	}
	rc = access_secret_make(mem, "sk", &key, err);
	if (rc == 0)
		rc = write_key(directory, file, key.text, err);
	if (rc == 0)
		rc = db_once(db, mem, &query_api_key_setup,
			DB_VALUES(db_text("admin"), db_text(key.lookup), db_text(key.sha256)), &rows, err);
	if (rc == 0)
		*ret_key = db_rows(rows) ? key.text : NULL;
	return rc;
}

/* --- Who am I -------------------------------------------------------------------------------------------------------- */

static const struct certctl_field caller_fields[] = {
	RESOURCE_SHOWN("actor", CERTCTL_TEXT),
	RESOURCE_SHOWN("actor_type", CERTCTL_TEXT),
	{ 0 },
};
static const struct http_body caller_body = { "Caller", caller_fields };

static int check(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct certctl_buffer *out = &reply->body;

	(void)err;
	certctl_buffer_puts(out, "{\"actor\":");
	certctl_buffer_json_string(out, request->actor, strlen(request->actor));
	certctl_buffer_puts(out, ",\"actor_type\":");
	certctl_buffer_json_string(out, request->actor_type, strlen(request->actor_type));
	certctl_buffer_puts(out, "}");
	return http_reply_json(reply, 200);
}

static const struct http_route routes[] = {
	/* Every role has it. */
	{ "GET", "/api/v1/auth/check", READ_ALL, check, .summary = "Ask who you are", .gives = &caller_body },
	{ 0 },
};

const struct feature access_feature = { .name = "access", .about = "Who may do what.", .routes = routes };
