/**
 * The private PostgreSQL cluster: what certctld runs on when nobody gives it a database.  Unix socket only, checksums,
 * C.UTF-8, started as an unprivileged user when we are root.  It outlives us: a postmaster of ours that is alive is adopted, one
 * that died is waited out and started again.
 */
#ifndef CORE_CLUSTER_H
#define CORE_CLUSTER_H

#include <certctl/error.h>
#include <talloc.h>

struct db_cluster;

struct db_cluster_options {
	const char *directory;    /* the data directory; made when missing */
	const char *binaries;     /* folder of initdb and postgres; NULL: found by the version of the data directory */
	const char *const *users; /* who runs it when we are root, the first that exists; NULL: certctl, postgres */
};

/**
 * Make it if it is not there, start it if it does not run, keep it running until db_cluster_stop().
 * @return 0; DENIED (its user cannot reach the folder), UNSUPPORTED (other major version), NOT_FOUND (no PostgreSQL), TIMEOUT
 */
int db_cluster_start(TALLOC_CTX *mem, const struct db_cluster_options *options, struct db_cluster **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Fast shutdown, waited for.  talloc_free alone leaves the postmaster running, to be adopted by the next start. */
int db_cluster_stop(struct db_cluster *cluster, struct certctl_error *err) CERTCTL_CHECKED;

/** Connection strings: as owner of the schema (migrations), and as the application, which may not change the audit trail. */
const char *db_cluster_owner_conninfo(const struct db_cluster *cluster);
const char *db_cluster_conninfo(const struct db_cluster *cluster);
/** The same as any role of ours, on `mem`: postgres, certctl_owner, certctl, certctl_read_only. */
const char *db_cluster_conninfo_as(const struct db_cluster *cluster, TALLOC_CTX *mem, const char *role);
/** Folder of its programs: postgres, psql, pg_dump. */
const char *db_cluster_binaries(const struct db_cluster *cluster);
/** Process id of the postmaster.  For status pages and fault tests. */
int db_cluster_pid(struct db_cluster *cluster);

#endif
