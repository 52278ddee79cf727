/* What agents tell unasked: which certificates their servers serve, and which keys are no more. */
#include "core/features/audit/audit.h"
#include "core/features/deployment/deployment.h"
#include "core/features/fleet/fleet.sql.h"
#include "work.h"

#include <string.h>

#define ROWS_MAX 500

/* --- What is served -------------------------------------------------------------------------------------------------- */

static const struct certctl_field observation_fields[] = {
	CERTCTL_OPTION(struct drift_observation, binding_id, CERTCTL_REFERENCE, .required = true,
		.refers_to = "binding"),
	CERTCTL_OPTION(struct drift_observation, served_fingerprint, CERTCTL_TEXT, .min = 64, .max = 64,
		.help = "SHA-256 of the leaf; absent: nothing answered."),
	{ 0 },
};
struct observations {
	struct certctl_list observations;
};
static const struct certctl_field observations_fields[] = {
	CERTCTL_OPTION(struct observations, observations, CERTCTL_LIST, .required = true, .item_type = CERTCTL_OBJECT,
		.min = 1, .max = ROWS_MAX, .nested = observation_fields,
		.nested_size = sizeof(struct drift_observation)),
	{ 0 },
};
const struct http_body fleet_observations_body = { "Observations", observations_fields };

int fleet_observe(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct observations in = { 0 };
	int rc = resource_read(request, reply, observations_fields, &in, err);

	if (rc == 0)
		rc = drift_take(core_of(request), request, request->actor, in.observations.items, in.observations.count,
			err);
	return rc < 0 ? rc : http_reply_empty(reply, 204);
}

/* --- Keys that are no more --------------------------------------------------------------------------------------------- */

struct destroyed_key {
	const char *certificate_id, *public_key_sha256;
	struct certctl_time destroyed_at;
};
static const struct certctl_field destroyed_key_fields[] = {
	CERTCTL_OPTION(struct destroyed_key, certificate_id, CERTCTL_REFERENCE, .required = true,
		.refers_to = "certificate"),
	CERTCTL_OPTION(struct destroyed_key, public_key_sha256, CERTCTL_TEXT, .required = true, .min = 64, .max = 64),
	CERTCTL_OPTION(struct destroyed_key, destroyed_at, CERTCTL_TIME, .required = true),
	{ 0 },
};
struct destroyed_keys {
	struct certctl_list keys;
};
static const struct certctl_field destroyed_keys_fields[] = {
	CERTCTL_OPTION(struct destroyed_keys, keys, CERTCTL_LIST, .required = true, .item_type = CERTCTL_OBJECT,
		.min = 1, .max = ROWS_MAX, .nested = destroyed_key_fields, .nested_size = sizeof(struct destroyed_key)),
	{ 0 },
};
const struct http_body fleet_destroyed_keys_body = { "DestroyedKeys", destroyed_keys_fields };

struct recording {
	const struct destroyed_keys *in;
	struct audit_actor actor;
	TALLOC_CTX *mem;
};

static bool is_hash(const char *text)
{
	return strlen(text) == 64 && text[strspn(text, "0123456789abcdef")] == '\0';
}

static int record_one(struct db *db, const struct recording *work, const struct destroyed_key *key,
	struct certctl_error *err)
{
	char at[CERTCTL_TIME_TEXT];
	struct db_result *rows = NULL;
	int rc = db_run(db, work->mem, &query_placed_here,
		DB_VALUES(db_text(work->actor.name), db_text(key->certificate_id)), &rows, err);

	if (rc < 0)
		return rc;
	if (db_rows(rows) == 0)
		return certctl_fail(err, CERTCTL_E_NOT_FOUND, "certificate '%s' is not there", key->certificate_id);
	certctl_time_format(key->destroyed_at.unix_s, at);
	rc = db_run(db, work->mem, &query_key_destroyed,
		DB_VALUES(db_text(work->actor.name), db_text(key->certificate_id), db_text(key->public_key_sha256),
			db_text(at)),
		&rows, err);

	/* Told before. */
	if (rc < 0 || db_rows(rows) == 0)
		return rc;
	const char *details =
		talloc_asprintf(work->mem, "{\"agent_id\":\"%s\",\"public_key_sha256\":\"%s\",\"destroyed_at\":\"%s\"}",
			work->actor.name, key->public_key_sha256, at);

	return audit_record(db, &work->actor,
		&(struct audit_event){ "key_destroyed", "certificate", key->certificate_id, details }, err);
}

static int record_all(struct db *db, void *arg, struct certctl_error *err)
{
	struct recording *work = arg;
	const struct destroyed_key *keys = work->in->keys.items;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < work->in->keys.count; i++)
		rc = record_one(db, work, &keys[i], err);
	return rc;
}

int fleet_keys_destroyed(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct destroyed_keys in = { 0 };
	struct recording work = { .in = &in, .actor = audit_actor_of(request), .mem = request };
	int rc = resource_read(request, reply, destroyed_keys_fields, &in, err);
	const struct destroyed_key *keys = in.keys.items;

	for (size_t i = 0; rc == 0 && i < in.keys.count; i++)
		if (!is_hash(keys[i].public_key_sha256))
			rc = certctl_fail(err, CERTCTL_E_INVALID,
				"keys[%zu].public_key_sha256: 64 hexadecimal digits expected", i);
	if (rc == 0)
		rc = db_transaction(core_of(request)->db, record_all, &work, err);
	return rc < 0 ? rc : http_reply_empty(reply, 204);
}
