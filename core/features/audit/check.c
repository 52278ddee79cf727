/* Runs the verifier over a database or a file.  Decides nothing itself but whether all of it was looked at. */
#include "check.h"
#include "core/features/audit/seal.sql.h"
#include "proof.h"

#include <certctl/json.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_MAX (128 << 20)

/* --- Files, a line at a time ----------------------------------------------------------------------------------------- */

struct lines {
	FILE *file; /* NULL: none */
	char *text;
	size_t size, len;
	int64_t number;
};

static int open_lines(struct lines *lines, const char *path, struct certctl_error *err)
{
	lines->file = fopen(path, "re");
	return lines->file ? 0 : certctl_fail_errno(err, errno, "%s", path);
}

static bool next_line(struct lines *lines)
{
	ssize_t len = lines->file ? getline(&lines->text, &lines->size, lines->file) : -1;

	if (len < 0)
		return false;
	lines->len = (size_t)len;
	lines->number++;
	return true;
}

static void close_lines(struct lines *lines)
{
	if (lines->file)
		fclose(lines->file);
	free(lines->text);
}

/* --- Checkpoints that were written down outside the database --------------------------------------------------------- */

struct witness {
	struct lines lines;
	int64_t batch; /* of the line that comes next; 0: there is none */
};

/* To the next line that is a whole record: a crash may have left part of one. */
static void next_witness(struct witness *witness)
{
	witness->batch = 0;
	while (!witness->batch && next_line(&witness->lines)) {
		CERTCTL_AUTO(json_decref) json_t *line = NULL;

		if (certctl_json_parse(witness->lines.text, witness->lines.len, NULL, &line, NULL) == 0)
			witness->batch = certctl_json_integer_or(json_object_get(line, "checkpoint"), "batch", 0);
	}
}

/* Those that speak of what was verified so far. */
static int hear_witness(struct witness *witness, struct audit_verifier *verifier, struct certctl_error *err)
{
	while (witness->batch && witness->batch <= audit_verify_at(verifier)) {
		int rc = audit_verify_line(verifier, witness->lines.text, witness->lines.len, err);

		if (rc < 0)
			return certctl_error_prefix(err, "file of checkpoints");
		next_witness(witness);
	}
	return 0;
}

static int nothing_is_cut_off(const struct witness *witness, const struct audit_verifier *verifier,
	struct certctl_error *err)
{
	if (!witness->batch)
		return 0;
	return certctl_fail(err, CERTCTL_E_INVALID,
		"the trail ends with batch %lld, batch %lld was signed: its end was cut off",
		(long long)audit_verify_at(verifier), (long long)witness->batch);
}

/* --- The database ---------------------------------------------------------------------------------------------------- */

static bool ends_batch(const char *line)
{
	return strncmp(line, "{\"batch\"", 8) == 0 || strncmp(line, "{\"epoch\"", 8) == 0;
}

static int verify_piece(const char *text, struct audit_verifier *verifier, struct witness *witness,
	struct certctl_error *err)
{
	int rc = 0;

	while (rc == 0 && *text) {
		size_t len = strcspn(text, "\n");

		if (ends_batch(text))
			rc = hear_witness(witness, verifier, err);
		if (rc == 0)
			rc = audit_verify_line(verifier, text, len, err);
		text += len + (text[len] != '\0');
	}
	return rc;
}

static int verify_pieces(struct db_pool *db, struct audit_verifier *verifier, struct witness *witness,
	struct certctl_error *err)
{
	struct audit_proof proof = { .batch = 1 };
	bool is_done = false;
	int rc = 0;

	while (rc == 0 && !is_done) {
		TALLOC_CTX *mem = talloc_new(NULL);
		struct certctl_buffer piece;

		certctl_buffer_init(&piece, mem, PIECE_MAX);
		rc = audit_proof_piece(db, &proof, &piece, &is_done, err);
		if (rc == 0)
			rc = certctl_buffer_finish(&piece, err);
		if (rc == 0)
			rc = verify_piece(piece.data, verifier, witness, err);
		talloc_free(mem);
	}
	return rc < 0 ? rc : hear_witness(witness, verifier, err);
}

/* Events that were slipped in where no batch looks: as many must be before the end as were sealed. */
static int count_events(struct db_pool *db, TALLOC_CTX *mem, const struct audit_report *report,
	struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_once(db, mem, &query_audit_count_sealed,
		DB_VALUES(db_text(report->last_txid), db_integer(report->last_seq),
			db_integer(report->epoch_first_seq)),
		&rows, err);

	if (rc == 0 && db_get_integer(rows, 0, "count") != report->events - report->archived)
		rc = certctl_fail(err, CERTCTL_E_INVALID, "%s events are where %lld were sealed: some were added",
			db_get_text(rows, 0, "count"), (long long)(report->events - report->archived));
	return rc;
}

int audit_check_database(struct db_pool *db, const struct audit_keys *keys, const char *checkpoints,
	struct audit_report *ret, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct audit_verifier *verifier = NULL;
	struct audit_report report = { 0 };
	struct witness witness = { 0 };
	int rc = checkpoints ? open_lines(&witness.lines, checkpoints, err) : 0;

	if (rc == CERTCTL_E_NOT_FOUND)
		rc = 0;
	if (rc == 0)
		rc = audit_verifier_new(mem, keys, &verifier, err);
	if (rc == 0) {
		next_witness(&witness);
		rc = verify_pieces(db, verifier, &witness, err);
	}
	if (rc == 0)
		rc = nothing_is_cut_off(&witness, verifier, err);
	if (rc == 0)
		rc = audit_verify_end(verifier, &report, err);
	if (rc == 0)
		rc = count_events(db, mem, &report, err);
	close_lines(&witness.lines);
	talloc_free(mem);
	if (rc == 0)
		*ret = report;
	return rc;
}

/* --- An export ------------------------------------------------------------------------------------------------------- */

static int verify_lines(struct lines *lines, struct audit_verifier *verifier, struct certctl_error *err)
{
	while (next_line(lines)) {
		int rc = audit_verify_line(verifier, lines->text, lines->len, err);

		if (rc < 0)
			return certctl_error_prefix(err, "line %lld", (long long)lines->number);
	}
	return lines->number ? 0 : certctl_fail(err, CERTCTL_E_INVALID, "the file is empty");
}

int audit_check_file(const char *path, const struct audit_keys *keys, struct audit_report *ret,
	struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct audit_verifier *verifier = NULL;
	struct lines lines = { 0 };
	int rc = open_lines(&lines, path, err);

	if (rc == 0)
		rc = audit_verifier_new(mem, keys, &verifier, err);
	if (rc == 0)
		rc = verify_lines(&lines, verifier, err);
	if (rc == 0)
		rc = audit_verify_end(verifier, ret, err);
	close_lines(&lines);
	talloc_free(mem);
	return rc;
}
