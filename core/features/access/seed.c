/* API keys that an operator gives from outside: recorded at start, marked source=environment.  Knows nothing of settings. */
#include "access.h"
#include "core/features/access/access.sql.h"
#include "core/features/audit/audit.h"

#include <certctl/x509.h>
#include <string.h>

struct seeding {
	const struct access_seed *seed;
	char lookup[17], sha256[65];
};

static int record(struct db *db, const char *id, struct certctl_error *err)
{
	static const struct audit_actor environment = { .name = "environment", .type = "server" };
	struct audit_event event = { .action = "api_key_created", .resource_type = "api_key", .resource_id = id };

	return audit_record(db, &environment, &event, err);
}

/* Nothing happens while the key is the same, so one that was revoked stays so. */
static int seed_in(struct db *db, void *arg, struct certctl_error *err)
{
	const struct seeding *seeding = arg;
	const struct access_seed *seed = seeding->seed;
	TALLOC_CTX *mem = talloc_new(NULL);
	struct db_result *rows = NULL;
	int rc = db_run(db, mem, &query_api_key_seed,
		DB_VALUES(db_text(seed->name), db_text(seeding->lookup), db_text(seeding->sha256), db_text(seed->role)),
		&rows, err);

	if (rc == 0 && db_rows(rows) > 0)
		rc = record(db, db_get_text(rows, 0, "id"), err);
	talloc_free(mem);
	return rc;
}

/* A key of that name that was made otherwise is not ours to change. */
static int check_seeded(struct db_pool *db, const struct seeding *seeding, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct db_result *rows = NULL;
	int rc = db_once(db, mem, &query_api_key_is_seeded,
		DB_VALUES(db_text(seeding->seed->name), db_text(seeding->sha256)), &rows, err);

	if (rc == 0 && !db_get_boolean(rows, 0, "is_seeded"))
		rc = certctl_fail(err, CERTCTL_E_CONFLICT,
			"an API key named '%s' exists that was not given from outside", seeding->seed->name);
	talloc_free(mem);
	return rc;
}

int access_seed(struct db_pool *db, const struct access_seed *seed, struct certctl_error *err)
{
	struct seeding seeding = { .seed = seed };

	if (!access_key_lookup((const char *)seed->key->data, seeding.lookup))
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: 32 to 128 letters, digits and hyphens expected",
			seed->name);
	certctl_sha256_hex(seed->key->data, seed->key->len, seeding.sha256);
	int rc = db_transaction(db, seed_in, &seeding, err);

	return rc < 0 ? rc : check_seeded(db, &seeding, err);
}
