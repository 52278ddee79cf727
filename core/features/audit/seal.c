/* From events to batches, epochs and checkpoints, one step at a time.  Knows no threads and no timers. */
#include "seal.h"
#include "core/features/audit/seal.sql.h"

#include <certctl/log.h>
#include <certctl/x509.h>
#include <stdio.h>
#include <string.h>

/* Any fixed number; other programs on the same database must not use it. */
#define LOCK INT64_C(7165210134219382)

int audit_seal_lock(struct db *db, bool *ret_is_ours, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct db_result *rows = NULL;
	int rc = db_run(db, mem, &query_audit_seal_lock, DB_VALUES(db_integer(LOCK)), &rows, err);

	if (rc == 0)
		*ret_is_ours = db_get_boolean(rows, 0, "is_ours");
	talloc_free(mem);
	return rc;
}

/* --- Position -------------------------------------------------------------------------------------------------------- */

static int enter_epoch(struct db *db, TALLOC_CTX *mem, struct audit_position *position, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_run(db, mem, &query_audit_epoch_get, DB_VALUES(db_integer(position->epoch)), &rows, err);

	if (rc < 0)
		return rc;
	if (db_rows(rows) == 0 || !db_get_text(rows, 0, "origin"))
		return certctl_fail(err, CERTCTL_E_INVALID, "audit: epoch %lld has no record",
			(long long)position->epoch);
	position->first_seq = db_get_integer(rows, 0, "first_seq");
	position->end_seq = db_get_integer(rows, 0, "end_seq");
	position->is_last_epoch = db_get_boolean(rows, 0, "is_last");
	snprintf(position->origin, sizeof(position->origin), "%s", db_get_text(rows, 0, "origin"));
	return 0;
}

static int load(struct db *db, TALLOC_CTX *mem, struct audit_position *position, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_run(db, mem, &query_audit_head, DB_NO_VALUES, &rows, err);

	if (rc < 0)
		return rc;
	snprintf(position->last_txid, sizeof(position->last_txid), "0");
	if (db_rows(rows) == 0)
		return 0;
	position->batch = db_get_integer(rows, 0, "batch");
	position->epoch = db_get_integer(rows, 0, "epoch");
	position->size = db_get_integer(rows, 0, "size");
	position->last_seq = db_get_integer(rows, 0, "last_seq");
	snprintf(position->last_txid, sizeof(position->last_txid), "%s", db_get_text(rows, 0, "last_txid"));
	if (!audit_unhex(db_get_text(rows, 0, "head"), position->head))
		return certctl_fail(err, CERTCTL_E_INVALID, "audit: the head of batch %lld is none",
			(long long)position->batch);
	return enter_epoch(db, mem, position, err);
}

int audit_position_load(struct db *db, struct audit_position *ret, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct audit_position position = { 0 };
	int rc = load(db, mem, &position, err);

	talloc_free(mem);
	if (rc == 0)
		*ret = position;
	return rc;
}

/* --- Epochs ---------------------------------------------------------------------------------------------------------- */

bool audit_epoch_of(const struct db_result *rows, size_t row, struct audit_epoch *ret)
{
	*ret = (struct audit_epoch){ .epoch = db_get_integer(rows, row, "epoch"),
		.origin = db_get_text(rows, row, "origin"),
		.system_identifier = db_get_text(rows, row, "system_identifier"),
		.first_seq = db_get_integer(rows, row, "first_seq"),
		.previous_batch = db_get_integer(rows, row, "previous_batch"),
		.size = db_get_integer(rows, row, "size"),
		.reason = db_get_text(rows, row, "reason"),
		.time = db_get_text(rows, row, "time"),
		.key = db_get_text(rows, row, "key"),
		.signature = db_get_text(rows, row, "signature") };
	return audit_unhex(db_get_text(rows, row, "previous"), ret->previous);
}

/* The head that the epoch's record gives; the next batch names it. */
static int take_epoch(struct db *db, TALLOC_CTX *mem, const struct audit_epoch *epoch, struct audit_position *position,
	struct certctl_error *err)
{
	char *text = audit_epoch_text(mem, epoch);
	struct audit_position next = *position;

	if (!text)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	next.epoch = epoch->epoch;
	next.last_seq = 0;
	snprintf(next.last_txid, sizeof(next.last_txid), "0");
	audit_text_hash(text, next.head);
	int rc = enter_epoch(db, mem, &next, err);

	if (rc == 0)
		*position = next;
	return rc;
}

static int make_origin(TALLOC_CTX *mem, const char **ret, struct certctl_error *err)
{
	unsigned char random[16];
	int rc = certctl_random(random, sizeof(random), err);

	if (rc < 0)
		return rc;
	*ret = certctl_hex(mem, random, sizeof(random));
	return *ret ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

static int write_link(struct db *db, const struct audit_signer *signer, TALLOC_CTX *mem, const struct db_result *rows,
	struct audit_position *position, const char *reason, struct certctl_error *err)
{
	struct audit_epoch epoch = { .epoch = db_get_integer(rows, 0, "epoch"),
		.origin = db_get_text(rows, 0, "first_origin"),
		.system_identifier = db_get_text(rows, 0, "system_identifier"),
		.first_seq = db_get_integer(rows, 0, "first_seq"),
		.previous_batch = position->batch,
		.size = position->size,
		.reason = reason,
		.time = db_get_text(rows, 0, "now"),
		.key = audit_signer_id(signer) };
	int rc = epoch.origin ? 0 : make_origin(mem, &epoch.origin, err);

	memcpy(epoch.previous, position->head, AUDIT_HASH);
	char *text = rc == 0 ? audit_epoch_text(mem, &epoch) : NULL;

	if (rc == 0)
		rc = text ? audit_sign(signer, text, mem, &epoch.signature, err)
			  : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	if (rc == 0)
		rc = db_run(db, NULL, &query_audit_link_insert,
			DB_VALUES(db_integer(epoch.epoch), db_text(epoch.origin), db_integer(epoch.previous_batch),
				db_integer(epoch.size), db_text(audit_hex(mem, epoch.previous)), db_text(reason),
				db_text(epoch.time), db_text(epoch.key), db_text(epoch.signature)),
			NULL, err);
	return rc < 0 ? rc : take_epoch(db, mem, &epoch, position, err);
}

/* Into the next epoch, where its record is there or may be written without being asked: `reason`, or the very first. */
static int next_epoch(struct db *db, const struct audit_signer *signer, TALLOC_CTX *mem,
	struct audit_position *position, const char *reason, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	struct audit_epoch epoch;
	int rc = db_run(db, mem, &query_audit_epoch_get, DB_VALUES(db_integer(position->epoch + 1)), &rows, err);

	if (rc < 0)
		return rc;
	if (db_rows(rows) == 0)
		return certctl_fail(err, CERTCTL_E_CONFLICT, "audit: epoch %lld is the last one",
			(long long)position->epoch);
	if (!db_get_boolean(rows, 0, "is_linked")) {
		if (position->epoch == 0)
			reason = "first start";
		if (reason)
			return write_link(db, signer, mem, rows, position, reason, err);
		certctl_fail(err, CERTCTL_E_DENIED, "audit: this is another database than the trail was sealed in");
		return certctl_hint(err, "If you restored it, say so: certctld audit link --reason TEXT");
	}
	if (!audit_epoch_of(rows, 0, &epoch) || epoch.previous_batch != position->batch ||
		memcmp(epoch.previous, position->head, AUDIT_HASH) != 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "audit: the record of epoch %lld ties another head",
			(long long)epoch.epoch);
	return take_epoch(db, mem, &epoch, position, err);
}

int audit_link(struct db *db, const struct audit_signer *signer, struct audit_position *position, const char *reason,
	struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	int rc = next_epoch(db, signer, mem, position, reason, err);

	talloc_free(mem);
	return rc;
}

/* --- Batches --------------------------------------------------------------------------------------------------------- */

/* In the last epoch only what no running transaction can come before; an earlier one has no running transactions. */
static int read_rows(struct db *db, TALLOC_CTX *mem, const struct audit_position *position, struct db_result **ret,
	struct certctl_error *err)
{
	const char *horizon = "18446744073709551615";
	struct db_result *rows = NULL;

	if (position->is_last_epoch) {
		int rc = db_run(db, mem, &query_audit_horizon, DB_NO_VALUES, &rows, err);

		if (rc < 0)
			return rc;
		horizon = db_get_text(rows, 0, "txid");
	}
	return db_run(db, mem, &query_audit_rows,
		DB_VALUES(db_text(position->last_txid), db_integer(position->last_seq), db_text(horizon), db_integer(0),
			db_integer(position->first_seq), db_integer(position->end_seq), db_integer(AUDIT_BATCH_MAX)),
		ret, err);
}

static void hash_rows(const struct db_result *rows, unsigned char *ret_leaves)
{
	int columns[AUDIT_COLUMNS];

	for (size_t i = 0; i < AUDIT_COLUMNS; i++)
		columns[i] = db_column(rows, audit_columns[i]);
	for (size_t row = 0; row < db_rows(rows); row++) {
		const char *values[AUDIT_COLUMNS];

		for (size_t i = 0; i < AUDIT_COLUMNS; i++)
			values[i] = db_value_at(rows, row, columns[i]);
		audit_leaf(values, ret_leaves + row * AUDIT_HASH);
	}
}

static int write_batch(struct db *db, TALLOC_CTX *mem, const struct audit_batch *batch, struct certctl_error *err)
{
	return db_run(db, NULL, &query_audit_batch_insert,
		DB_VALUES(db_integer(batch->batch), db_integer(batch->epoch), db_integer(batch->count),
			db_integer(batch->size), db_text(batch->last_txid), db_integer(batch->last_seq),
			db_text(audit_hex(mem, batch->root)), db_text(audit_hex(mem, batch->previous)),
			db_text(audit_hex(mem, batch->head)),
			db_text(certctl_hex(mem, batch->leaves, (size_t)batch->count * AUDIT_HASH))),
		NULL, err);
}

static int seal_rows(struct db *db, TALLOC_CTX *mem, const struct db_result *rows, struct audit_position *position,
	struct certctl_error *err)
{
	size_t count = db_rows(rows);
	unsigned char *leaves = talloc_array(mem, unsigned char, AUDIT_BATCH_MAX *AUDIT_HASH);
	struct audit_batch batch = { .batch = position->batch + 1,
		.epoch = position->epoch,
		.count = (int64_t)count,
		.size = position->size + (int64_t)count,
		.last_txid = db_get_text(rows, count - 1, "txid"),
		.last_seq = db_get_integer(rows, count - 1, "seq"),
		.leaves = leaves };

	if (!leaves)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	hash_rows(rows, leaves);
	memcpy(batch.previous, position->head, AUDIT_HASH);
	audit_root(leaves, count, batch.root);
	audit_batch_head(&batch, batch.head);
	int rc = write_batch(db, mem, &batch, err);

	if (rc < 0)
		return rc;
	position->batch = batch.batch;
	position->size = batch.size;
	position->last_seq = batch.last_seq;
	memcpy(position->head, batch.head, AUDIT_HASH);
	snprintf(position->last_txid, sizeof(position->last_txid), "%s", batch.last_txid);
	return 0;
}

static int step(struct db *db, const struct audit_signer *signer, TALLOC_CTX *mem, struct audit_position *position,
	int64_t *ret_sealed, struct certctl_error *err)
{
	for (;;) {
		struct db_result *rows = NULL;
		int rc = position->epoch ? read_rows(db, mem, position, &rows, err) : 0;

		if (rc < 0)
			return rc;
		if (rows && db_rows(rows) > 0) {
			rc = seal_rows(db, mem, rows, position, err);
			if (rc == 0)
				*ret_sealed = (int64_t)db_rows(rows);
			return rc;
		}
		if (position->epoch && position->is_last_epoch) {
			*ret_sealed = 0;
			return 0;
		}
		rc = next_epoch(db, signer, mem, position, NULL, err);
		if (rc < 0)
			return rc;
	}
}

int audit_seal_step(struct db *db, const struct audit_signer *signer, struct audit_position *position,
	int64_t *ret_sealed, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	int rc = step(db, signer, mem, position, ret_sealed, err);

	talloc_free(mem);
	return rc;
}
