/* The life of an API key: made, changed, rotated, revoked; each with its event.  Knows no HTTP. */
#include "keys.h"
#include "core/features/access/access.sql.h"
#include "roles.h"

#include <string.h>

/* --- What may be done ------------------------------------------------------------------------------------------------ */

/* Nobody gives, takes or holds in his hand what he does not have. */
static int check_reach(const struct key_change *change, const char *role, struct certctl_error *err)
{
	if (access_permissions(role, NULL) & ~change->permissions)
		return certctl_fail(err, CERTCTL_E_DENIED, "role '%s' has more permissions than the key that asks",
			role);
	return 0;
}

static int check_limits(struct db *db, const struct key_change *change, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_run(db, change->mem, &query_api_key_limits_missing, DB_VALUES(db_text(change->scope)), &rows, err);

	if (rc == 0 && !db_is_null(rows, 0, "ids"))
		rc = certctl_fail(err, CERTCTL_E_INVALID, "limits: there is no %s", db_get_text(rows, 0, "ids"));
	return rc;
}

/* Who locks everybody out would have to ask the database's administrator. */
static int check_admin_is_left(struct db *db, const struct key_change *change, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_run(db, change->mem, &query_api_keys_admin_is_left, DB_NO_VALUES, &rows, err);

	if (rc == 0 && !db_get_boolean(rows, 0, "is_left"))
		rc = certctl_fail(err, CERTCTL_E_CONFLICT,
			"this is the last key with the role admin: make another one first");
	return rc;
}

/* From here on nobody else changes keys; the one in question is there, and within reach. */
static int hold(struct db *db, struct key_change *change, struct db_result **ret, struct certctl_error *err)
{
	int rc = db_run(db, change->mem, &query_api_keys_lock, DB_NO_VALUES, NULL, err);

	if (rc == 0)
		rc = db_run(db, change->mem, &query_api_key_hold, DB_VALUES(db_text(change->id)), ret, err);
	if (rc == 0 && db_rows(*ret) == 0)
		rc = certctl_fail(err, CERTCTL_E_NOT_FOUND, "API key '%s' is not there", change->id);
	if (rc < 0)
		return rc;
	change->was_changed = change->is_expected && !change->is_expected(change, db_get_text(*ret, 0, "version"));
	return change->was_changed
		       ? certctl_fail(err, CERTCTL_E_CONFLICT, "API key '%s' was changed since it was read", change->id)
		       : check_reach(change, db_get_text(*ret, 0, "role"), err);
}

static int hold_live(struct db *db, struct key_change *change, struct db_result **ret, struct certctl_error *err)
{
	int rc = hold(db, change, ret, err);

	if (rc == 0 && db_get_boolean(*ret, 0, "is_revoked"))
		rc = certctl_fail(err, CERTCTL_E_CONFLICT, "API key '%s' is revoked, which is for good", change->id);
	return rc;
}

static int record(struct db *db, const struct key_change *change, const char *action, const char *details,
	struct certctl_error *err)
{
	struct audit_event event = { action, "api_key", change->id, details };

	return audit_record(db, &change->actor, &event, err);
}

/* --- What is done ---------------------------------------------------------------------------------------------------- */

int key_create(struct db *db, void *arg, struct certctl_error *err)
{
	struct key_change *change = arg;
	struct db_result *rows = NULL;
	int rc = check_reach(change, change->role, err);

	if (rc == 0)
		rc = check_limits(db, change, err);
	if (rc == 0)
		rc = db_run(db, change->mem, &query_api_key_insert,
			DB_VALUES(db_text(change->name), db_text(change->role), db_text(change->secret.lookup),
				db_text(change->secret.sha256), db_text(change->scope), db_text(change->expires_at),
				change->ttl_s ? db_integer(change->ttl_s) : (struct db_value){ .type = DB_NULL },
				db_text(change->actor.name)),
			&rows, err);
	if (rc < 0)
		return rc;
	change->id = db_get_text(rows, 0, "id");
	return record(db, change, "api_key_created",
		talloc_asprintf(change->mem, "{\"role\":\"%s\",\"limits\":%s}", change->role,
			change->scope ? change->scope : "null"),
		err);
}

int key_update(struct db *db, void *arg, struct certctl_error *err)
{
	struct key_change *change = arg;
	struct db_result *rows = NULL;
	int rc = hold_live(db, change, &rows, err);

	if (rc == 0)
		rc = check_limits(db, change, err);
	if (rc == 0)
		rc = db_run(db, change->mem, &query_api_key_update,
			DB_VALUES(db_text(change->id), db_text(change->name), db_boolean(change->has_enabled),
				db_boolean(change->enabled), db_boolean(change->has_limits), db_text(change->scope),
				db_boolean(change->has_expiry), db_text(change->expires_at)),
			NULL, err);
	if (rc == 0)
		rc = check_admin_is_left(db, change, err);
	return rc < 0 ? rc : record(db, change, "api_key_updated", change->details, err);
}

int key_rotate(struct db *db, void *arg, struct certctl_error *err)
{
	struct key_change *change = arg;
	struct db_result *rows = NULL;
	int rc = hold_live(db, change, &rows, err);

	if (rc == 0 && strcmp(db_get_text(rows, 0, "source"), "environment") == 0)
		rc = certctl_fail(err, CERTCTL_E_CONFLICT, "API key '%s' comes from the settings: change it there",
			change->id);
	if (rc == 0)
		rc = db_run(db, change->mem, &query_api_key_rotate,
			DB_VALUES(db_text(change->id), db_text(change->secret.lookup), db_text(change->secret.sha256),
				db_integer(change->grace_s)),
			NULL, err);
	return rc < 0 ? rc
		      : record(db, change, "api_key_updated",
				talloc_asprintf(change->mem, "{\"rotated\":true,\"grace_seconds\":%lld}",
					(long long)change->grace_s),
				err);
}

int key_revoke(struct db *db, void *arg, struct certctl_error *err)
{
	struct key_change *change = arg;
	struct db_result *rows = NULL;
	int rc = hold(db, change, &rows, err);

	if (rc < 0 || db_get_boolean(rows, 0, "is_revoked"))
		return rc;
	rc = db_run(db, change->mem, &query_api_key_revoke, DB_VALUES(db_text(change->id)), NULL, err);
	if (rc == 0)
		rc = check_admin_is_left(db, change, err);
	return rc < 0 ? rc : record(db, change, "api_key_deleted", NULL, err);
}
