/* API keys that an operator gives from outside: recorded at start, marked source=environment. */
#include "access.h"
#include "access_internal.h"
#include "core/features/access/access.sql.h"
#include "core/features/audit/audit.h"
#include "roles.h"

#include <certctl/x509.h>
#include <string.h>

#define SEEDS_MAX 256

/* One setting and the keys in it. */
struct seeding {
	const char *setting;
	struct seed {
		const char *name, *role;
		char lookup[17], sha256[65];
	} * seeds;
	size_t count;
	bool is_whole; /* what the setting does not name is withdrawn */
};

/* --- From a setting to keys ------------------------------------------------------------------------------------------ */

static int add_seed(struct seeding *seeding, const char *name, const char *key, const char *role,
	struct certctl_error *err)
{
	struct seed *seed = &seeding->seeds[seeding->count];

	if (!access_key_lookup(key, seed->lookup))
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: a key has 32 to 128 letters, digits and hyphens",
			name);
	if (!access_permissions(role, NULL))
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: there is no role '%s'", name, role);
	certctl_sha256_hex(key, strlen(key), seed->sha256);
	for (size_t i = 0; i < seeding->count; i++)
		if (strcmp(seeding->seeds[i].name, name) == 0 || strcmp(seeding->seeds[i].sha256, seed->sha256) == 0)
			return certctl_fail(err, CERTCTL_E_INVALID, "%s: twice the same name or key", name);
	seed->name = name;
	seed->role = role;
	seeding->count++;
	return 0;
}

/* "name:key:role", taken apart in place. */
static int add_named(struct seeding *seeding, char *item, struct certctl_error *err)
{
	char *key = strchr(item, ':'), *role = key ? strchr(key + 1, ':') : NULL;

	if (!role || key == item || strlen(item) > 400)
		return certctl_fail(err, CERTCTL_E_INVALID, "key number %zu: name:key:role expected",
			seeding->count + 1);
	*key++ = '\0';
	*role++ = '\0';
	if (strlen(item) > ACCESS_NAME_MAX)
		return certctl_fail(err, CERTCTL_E_INVALID, "key number %zu: a name of at most %d octets expected",
			seeding->count + 1, ACCESS_NAME_MAX);
	return add_seed(seeding, item, key, role, err);
}

/* Keys without names get one by which they are found again: of their hash, which says nothing of them. */
static int add_secret(TALLOC_CTX *mem, struct seeding *seeding, const char *item, struct certctl_error *err)
{
	char sha256[65];

	certctl_sha256_hex(item, strlen(item), sha256);
	const char *name = talloc_asprintf(mem, "auth-secret-%.8s", sha256);

	return name ? add_seed(seeding, name, item, "admin", err)
		    : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

/* `text` is a copy on secret memory: its parts are names and keys. */
static int split(TALLOC_CTX *mem, struct seeding *seeding, char *text, bool is_named, struct certctl_error *err)
{
	int rc = 0;

	while (rc == 0 && text) {
		char *comma = strchr(text, ',');

		if (comma)
			*comma = '\0';
		text += strspn(text, " \t\n");
		text[strcspn(text, " \t\n")] = '\0';
		if (seeding->count == SEEDS_MAX)
			rc = certctl_fail(err, CERTCTL_E_INVALID, "at most %d keys", SEEDS_MAX);
		else
			rc = is_named ? add_named(seeding, text, err) : add_secret(mem, seeding, text, err);
		text = comma ? comma + 1 : NULL;
	}
	return rc;
}

static char *copy_secret(TALLOC_CTX *mem, const struct certctl_secret *secret)
{
	char *text = certctl_secret_alloc(mem, secret->len + 1);

	if (text) {
		memcpy(text, secret->data, secret->len);
		text[secret->len] = '\0';
	}
	return text;
}

/* --- Into the database ----------------------------------------------------------------------------------------------- */

static int record(struct db *db, const char *action, const char *id, struct certctl_error *err)
{
	static const struct audit_actor environment = { .name = "environment", .type = "server" };
	struct audit_event event = { .action = action, .resource_type = "api_key", .resource_id = id };

	return audit_record(db, &environment, &event, err);
}

/* Nothing happens while the key is the same, so one that was revoked stays so. */
static int write_seed(struct db *db, TALLOC_CTX *mem, const char *setting, const struct seed *seed,
	struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_run(db, mem, &query_api_key_seed,
		DB_VALUES(db_text(setting), db_text(seed->name), db_text(seed->lookup), db_text(seed->sha256),
			db_text(seed->role)),
		&rows, err);

	if (rc == CERTCTL_E_CONFLICT)
		return certctl_fail(err, CERTCTL_E_CONFLICT,
			"an API key named '%s', or with the same text, exists that comes from elsewhere", seed->name);
	if (rc < 0 || db_rows(rows) == 0)
		return rc;
	return record(db, db_get_boolean(rows, 0, "is_new") ? "api_key_created" : "api_key_updated",
		db_get_text(rows, 0, "id"), err);
}

static int withdraw(struct db *db, TALLOC_CTX *mem, const struct seeding *seeding, struct certctl_error *err)
{
	const char *names[SEEDS_MAX];
	struct db_result *rows = NULL;

	for (size_t i = 0; i < seeding->count; i++)
		names[i] = seeding->seeds[i].name;
	const char *kept = db_array(mem, names, seeding->count);
	int rc = kept ? db_run(db, mem, &query_api_keys_withdraw, DB_VALUES(db_text(seeding->setting), db_text(kept)),
				&rows, err)
		      : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	for (size_t row = 0; rc == 0 && row < db_rows(rows); row++)
		rc = record(db, "api_key_updated", db_get_text(rows, row, "id"), err);
	return rc;
}

static int seed_in(struct db *db, void *arg, struct certctl_error *err)
{
	const struct seeding *seeding = arg;
	TALLOC_CTX *mem = talloc_new(NULL);
	int rc = seeding->is_whole ? withdraw(db, mem, seeding, err) : 0;

	for (size_t i = 0; rc == 0 && i < seeding->count; i++)
		rc = write_seed(db, mem, seeding->setting, &seeding->seeds[i], err);
	talloc_free(mem);
	return rc;
}

enum form { ONE, NAMED, SECRETS };

static int seed_setting(struct db_pool *db, const char *setting, const struct certctl_secret *secret, enum form form,
	struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct seeding seeding = { .setting = setting, .is_whole = form != ONE };
	char *text = NULL;
	int rc = 0;

	if (!secret->data) /* says nothing */
		goto out;
	seeding.seeds = talloc_zero_array(mem, struct seed, SEEDS_MAX);
	text = copy_secret(mem, secret);
	if (!seeding.seeds || !text)
		rc = certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	else if (form == ONE)
		rc = add_seed(&seeding, "environment", text, "admin", err);
	else
		rc = split(mem, &seeding, text, form == NAMED, err);
	if (rc == 0)
		rc = db_transaction(db, seed_in, &seeding, err);
	if (rc < 0)
		rc = certctl_error_prefix(err, "%s", setting);
out:
	talloc_free(mem);
	return rc;
}

int access_seed(struct db_pool *db, const struct settings *settings, struct certctl_error *err)
{
	int rc = seed_setting(db, "api.key", &settings->api.key, ONE, err);

	if (rc == 0)
		rc = seed_setting(db, "api.keys_named", &settings->api.keys_named, NAMED, err);
	return rc < 0 ? rc : seed_setting(db, "auth.secret", &settings->auth.secret, SECRETS, err);
}
