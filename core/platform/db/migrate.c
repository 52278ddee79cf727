/* Migrations: one advisory lock, one transaction each.  Knows no table but its own. */
#include "connection.h"

#include <certctl/log.h>
#include <certctl/time.h>
#include <stdlib.h>
#include <string.h>

/* Any fixed number; other programs on the same database must not use it. */
#define LOCK "7165210134219381"

static int read_version(struct db *db, TALLOC_CTX *mem, int *ret, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_run_text(db, mem,
		"CREATE TABLE IF NOT EXISTS schema_migrations (version integer PRIMARY KEY, name text NOT NULL, "
		"applied_at timestamptz NOT NULL DEFAULT now()); "
		"SELECT coalesce(max(version), 0) AS version FROM schema_migrations",
		&rows, err);

	if (rc == 0)
		*ret = (int)db_get_integer(rows, 0, "version");
	return rc;
}

/* BEGIN to COMMIT in one message: any failure inside rolls all of it back. */
static int apply(struct db *db, TALLOC_CTX *mem, const struct db_migration *migration, struct certctl_error *err)
{
	const char *sql = talloc_asprintf(mem,
		"BEGIN; %s; INSERT INTO schema_migrations (version, name) VALUES (%d, '%s'); COMMIT", migration->sql,
		migration->version, migration->name);
	int rc = sql ? db_run_text(db, mem, sql, NULL, err) : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	if (rc < 0)
		return certctl_error_prefix(err, "migration %04d_%s", migration->version, migration->name);
	certctl_log(CERTCTL_LOG_INFO, "database.migrated", "version", certctl_num(migration->version), "name",
		migration->name, NULL);
	return 0;
}

static int migrate_locked(struct db *db, TALLOC_CTX *mem, const struct db_migration *migrations,
	struct certctl_error *err)
{
	int version = 0, last = 0, rc = read_version(db, mem, &version, err);

	for (const struct db_migration *row = migrations; rc == 0 && row->name; row++) {
		last = row->version;
		if (row->version > version)
			rc = apply(db, mem, row, err);
	}
	if (rc == 0 && version > last) {
		rc = certctl_fail(err, CERTCTL_E_UNSUPPORTED,
			"database: its schema is version %d, this program knows %d", version, last);
		certctl_hint(err, "Start the newer certctld again, or restore the database of before the upgrade.");
	}
	return rc;
}

int db_migrate(struct db_pool *pool, const struct db_migration *migrations, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct db *db = NULL;
	int rc = db_acquire(pool, &db, err);

	if (rc == 0)
		rc = db_run_text(db, mem, "SET lock_timeout = 0; SELECT pg_advisory_lock(" LOCK ")", NULL, err);
	if (rc == 0)
		rc = migrate_locked(db, mem, migrations, err);
	if (db && db->conn && PQtransactionStatus(db->conn) != PQTRANS_IDLE)
		db_close(db);
	if (db && db->conn && db_run_text(db, mem, "SELECT pg_advisory_unlock(" LOCK ")", NULL, NULL) < 0)
		db_close(db);
	if (db)
		db_release(db);
	talloc_free(mem);
	return rc;
}
