/* Durable values of instances: sealed rows, compare and swap.  Knows nothing of what they mean to a plugin. */
#include "state.h"
#include "core/platform/connectors/state.sql.h"

#include <certctl/log.h>
#include <string.h>

struct state {
	struct db_pool *db;
	const struct sealing *sealing;
	const char *instance;
};

/* The instance has one slash, so a name with more of them is still nobody else's. */
static int place_of(TALLOC_CTX *mem, const char *instance, const char *name, struct sealing_place *ret,
	struct certctl_error *err)
{
	ret->table = "connector_state";
	ret->column = "sealed";
	ret->row = talloc_asprintf(mem, "%s/%s", instance, name);
	return ret->row ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

/* --- Reading --------------------------------------------------------------------------------------------------------- */

static int read_value(const struct state *state, const char *name, TALLOC_CTX *mem, struct certctl_secret *ret_value,
	int64_t *ret_version, struct certctl_error *err)
{
	TALLOC_CTX *scratch = talloc_new(NULL);
	struct sealing_place place;
	struct db_result *rows = NULL;
	int rc = place_of(scratch, state->instance, name, &place, err);

	if (rc == 0)
		rc = db_once(state->db, scratch, &query_connector_state_get,
			DB_VALUES(db_text(state->instance), db_text(name)), &rows, err);
	if (rc == 0 && db_rows(rows) == 0)
		rc = certctl_fail(err, CERTCTL_E_NOT_FOUND, "state '%s': none yet", name);
	if (rc == 0) {
		struct sealed sealed = { db_get_text(rows, 0, "key_id"), db_get_text(rows, 0, "sealed") };

		rc = sealing_unseal(state->sealing, mem, &place, &sealed, ret_value, err);
	}
	if (rc == 0)
		*ret_version = db_get_integer(rows, 0, "version");
	talloc_free(scratch);
	return rc;
}

static int get(void *arg, const char *name, TALLOC_CTX *mem, char **ret_value, int64_t *ret_version,
	struct certctl_error *err)
{
	struct certctl_secret value = { 0 };
	int rc = read_value(arg, name, mem, &value, ret_version, err);

	if (rc == 0)
		*ret_value = (char *)value.data; /* wiped with `mem`; what was put in was text */
	return rc;
}

/* --- Writing --------------------------------------------------------------------------------------------------------- */

/* @param query  with these five values; no row: the version is another one by now */
static int write_value(const struct state *state, const struct db_query *query, const char *name,
	const struct certctl_secret *value, int64_t version, int64_t *ret_version, struct certctl_error *err)
{
	TALLOC_CTX *scratch = talloc_new(NULL);
	struct sealing_place place;
	struct sealed sealed = { 0 };
	struct db_result *rows = NULL;
	int rc = place_of(scratch, state->instance, name, &place, err);

	if (rc == 0)
		rc = sealing_seal(state->sealing, scratch, &place, value, &sealed, err);
	if (rc == 0) {
		const struct db_value values[] = { db_text(state->instance), db_text(name), db_text(sealed.bytes),
			db_text(sealed.key_id), db_integer(version) };

		rc = db_once(state->db, scratch, query, values, query->count, &rows, err);
	}
	if (rc == 0 && db_rows(rows) == 0) {
		rc = certctl_fail(err, CERTCTL_E_CONFLICT, "state '%s': somebody else wrote it first", name);
		certctl_hint(err, "Read it again and decide anew.");
	}
	if (rc == 0)
		*ret_version = db_get_integer(rows, 0, "version");
	talloc_free(scratch);
	return rc;
}

static int put(void *arg, const char *name, const char *value, int64_t expected_version, int64_t *ret_version,
	struct certctl_error *err)
{
	const struct db_query *query =
		expected_version == 0 ? &query_connector_state_create : &query_connector_state_replace;
	struct certctl_secret secret = { (unsigned char *)(uintptr_t)value, strlen(value) };

	if (!*name)
		return certctl_fail(err, CERTCTL_E_INVALID, "state: a name expected");
	if (secret.len > CERTCTL_STATE_MAX)
		return certctl_fail(err, CERTCTL_E_LIMIT, "state '%s': at most %d bytes", name, CERTCTL_STATE_MAX);
	return write_value(arg, query, name, &secret, expected_version, ret_version, err);
}

int connector_state_init(TALLOC_CTX *mem, const struct connectors_options *options, const char *instance,
	struct certctl_connector_state *ret, struct certctl_error *err)
{
	struct state *state = talloc_zero(mem, struct state);

	if (!state || !(state->instance = talloc_strdup(state, instance)))
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	certctl_assert(options->sealing);
	state->db = options->db;
	state->sealing = options->sealing;
	*ret = (struct certctl_connector_state){ .get = get, .put = put, .arg = state };
	return 0;
}

/* --- After a rotation ------------------------------------------------------------------------------------------------- */

static int reseal_one(const struct state *state, const char *name, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct certctl_secret value = { 0 };
	int64_t version = 0;
	int rc = read_value(state, name, mem, &value, &version, err);

	if (rc == 0)
		rc = write_value(state, &query_connector_state_reseal, name, &value, version, &version, err);
	talloc_free(mem);
	/* Written by another server meanwhile, with a key of its file: that is as good. */
	return rc == CERTCTL_E_CONFLICT ? 0 : rc;
}

int connectors_state_reseal(struct db_pool *db, const struct sealing *sealing, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct db_result *rows = NULL;
	size_t done = 0;
	int rc = db_once(db, mem, &query_connector_state_of_other_keys, DB_VALUES(db_text(sealing_key_id(sealing))),
		&rows, err);

	for (size_t row = 0; rc == 0 && row < db_rows(rows); row++) {
		struct state state = { db, sealing, db_get_text(rows, row, "instance") };
		const char *name = db_get_text(rows, row, "name");
		struct certctl_error why = { 0 };

		/* One that cannot be read is its instance's trouble alone. */
		if (reseal_one(&state, name, &why) < 0)
			certctl_log_error(CERTCTL_LOG_ERROR, "sealing.value_unreadable", &why, "instance",
				state.instance, "name", name, NULL);
		else
			done++;
	}
	if (done > 0)
		certctl_log(CERTCTL_LOG_NOTICE, "sealing.resealed", "values", certctl_num((int64_t)done), "key",
			sealing_key_id(sealing), NULL);
	talloc_free(mem);
	return rc;
}
