/* Months out of the database into a file: in an order in which a kill at any step loses nothing, and can be repeated. */
#include "archive.h"
#include "archive_file.h"
#include "audit.h"
#include "check.h"
#include "core/features/audit/archive.sql.h"
#include "proof.h"

#include <certctl/time.h>
#include <string.h>

struct work {
	const struct audit_archiving *how;
	TALLOC_CTX *mem;
	struct audit_archive record;
	struct audit_proof proof; /* how far the file is written */
	int64_t months;
};

/* --- What, and whether ----------------------------------------------------------------------------------------------- */

static int plan(struct work *work, struct certctl_error *err)
{
	char before[CERTCTL_TIME_TEXT];
	int64_t unix_s = 0;
	struct db_result *rows = NULL;

	if (certctl_time_parse(work->how->before, &unix_s, NULL) < 0)
		return certctl_fail(err, CERTCTL_E_DENIED, "--before %s: a day such as 2025-01-01 expected",
			work->how->before);
	int rc = db_once(work->how->db, work->mem, &query_audit_archive_plan,
		DB_VALUES(db_text(certctl_time_format(unix_s, before))), &rows, err);

	if (rc < 0)
		return rc;
	if (db_get_boolean(rows, 0, "is_too_young"))
		return certctl_fail(err, CERTCTL_E_DENIED, "--before %s: the trail is kept for twelve months",
			work->how->before);
	if (db_get_integer(rows, 0, "months") == 0)
		return certctl_fail(err, CERTCTL_E_NOT_FOUND, "no month of the trail ends by %s", work->how->before);
	if (!db_get_text(rows, 0, "origin"))
		return certctl_fail(err, CERTCTL_E_DENIED, "the trail is not sealed yet");
	work->record.origin = db_get_text(rows, 0, "origin");
	work->record.from_id = db_get_text(rows, 0, "from_id");
	work->record.until_id = db_get_text(rows, 0, "until_id");
	work->record.time = db_get_text(rows, 0, "now");
	return 0;
}

static int look_at_range(struct work *work, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_once(work->how->db, work->mem, &query_audit_archive_range,
		DB_VALUES(db_text(work->record.from_id), db_text(work->record.until_id)), &rows, err);

	if (rc < 0)
		return rc;
	work->record.events = db_get_integer(rows, 0, "events");
	work->record.last_batch = db_get_integer(rows, 0, "last_batch");
	if (db_get_integer(rows, 0, "unsealed") > 0)
		return certctl_fail(err, CERTCTL_E_DENIED, "%s events of these months are not sealed",
			db_get_text(rows, 0, "unsealed"));
	if (work->record.last_batch > db_get_integer(rows, 0, "signed_batch"))
		return certctl_fail(err, CERTCTL_E_DENIED, "these months are sealed and not signed yet");
	return 0;
}

/* --- The file -------------------------------------------------------------------------------------------------------- */

/* What has that name already: an archive, when the command was carried out before and its end was not seen. */
static int look_on_record(struct work *work, bool *ret_is_there, struct certctl_error *err)
{
	const char *path = work->how->file, *sha256 = NULL;
	struct db_result *rows = NULL;
	int rc = archive_file_hash(work->mem, path, &sha256, err);

	*ret_is_there = false;
	if (rc < 0 || !sha256)
		return rc;
	rc = db_once(work->how->db, work->mem, &query_audit_archive_lock, NULL, 0, NULL, err);
	if (rc == 0)
		rc = db_once(work->how->db, work->mem, &query_audit_archive_recorded, DB_VALUES(db_text(sha256)), &rows,
			err);
	if (rc < 0)
		return rc;
	if (db_rows(rows) == 0) {
		certctl_fail(err, CERTCTL_E_CONFLICT, "%s: exists, and is not on record as an archive", path);
		return certctl_hint(err,
			"Nothing was taken out of the database for it.  Give another name, or remove it.");
	}
	work->record.file_sha256 = sha256;
	work->record.events = db_get_integer(rows, 0, "events");
	*ret_is_there = true;
	return 0;
}

static int next_piece(void *arg, struct certctl_buffer *piece, bool *ret_is_done, struct certctl_error *err)
{
	struct work *work = arg;

	return audit_proof_piece(work->how->db, &work->proof, piece, ret_is_done, err);
}

/* Read again, as whoever gets the file would: it has exactly what is to be dropped. */
static int verify_file(struct work *work, const char *path, struct certctl_error *err)
{
	struct audit_report report = { 0 };
	int rc = audit_check_file(path, work->how->keys, &report, err);

	if (rc == 0 && report.shown != work->record.events)
		rc = certctl_fail(err, CERTCTL_E_INVALID, "%lld events are in it, %lld in the database",
			(long long)report.shown, (long long)work->record.events);
	return rc < 0 ? certctl_error_prefix(err, "%s", path) : 0;
}

static int make_file(struct work *work, struct certctl_error *err)
{
	struct archive_file file;
	int rc = archive_file_open(work->mem, work->how->file, &file, err);

	work->proof = (struct audit_proof){
		.batch = 1, .is_selection = true, .from_id = work->record.from_id, .until_id = work->record.until_id
	};
	for (size_t i = 0; i < AUDIT_FILTERS; i++)
		work->proof.filters[i] = db_text(NULL);
	work->proof.about = talloc_asprintf(work->mem, "{\"from_id\":\"%s\",\"until_id\":\"%s\"}", work->record.from_id,
		work->record.until_id);
	if (rc == 0)
		rc = archive_file_write(work->mem, &file, next_piece, work, err);
	if (rc == 0)
		rc = verify_file(work, file.partial, err);
	if (rc == 0)
		rc = archive_file_name(&file, err);
	work->record.file_sha256 = file.sha256;
	archive_file_close(&file);
	return rc;
}

/* --- Dropping -------------------------------------------------------------------------------------------------------- */

static int sign(struct work *work, struct certctl_error *err)
{
	work->record.key = audit_signer_id(work->how->signer);
	char *text = audit_archive_text(work->mem, &work->record);

	return text ? audit_sign(work->how->signer, text, work->mem, &work->record.signature, err)
		    : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

static int record(struct db *db, const struct work *work, struct certctl_error *err)
{
	static const struct audit_actor actor = { .name = "certctld audit archive", .type = "command" };
	const struct audit_archive *archive = &work->record;
	char *details = talloc_asprintf(work->mem,
		"{\"from_id\":\"%s\",\"until_id\":\"%s\",\"events\":%lld,\"last_batch\":%lld,\"file_sha256\":\"%s\"}",
		archive->from_id, archive->until_id, (long long)archive->events, (long long)archive->last_batch,
		archive->file_sha256);

	return audit_record(db, &actor,
		&(struct audit_event){ .action = "audit_archived",
			.resource_type = "audit",
			.resource_id = archive->until_id,
			.details = details },
		err);
}

static int drop(struct db *db, void *arg, struct certctl_error *err)
{
	struct work *work = arg;
	const struct audit_archive *archive = &work->record;
	struct db_result *rows = NULL;
	int rc = db_run(db, NULL, &query_audit_archive_lock, NULL, 0, NULL, err);

	if (rc == 0)
		rc = db_run(db, NULL, &query_audit_archive_insert,
			DB_VALUES(db_text(archive->origin), db_text(archive->from_id), db_text(archive->until_id),
				db_integer(archive->events), db_integer(archive->last_batch),
				db_text(archive->file_sha256), db_text(archive->time), db_text(archive->key),
				db_text(archive->signature)),
			NULL, err);

	if (rc == 0)
		rc = record(db, work, err);
	if (rc == 0)
		rc = db_run(db, work->mem, &query_audit_archive_drop, DB_VALUES(db_text(archive->until_id)), &rows,
			err);
	if (rc == 0)
		work->months = db_get_integer(rows, 0, "months");
	return rc;
}

static int tell(const struct work *work, struct audit_archived *ret)
{
	*ret = (struct audit_archived){ .months = work->months, .events = work->record.events };
	memcpy(ret->file_sha256, work->record.file_sha256, sizeof(ret->file_sha256));
	return 0;
}

int audit_archive(TALLOC_CTX *mem, const struct audit_archiving *how, struct audit_archived *ret,
	struct certctl_error *err)
{
	struct work work = { .how = how, .mem = mem };
	struct audit_report report = { 0 };
	bool is_there = false;
	int rc = look_on_record(&work, &is_there, err);

	if (rc < 0 || is_there)
		return rc < 0 ? rc : tell(&work, ret);
	rc = plan(&work, err);
	if (rc == 0)
		rc = audit_check_database(how->db, how->keys, how->checkpoints, &report, err);
	if (rc == 0)
		rc = look_at_range(&work, err);
	if (rc == 0)
		rc = make_file(&work, err);
	if (rc == 0)
		rc = sign(&work, err);
	if (rc == 0)
		rc = db_transaction(how->db, drop, &work, err);
	return rc < 0 ? rc : tell(&work, ret);
}
