/* The sealer's thread: timers, the lock, and what it says when it cannot go on.  Knows nothing of hashes. */
#include "sealer.h"
#include "core/features/audit/seal.sql.h"
#include "seal.h"

#include <certctl/log.h>
#include <certctl/time.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include <unistd.h>

#define SEAL_MS       200
#define RETRY_MS      2000 /* without the lock, or after a failure */
#define CHECKPOINT_MS 60000
#define LAG_CHECK_MS  5000
#define LAG_MAX_S     10
#define WITNESS_MS    5000 /* whichever server signs: all of them tell their agents */

struct audit_sealer {
	struct db_pool *pool;
	const char *state_dir;
	struct audit_signer *signer;
	struct db *db; /* NULL: not connected, or the lock is not ours */
	struct audit_position position;
	int64_t checkpoint_due_ms, lag_due_ms;
	char failure[160]; /* what was logged last: said once, not five times a second */
	int64_t witness_due_ms;
	pthread_mutex_t witness_lock; /* of the text */
	char *witness;                /* NULL: none yet */
	pthread_t thread;
	int stop_fd;
};

/* --- Saying so ------------------------------------------------------------------------------------------------------- */

static void say_failure(struct audit_sealer *sealer, const struct certctl_error *err)
{
	char text[sizeof(sealer->failure)];

	snprintf(text, sizeof(text), "%s", err->what);
	if (strcmp(text, sealer->failure) == 0)
		return;
	snprintf(sealer->failure, sizeof(sealer->failure), "%s", text);
	certctl_log_error(CERTCTL_LOG_ERROR, "audit.not_sealed", err, NULL);
}

static int check_lag(struct audit_sealer *sealer, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct db_result *rows = NULL;
	int rc = db_run(sealer->db, mem, &query_audit_lag,
		DB_VALUES(db_text(sealer->position.last_txid), db_integer(sealer->position.last_seq),
			db_integer(sealer->position.first_seq)),
		&rows, err);

	if (rc == 0 && db_rows(rows) > 0 && db_get_integer(rows, 0, "seconds") > LAG_MAX_S)
		certctl_log(CERTCTL_LOG_ERROR, "audit.seal_lag", "seconds", db_get_text(rows, 0, "seconds"), "backend",
			db_get_text(rows, 0, "pid"), "user", db_get_text(rows, 0, "usename"), "application",
			db_get_text(rows, 0, "application_name"), "database", db_get_text(rows, 0, "datname"), NULL);
	talloc_free(mem);
	return rc;
}

static int check_protection(struct audit_sealer *sealer, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct db_result *rows = NULL;
	int rc = db_run(sealer->db, mem, &query_audit_is_protected, DB_NO_VALUES, &rows, err);

	if (rc == 0 && !db_get_boolean(rows, 0, "is_protected"))
		certctl_log(CERTCTL_LOG_WARNING, "audit.not_protected", "why",
			"the application owns the audit trail: set CERTCTL_DATABASE_MIGRATION_URL to another role",
			NULL);
	talloc_free(mem);
	return rc;
}

/* --- The work -------------------------------------------------------------------------------------------------------- */

static void disconnect(struct audit_sealer *sealer)
{
	struct certctl_error err = { 0 };

	if (!sealer->db)
		return;
	/* The pool keeps the connection, and with it the lock, unless it is given back; one that fails here is closed. */
	if (db_run(sealer->db, NULL, &query_audit_seal_unlock, DB_NO_VALUES, NULL, &err) < 0)
		certctl_log_error(CERTCTL_LOG_DEBUG, "audit.not_unlocked", &err, NULL);
	db_release(sealer->db);
	sealer->db = NULL;
}

/* Connected, and the lock is ours. */
static int connect_database(struct audit_sealer *sealer, struct certctl_error *err)
{
	bool is_ours = false;

	if (sealer->db)
		return 0;
	int rc = db_acquire(sealer->pool, &sealer->db, err);

	if (rc == 0)
		rc = audit_seal_lock(sealer->db, &is_ours, err);
	if (rc == 0 && is_ours) {
		rc = audit_position_load(sealer->db, &sealer->position, err);
		if (rc == 0)
			rc = check_protection(sealer, err);
	}
	if (rc < 0 || !is_ours)
		disconnect(sealer);
	return rc;
}

static int seal_all(struct audit_sealer *sealer, struct certctl_error *err)
{
	int64_t sealed = AUDIT_BATCH_MAX;
	int rc = 0;

	while (rc == 0 && sealed > 0)
		rc = audit_seal_step(sealer->db, sealer->signer, &sealer->position, &sealed, err);
	return rc;
}

static bool is_due(int64_t *due_ms, int64_t every_ms)
{
	int64_t now_ms = certctl_monotonic_ms();

	if (now_ms < *due_ms)
		return false;
	*due_ms = now_ms + every_ms;
	return true;
}

static int round_once(struct audit_sealer *sealer, struct certctl_error *err)
{
	int rc = connect_database(sealer, err);

	if (rc < 0 || !sealer->db)
		return rc;
	rc = seal_all(sealer, err);
	if (rc == 0 && sealer->position.batch && is_due(&sealer->checkpoint_due_ms, CHECKPOINT_MS))
		rc = audit_checkpoint(sealer->db, sealer->signer, sealer->state_dir, &sealer->position, err);
	if (rc == 0 && is_due(&sealer->lag_due_ms, LAG_CHECK_MS))
		rc = check_lag(sealer, err);
	return rc;
}

/* --- What agents are told -------------------------------------------------------------------------------------------- */

static void learn_checkpoint(struct audit_sealer *sealer)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct db_result *rows = NULL;
	struct certctl_error err = { 0 };

	if (db_once(sealer->pool, mem, &query_audit_checkpoint_latest, DB_NO_VALUES, &rows, &err) == 0 &&
		db_rows(rows) > 0) {
		pthread_mutex_lock(&sealer->witness_lock);
		talloc_free(sealer->witness);
		sealer->witness = talloc_strdup(NULL, db_get_text(rows, 0, "checkpoint"));
		pthread_mutex_unlock(&sealer->witness_lock);
	}
	talloc_free(mem);
}

const char *audit_sealer_checkpoint(struct audit_sealer *sealer, TALLOC_CTX *mem)
{
	pthread_mutex_lock(&sealer->witness_lock);
	const char *text = sealer->witness ? talloc_strdup(mem, sealer->witness) : NULL;

	pthread_mutex_unlock(&sealer->witness_lock);
	return text;
}

/* --- The thread ------------------------------------------------------------------------------------------------------ */

/* How long until the next round. */
static int one_round(struct audit_sealer *sealer)
{
	struct certctl_error err = { 0 };
	int rc = round_once(sealer, &err);

	if (rc == 0 && is_due(&sealer->witness_due_ms, WITNESS_MS))
		learn_checkpoint(sealer);
	if (rc < 0) {
		say_failure(sealer, &err);
		/* The position may be another one now; closing the connection gives the lock away. */
		disconnect(sealer);
		return RETRY_MS;
	}
	sealer->failure[0] = '\0';
	return sealer->db ? SEAL_MS : RETRY_MS;
}

static void *run(void *arg)
{
	struct audit_sealer *sealer = arg;
	struct certctl_error err = { 0 };
	struct pollfd stop = { .fd = sealer->stop_fd, .events = POLLIN };

	while (poll(&stop, 1, one_round(sealer)) <= 0)
		;
	if (sealer->db && seal_all(sealer, &err) == 0 &&
		audit_checkpoint(sealer->db, sealer->signer, sealer->state_dir, &sealer->position, &err) < 0)
		say_failure(sealer, &err);
	disconnect(sealer);
	return NULL;
}

/* --- In and out ------------------------------------------------------------------------------------------------------ */

static int destroy(struct audit_sealer *sealer)
{
	eventfd_write(sealer->stop_fd, 1);
	pthread_join(sealer->thread, NULL);
	close(sealer->stop_fd);
	talloc_free(sealer->witness);
	pthread_mutex_destroy(&sealer->witness_lock);
	return 0;
}

int audit_sealer_start(TALLOC_CTX *mem, struct db_pool *db, const char *state_dir, struct audit_sealer **ret,
	struct certctl_error *err)
{
	struct audit_sealer *sealer = talloc_zero(mem, struct audit_sealer);
	int rc = sealer ? audit_signer_open(sealer, state_dir, &sealer->signer, err)
			: certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	/* Whether this is the database that was sealed: known before anything is written to it. */
	if (rc == 0)
		rc = db_once(db, NULL, &query_audit_epoch_begin, DB_NO_VALUES, NULL, err);
	if (rc < 0) {
		talloc_free(sealer);
		return rc;
	}
	sealer->pool = db;
	sealer->state_dir = state_dir;
	pthread_mutex_init(&sealer->witness_lock, NULL);
	sealer->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int error_number = pthread_create(&sealer->thread, NULL, run, sealer);

	if (error_number) {
		close(sealer->stop_fd);
		talloc_free(sealer);
		return certctl_fail_errno(err, error_number, "audit: thread");
	}
	talloc_set_destructor(sealer, destroy);
	*ret = sealer;
	return 0;
}
