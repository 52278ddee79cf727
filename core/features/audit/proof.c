/* From rows to lines of proof.  Verifies nothing: what it finds is written as it is. */
#include "proof.h"
#include "core/features/audit/seal.sql.h"
#include "trail.h"

#include <string.h>

/* `{"<kind>":{...}}`: columns that are numbers stay numbers, everything else is text. */
struct record {
	const char *kind;
	const char *const *columns;
	const char *const *numbers; /* those of the columns that are numbers */
};

static const char *const epoch_columns[] = { "epoch", "origin", "system_identifier", "first_seq", "previous_batch",
	"size", "previous", "reason", "time", "key", "signature", NULL };
static const char *const batch_columns[] = { "batch", "epoch", "count", "size", "last_txid", "last_seq", "root",
	"previous", "head", "leaves", NULL };
static const char *const checkpoint_columns[] = { "origin", "batch", "size", "head", "time", "key", "signature", NULL };
static const char *const bare_batch_columns[] = { "batch", "epoch", "count", "size", "last_txid", "last_seq", "root",
	"previous", "head", NULL };
static const char *const archive_columns[] = { "origin", "from_id", "until_id", "events", "last_batch", "file_sha256",
	"time", "key", "signature", NULL };
static const char *const numbers[] = { "batch", "epoch", "count", "size", "last_seq", "first_seq", "previous_batch",
	"events", "last_batch", NULL };
static const char *const no_numbers[] = { NULL };

static const struct record epoch_record = { "epoch", epoch_columns, numbers };
static const struct record batch_record = { "batch", batch_columns, numbers };
static const struct record bare_batch_record = { "batch", bare_batch_columns, numbers };
static const struct record archive_record = { "archive", archive_columns, numbers };
static const struct record checkpoint_record = { "checkpoint", checkpoint_columns, numbers };
static const struct record event_record = { "event", audit_columns, no_numbers };

static bool is_among(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

static void write_record(struct certctl_buffer *out, const struct record *record, const struct db_result *rows,
	size_t row)
{
	certctl_buffer_printf(out, "{\"%s\":{", record->kind);
	for (size_t i = 0; record->columns[i]; i++) {
		const char *text = db_get_text(rows, row, record->columns[i]);

		certctl_buffer_printf(out, "%s\"%s\":", i ? "," : "", record->columns[i]);
		if (!text)
			certctl_buffer_puts(out, "null");
		else if (is_among(record->columns[i], record->numbers))
			certctl_buffer_puts(out, text);
		else
			certctl_buffer_json_string(out, text, strlen(text));
	}
	certctl_buffer_puts(out, "}}\n");
}

static void write_records(struct certctl_buffer *out, const struct record *record, const struct db_result *rows)
{
	for (size_t row = 0; row < db_rows(rows); row++)
		write_record(out, record, rows, row);
}

static int write_query(struct db *db, TALLOC_CTX *mem, const struct db_query *query, int64_t batch,
	const struct record *record, struct certctl_buffer *out, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_run(db, mem, query, DB_VALUES(db_integer(batch)), &rows, err);

	if (rc == 0)
		write_records(out, record, rows);
	return rc;
}

static int read_selected(struct db *db, TALLOC_CTX *mem, const struct audit_proof *proof, const struct db_result *batch,
	struct db_result **ret, struct certctl_error *err)
{
	struct db_value values[8 + AUDIT_FILTERS] = { db_text(db_get_text(batch, 0, "after_txid")),
		db_integer(db_get_integer(batch, 0, "after_seq")), db_text(db_get_text(batch, 0, "last_txid")),
		db_integer(db_get_integer(batch, 0, "last_seq")), db_integer(db_get_integer(batch, 0, "first_seq")),
		db_integer(db_get_integer(batch, 0, "end_seq")), db_text(proof->from_id), db_text(proof->until_id) };

	memcpy(values + 8, proof->filters, sizeof(proof->filters));
	return db_run(db, mem, &query_audit_rows_selected, values, CERTCTL_COUNT(values), ret, err);
}

/* Everything between the cursor before the batch and its own; one more than it counts shows what was slipped in. */
static int read_all(struct db *db, TALLOC_CTX *mem, const struct db_result *batch, struct db_result **ret,
	struct certctl_error *err)
{
	int64_t count = db_get_integer(batch, 0, "count");

	return db_run(db, mem, &query_audit_rows,
		DB_VALUES(db_text(db_get_text(batch, 0, "after_txid")),
			db_integer(db_get_integer(batch, 0, "after_seq")), db_text(db_get_text(batch, 0, "last_txid")),
			db_integer(db_get_integer(batch, 0, "last_seq")),
			db_integer(db_get_integer(batch, 0, "first_seq")),
			db_integer(db_get_integer(batch, 0, "end_seq")),
			db_integer(count < AUDIT_BATCH_MAX ? count + 1 : AUDIT_BATCH_MAX + 1)),
		ret, err);
}

static int write_batch(struct db *db, TALLOC_CTX *mem, const struct audit_proof *proof, const struct db_result *batch,
	struct certctl_buffer *out, struct certctl_error *err)
{
	int64_t number = db_get_integer(batch, 0, "batch");
	struct db_result *rows = NULL;
	int rc = proof->is_selection ? read_selected(db, mem, proof, batch, &rows, err)
				     : read_all(db, mem, batch, &rows, err);

	if (rc < 0)
		return rc;
	/* Of a batch that shows nothing the root will do. */
	write_record(out, proof->is_selection && db_rows(rows) == 0 ? &bare_batch_record : &batch_record, batch, 0);
	write_records(out, &event_record, rows);
	rc = write_query(db, mem, &query_audit_checkpoint_get, number, &checkpoint_record, out, err);
	if (rc == 0)
		rc = write_query(db, mem, &query_audit_links_after, number, &epoch_record, out, err);
	return rc;
}

/* What it is, how the trail begins, and what was taken out of it. */
static int write_beginning(struct db *db, TALLOC_CTX *mem, const struct audit_proof *proof, struct certctl_buffer *out,
	struct certctl_error *err)
{
	struct db_result *rows = NULL;

	if (proof->is_selection)
		certctl_buffer_printf(out, "{\"selection\":%s}\n", proof->about);
	int rc = write_query(db, mem, &query_audit_links_after, 0, &epoch_record, out, err);

	if (rc == 0)
		rc = db_run(db, mem, &query_audit_archives, DB_NO_VALUES, &rows, err);
	if (rc == 0)
		write_records(out, &archive_record, rows);
	return rc;
}

static int write_piece(struct db *db, TALLOC_CTX *mem, struct audit_proof *proof, struct certctl_buffer *out,
	bool *ret_done, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = proof->batch == 1 ? write_beginning(db, mem, proof, out, err) : 0;

	if (rc == 0)
		rc = db_run(db, mem, &query_audit_batch_get, DB_VALUES(db_integer(proof->batch)), &rows, err);
	if (rc < 0)
		return rc;
	*ret_done = db_rows(rows) == 0;
	if (*ret_done)
		return 0;
	proof->batch = db_get_integer(rows, 0, "batch") + 1;
	return write_batch(db, mem, proof, rows, out, err);
}

int audit_proof_piece(struct db_pool *db, struct audit_proof *proof, struct certctl_buffer *out, bool *ret_done,
	struct certctl_error *err)
{
	CERTCTL_AUTO(db_release) struct db *connection = NULL;
	TALLOC_CTX *mem = talloc_new(NULL);
	int rc = db_acquire(db, &connection, err);

	if (rc == 0)
		rc = write_piece(connection, mem, proof, out, ret_done, err);
	talloc_free(mem);
	return rc;
}
