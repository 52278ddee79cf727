/* Signed heads: into the table and into a file that outlives the database.  Knows nothing of how heads are made. */
#include "core/features/audit/seal.sql.h"
#include "seal.h"

#include <certctl/buffer.h>
#include <certctl/files.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* One line, one write: a crash leaves a line or none. */
static int append_line(const char *state_dir, const char *line, size_t len, struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int dir_fd = -1;
	CERTCTL_AUTO_CLOSE int fd = -1;
	int rc = certctl_dir_open(state_dir, &dir_fd, err);

	if (rc == 0)
		rc = certctl_open_below(dir_fd, AUDIT_CHECKPOINT_FILE, O_WRONLY | O_CREAT | O_APPEND, 0644, &fd, err);
	if (rc < 0)
		return rc;
	ssize_t written = write(fd, line, len);

	if (written != (ssize_t)len || fdatasync(fd) < 0)
		return certctl_fail_errno(err, written < 0 ? errno : ENOSPC, AUDIT_CHECKPOINT_FILE);
	return 0;
}

static int write_file(const char *state_dir, TALLOC_CTX *mem, const struct audit_checkpoint *checkpoint,
	struct certctl_error *err)
{
	struct certctl_buffer line;

	certctl_buffer_init(&line, mem, 4096);
	certctl_buffer_printf(&line,
		"{\"checkpoint\":{\"origin\":\"%s\",\"batch\":%lld,\"size\":%lld,\"head\":\"%s\",\"time\":\"%s\","
		"\"key\":\"%s\",\"signature\":\"%s\"}}\n",
		checkpoint->origin, (long long)checkpoint->batch, (long long)checkpoint->size,
		audit_hex(mem, checkpoint->head), checkpoint->time, checkpoint->key, checkpoint->signature);
	int rc = certctl_buffer_finish(&line, err);

	return rc < 0 ? rc : append_line(state_dir, line.data, line.len, err);
}

static int write_table(struct db *db, TALLOC_CTX *mem, const struct audit_checkpoint *checkpoint,
	struct certctl_error *err)
{
	return db_run(db, NULL, &query_audit_checkpoint_insert,
		DB_VALUES(db_integer(checkpoint->batch), db_text(checkpoint->origin), db_integer(checkpoint->size),
			db_text(audit_hex(mem, checkpoint->head)), db_text(checkpoint->time), db_text(checkpoint->key),
			db_text(checkpoint->signature)),
		NULL, err);
}

static int sign_head(struct db *db, const struct audit_signer *signer, const char *state_dir, TALLOC_CTX *mem,
	const struct audit_position *position, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_run(db, mem, &query_audit_checkpoint_last, DB_NO_VALUES, &rows, err);

	if (rc < 0 || db_get_integer(rows, 0, "batch") == position->batch)
		return rc;
	struct audit_checkpoint checkpoint = { .origin = position->origin,
		.batch = position->batch,
		.size = position->size,
		.time = db_get_text(rows, 0, "now"),
		.key = audit_signer_id(signer) };

	memcpy(checkpoint.head, position->head, AUDIT_HASH);
	char *text = audit_checkpoint_text(mem, &checkpoint);

	rc = text ? audit_sign(signer, text, mem, &checkpoint.signature, err)
		  : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	if (rc == 0)
		rc = write_table(db, mem, &checkpoint, err);
	return rc < 0 ? rc : write_file(state_dir, mem, &checkpoint, err);
}

int audit_checkpoint(struct db *db, const struct audit_signer *signer, const char *state_dir,
	const struct audit_position *position, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	int rc = position->batch ? sign_head(db, signer, state_dir, mem, position, err) : 0;

	talloc_free(mem);
	return rc;
}
