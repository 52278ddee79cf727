/* The verifier.  Pure: what it is given is the trail, and it believes none of it. */
#include "verify.h"

#include <certctl/x509.h>
#include <stdio.h>
#include <string.h>

struct audit_verifier {
	const struct audit_keys *keys;
	char *origin;                   /* NULL: no epoch yet */
	int64_t epoch, first_seq;       /* of the epoch */
	int64_t batch, size;            /* so far */
	unsigned char head[AUDIT_HASH]; /* so far */

	/* Of the batch whose events come. */
	unsigned char leaves[AUDIT_BATCH_MAX * AUDIT_HASH];
	int64_t count, at; /* at: the next leaf */
	char last_txid[32], event[80];
	int64_t last_seq;

	bool is_selection;
	const char *archived_until;       /* NULL: nothing */
	int64_t archived, archived_batch; /* events, and the last batch that may miss some */
	int64_t missing, shown;

	int64_t batches, checkpoints, signed_events;
	char signed_at[32];
};

int audit_verifier_new(TALLOC_CTX *mem, const struct audit_keys *keys, struct audit_verifier **ret,
	struct certctl_error *err)
{
	struct audit_verifier *verifier = talloc_zero(mem, struct audit_verifier);

	if (!verifier)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	verifier->keys = keys;
	snprintf(verifier->last_txid, sizeof(verifier->last_txid), "0");
	*ret = verifier;
	return 0;
}

static int CERTCTL_PRINTF(3, 4)
	tampered(const struct audit_verifier *verifier, struct certctl_error *err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	certctl_failv(err, CERTCTL_E_INVALID, format, args);
	va_end(args);
	return verifier->batch ? certctl_error_prefix(err, "batch %lld", (long long)verifier->batch)
			       : CERTCTL_E_INVALID;
}

/* Are they in a place where events may be missing?  How many there may be is asked at the end. */
static bool may_be_missing(struct audit_verifier *verifier, int64_t count)
{
	verifier->missing += count;
	return count == 0 || verifier->is_selection || verifier->batch <= verifier->archived_batch;
}

/* Every event of the batch has come. */
static int close_batch(struct audit_verifier *verifier, struct certctl_error *err)
{
	int64_t missing = verifier->count - verifier->at;

	verifier->at = verifier->count;
	if (!may_be_missing(verifier, missing))
		return tampered(verifier, err, "%lld events are missing after %s", (long long)missing,
			verifier->event[0] ? verifier->event : "its beginning");
	return 0;
}

/* --- What may be missing --------------------------------------------------------------------------------------------- */

int audit_verify_selection(struct audit_verifier *verifier, struct certctl_error *err)
{
	if (verifier->origin)
		return tampered(verifier, err, "a selection begins in the middle");
	verifier->is_selection = true;
	return 0;
}

int audit_verify_archive(struct audit_verifier *verifier, const struct audit_archive *archive,
	struct certctl_error *err)
{
	if (!verifier->origin || verifier->batch > 0 || strcmp(verifier->origin, archive->origin) != 0)
		return tampered(verifier, err, "archive of %.32s: it is not of this trail, or not where it belongs",
			archive->time);
	if (archive->events < 0 ||
		(verifier->archived_until && strcmp(verifier->archived_until, archive->from_id) != 0))
		return tampered(verifier, err, "archive of %.32s: it does not follow the one before it", archive->time);
	char *text = audit_archive_text(verifier, archive);
	bool is_signed = text && audit_keys_verify(verifier->keys, archive->key, text, archive->signature);

	talloc_free(text);
	if (!is_signed)
		return tampered(verifier, err, "archive of %.32s: not signed by a key that was given", archive->time);
	verifier->archived_until = talloc_strdup(verifier, archive->until_id);
	verifier->archived += archive->events;
	if (archive->last_batch > verifier->archived_batch)
		verifier->archived_batch = archive->last_batch;
	return 0;
}

/* Every event that is missing is in an archive. */
static int check_missing(const struct audit_verifier *verifier, struct certctl_error *err)
{
	if (verifier->is_selection || verifier->missing == verifier->archived)
		return 0;
	return certctl_fail(err, CERTCTL_E_INVALID,
		"%lld events are missing up to batch %lld, %lld of them are in archives", (long long)verifier->missing,
		(long long)verifier->archived_batch, (long long)verifier->archived);
}

/* --- Epochs ---------------------------------------------------------------------------------------------------------- */

static int check_epoch(const struct audit_verifier *verifier, const struct audit_epoch *epoch,
	struct certctl_error *err)
{
	if (epoch->epoch != verifier->epoch + 1)
		return tampered(verifier, err, "epoch %lld follows epoch %lld", (long long)epoch->epoch,
			(long long)verifier->epoch);
	if (verifier->origin && strcmp(verifier->origin, epoch->origin) != 0)
		return tampered(verifier, err, "epoch %lld: it is of another trail", (long long)epoch->epoch);
	if (epoch->previous_batch != verifier->batch || epoch->size != verifier->size ||
		memcmp(epoch->previous, verifier->head, AUDIT_HASH) != 0)
		return tampered(verifier, err, "epoch %lld: it links another head", (long long)epoch->epoch);
	return 0;
}

int audit_verify_epoch(struct audit_verifier *verifier, const struct audit_epoch *epoch, struct certctl_error *err)
{
	int rc = close_batch(verifier, err);

	if (rc == 0)
		rc = check_epoch(verifier, epoch, err);
	if (rc < 0)
		return rc;
	char *text = audit_epoch_text(verifier, epoch);

	if (!text)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	if (!audit_keys_verify(verifier->keys, epoch->key, text, epoch->signature))
		return tampered(verifier, err, "epoch %lld: not signed by a key that was given",
			(long long)epoch->epoch);
	audit_text_hash(text, verifier->head);
	talloc_free(text);
	if (!verifier->origin)
		verifier->origin = talloc_strdup(verifier, epoch->origin);
	verifier->epoch = epoch->epoch;
	verifier->first_seq = epoch->first_seq;
	verifier->last_seq = 0;
	snprintf(verifier->last_txid, sizeof(verifier->last_txid), "0");
	return 0;
}

/* --- Batches --------------------------------------------------------------------------------------------------------- */

static int check_batch(struct audit_verifier *verifier, const struct audit_batch *batch, struct certctl_error *err)
{
	unsigned char hash[AUDIT_HASH];

	if (batch->batch != verifier->batch + 1)
		return tampered(verifier, err, "batch %lld follows it", (long long)batch->batch);
	verifier->batch = batch->batch;
	if (batch->count < 1 || batch->count > AUDIT_BATCH_MAX || batch->size != verifier->size + batch->count)
		return tampered(verifier, err, "its counts do not add up");
	if (batch->epoch != verifier->epoch)
		return tampered(verifier, err, "it is of epoch %lld, which no record links", (long long)batch->epoch);
	if (memcmp(batch->previous, verifier->head, AUDIT_HASH) != 0)
		return tampered(verifier, err, "it does not follow the head before it");
	if (!batch->leaves && !verifier->is_selection)
		return tampered(verifier, err, "it has no leaves");
	if (batch->leaves)
		audit_root(batch->leaves, (size_t)batch->count, hash);
	if (batch->leaves && memcmp(hash, batch->root, AUDIT_HASH) != 0)
		return tampered(verifier, err, "its leaves do not give its root");
	audit_batch_head(batch, hash);
	if (memcmp(hash, batch->head, AUDIT_HASH) != 0)
		return tampered(verifier, err, "its head is another");
	return 0;
}

int audit_verify_batch(struct audit_verifier *verifier, const struct audit_batch *batch, struct certctl_error *err)
{
	int rc = close_batch(verifier, err);

	if (rc == 0)
		rc = check_batch(verifier, batch, err);
	if (rc < 0)
		return rc;
	if (batch->leaves)
		memcpy(verifier->leaves, batch->leaves, (size_t)batch->count * AUDIT_HASH);
	else
		verifier->missing += batch->count;
	memcpy(verifier->head, batch->head, AUDIT_HASH);
	verifier->size = batch->size;
	verifier->count = batch->leaves ? batch->count : 0;
	verifier->at = 0;
	verifier->last_seq = batch->last_seq;
	verifier->event[0] = '\0';
	snprintf(verifier->last_txid, sizeof(verifier->last_txid), "%s", batch->last_txid);
	verifier->batches++;
	return 0;
}

/* --- Events ---------------------------------------------------------------------------------------------------------- */

/* Where the leaf stands among those to come; -1: nowhere. */
static int64_t find_leaf(const struct audit_verifier *verifier, const unsigned char leaf[AUDIT_HASH])
{
	for (int64_t i = verifier->at; i < verifier->count; i++)
		if (memcmp(verifier->leaves + i * AUDIT_HASH, leaf, AUDIT_HASH) == 0)
			return i;
	return -1;
}

int audit_verify_event(struct audit_verifier *verifier, const char *const values[AUDIT_COLUMNS],
	struct certctl_error *err)
{
	unsigned char leaf[AUDIT_HASH];
	char name[80];

	snprintf(name, sizeof(name), "event %.40s (seq %.20s)", values[AUDIT_ID] ? values[AUDIT_ID] : "without id",
		values[AUDIT_SEQ] ? values[AUDIT_SEQ] : "none");
	audit_leaf(values, leaf);
	int64_t found = find_leaf(verifier, leaf);

	if (found < 0)
		return tampered(verifier, err, "%s is not as it was sealed, or was added", name);
	if (!may_be_missing(verifier, found - verifier->at))
		return tampered(verifier, err, "%lld events are missing before %s", (long long)(found - verifier->at),
			name);
	verifier->at = found + 1;
	verifier->shown++;
	snprintf(verifier->event, sizeof(verifier->event), "%s", name);
	return 0;
}

/* --- Checkpoints ----------------------------------------------------------------------------------------------------- */

int audit_verify_checkpoint(struct audit_verifier *verifier, const struct audit_checkpoint *checkpoint,
	struct certctl_error *err)
{
	int rc = close_batch(verifier, err);

	if (rc < 0)
		return rc;
	if (!verifier->origin || strcmp(verifier->origin, checkpoint->origin) != 0)
		return tampered(verifier, err, "checkpoint of %.32s: it is of another trail", checkpoint->time);
	if (checkpoint->batch != verifier->batch || checkpoint->size != verifier->size)
		return tampered(verifier, err, "checkpoint of %.32s: it speaks of batch %lld with %lld events",
			checkpoint->time, (long long)checkpoint->batch, (long long)checkpoint->size);
	if (memcmp(checkpoint->head, verifier->head, AUDIT_HASH) != 0)
		return tampered(verifier, err, "checkpoint of %.32s: the trail was rewritten since", checkpoint->time);
	char *text = audit_checkpoint_text(verifier, checkpoint);
	bool is_signed = text && audit_keys_verify(verifier->keys, checkpoint->key, text, checkpoint->signature);

	talloc_free(text);
	if (!is_signed)
		return tampered(verifier, err, "checkpoint of %.32s: not signed by a key that was given",
			checkpoint->time);
	/* The same one stands in the table and in the file. */
	verifier->checkpoints += checkpoint->size != verifier->signed_events;
	verifier->signed_events = checkpoint->size;
	snprintf(verifier->signed_at, sizeof(verifier->signed_at), "%s", checkpoint->time);
	return 0;
}

int64_t audit_verify_at(const struct audit_verifier *verifier)
{
	return verifier->batch;
}

int audit_verify_end(struct audit_verifier *verifier, struct audit_report *ret, struct certctl_error *err)
{
	int rc = close_batch(verifier, err);

	if (rc == 0)
		rc = check_missing(verifier, err);
	if (rc < 0)
		return rc;
	*ret = (struct audit_report){ .batches = verifier->batches,
		.events = verifier->size,
		.shown = verifier->shown,
		.archived = verifier->archived,
		.is_selection = verifier->is_selection,
		.checkpoints = verifier->checkpoints,
		.signed_events = verifier->signed_events,
		.last_seq = verifier->last_seq,
		.epoch_first_seq = verifier->first_seq };
	snprintf(ret->signed_at, sizeof(ret->signed_at), "%s", verifier->signed_at);
	snprintf(ret->last_txid, sizeof(ret->last_txid), "%s", verifier->last_txid);
	const char *head = audit_hex(verifier, verifier->head);

	snprintf(ret->head, sizeof(ret->head), "%s", head ? head : "");
	return 0;
}
