/*
 * The private cluster: data directory, roles, and a thread that keeps the postmaster running.  Knows nothing of our schema.
 */
#include "cluster.h"
#include "connection.h"
#include "postmaster.h"

#include <certctl/files.h>
#include <certctl/log.h>
#include <certctl/time.h>
#include <certctl/x509.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <pthread.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define READY_MS   120000 /* crash recovery of a large database takes its time */
#define RESTART_MS 1000   /* between two attempts to bring a dead one back */

/* Roles of data-and-jobs: the owner migrates, the application works, the auditor reads. */
#define ROLE_SUPERUSER "postgres"
#define ROLE_OWNER     "certctl_owner"
#define ROLE_SERVER    "certctl"
#define ROLE_AUDITOR   "certctl_read_only"
#define DATABASE       "certctl"
static const char *const roles[] = { ROLE_SUPERUSER, ROLE_OWNER, ROLE_SERVER, ROLE_AUDITOR };

struct db_cluster {
	struct db_postmaster postmaster;
	const char *binaries, *initdb;
	const char *owner_conninfo, *conninfo;
	atomic_int pid; /* of the postmaster, for others than the keeper; 0: none */
	pthread_t keeper;
	bool is_kept;
	int stop_fd;
};

/* --- Where things are ------------------------------------------------------------------------------------------------ */

/* "15" from PG_VERSION; NULL: no data directory there yet. */
static char *data_version(TALLOC_CTX *mem, const char *directory)
{
	char *path = talloc_asprintf(mem, "%s/PG_VERSION", directory), *text = NULL;
	size_t len;

	if (!path || certctl_file_read_path(mem, path, 16, &text, &len, NULL) < 0)
		return NULL;
	text[strcspn(text, "\r\n")] = '\0';
	return text;
}

/* Debian keeps each major version in a folder of its own; the highest one makes a new cluster. */
static char *find_binaries(TALLOC_CTX *mem, const char *version)
{
	char *pattern = talloc_asprintf(mem, "/usr/lib/postgresql/%s/bin/postgres", version ? version : "*"),
	     *best = NULL;
	glob_t found = { 0 };
	long best_version = 0;

	if (pattern && glob(pattern, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++) {
			long number = strtol(found.gl_pathv[i] + strlen("/usr/lib/postgresql/"), NULL, 10);

			if (number <= best_version)
				continue;
			best_version = number;
			best = talloc_strndup(mem, found.gl_pathv[i], strlen(found.gl_pathv[i]) - strlen("/postgres"));
		}
	globfree(&found);
	return best;
}

static int choose_binaries(struct db_cluster *cluster, const char *configured, struct certctl_error *err)
{
	char *version = data_version(cluster, cluster->postmaster.directory);
	char *folder = configured ? talloc_strdup(cluster, configured) : find_binaries(cluster, version);

	if (!folder && version) {
		certctl_fail(err, CERTCTL_E_UNSUPPORTED, "%s was made by PostgreSQL %s, which is not installed",
			cluster->postmaster.directory, version);
		return certctl_hint(err,
			"Install postgresql-%s, or say `certctld db dump FILE` where it is and `certctld db restore FILE` here.",
			version);
	}
	if (!folder) {
		certctl_fail(err, CERTCTL_E_NOT_FOUND, "no PostgreSQL in /usr/lib/postgresql/*/bin");
		return certctl_hint(err, "Install the package postgresql, or give a database with --database-url.");
	}
	cluster->binaries = folder;
	cluster->initdb = talloc_asprintf(cluster, "%s/initdb", folder);
	cluster->postmaster.program = talloc_asprintf(cluster, "%s/postgres", folder);
	return 0;
}

/* A Unix socket's path has 107 bytes at most, a state directory any length: so the socket lives in a short place of its own. */
static int make_socket_dir(struct db_cluster *cluster, struct certctl_error *err)
{
	const char *base = geteuid() == 0 ? "/run" : getenv("XDG_RUNTIME_DIR");
	const struct db_process_user *user = &cluster->postmaster.user;
	char hash[65], *path;
	struct stat status;

	certctl_sha256_hex(cluster->postmaster.directory, strlen(cluster->postmaster.directory), hash);
	path = talloc_asprintf(cluster, "%s/certctl-%.16s", base && *base ? base : "/tmp", hash);
	if (!path)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	if (mkdir(path, 0700) == 0 && user->is_set && chown(path, user->uid, user->gid) < 0)
		return certctl_fail_errno(err, errno, "%s", path);
	if (lstat(path, &status) < 0)
		return certctl_fail_errno(err, errno, "%s", path);
	if (!S_ISDIR(status.st_mode) || status.st_uid != (user->is_set ? user->uid : geteuid()))
		return certctl_fail(err, CERTCTL_E_DENIED, "%s: a directory of the database's user expected", path);
	cluster->postmaster.socket_dir = path;
	return 0;
}

static int choose_places(struct db_cluster *cluster, const struct db_cluster_options *options,
	struct certctl_error *err)
{
	static const char *const users[] = { "certctl", "postgres", NULL };
	char parent[PATH_MAX], real[PATH_MAX];
	const char *slash = strrchr(options->directory, '/');

	if (!slash || slash == options->directory || !slash[1])
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: absolute path expected", options->directory);
	snprintf(parent, sizeof(parent), "%.*s", (int)(slash - options->directory), options->directory);
	if (!realpath(parent, real))
		return certctl_fail_errno(err, errno, "%s", parent);
	cluster->postmaster.directory = talloc_asprintf(cluster, "%s%s", real, slash);
	cluster->postmaster.log_file = talloc_asprintf(cluster, "%s%s.log", real, slash);
	int rc = db_process_user(options->users ? options->users : users, &cluster->postmaster.user, err);

	if (rc == 0)
		rc = db_process_can_reach(&cluster->postmaster.user, real, err);
	if (rc == 0)
		rc = choose_binaries(cluster, options->binaries, err);
	return rc < 0 ? rc : make_socket_dir(cluster, err);
}

/* --- A new data directory -------------------------------------------------------------------------------------------- */

static int write_access_files(struct db_cluster *cluster, const char *folder, struct certctl_error *err)
{
	const struct db_process_user *user = &cluster->postmaster.user;
	const struct passwd *self = getpwuid(geteuid());
	struct certctl_file_attributes attributes = {
		.mode = 0600, .uid = user->is_set ? user->uid : (uid_t)-1, .gid = user->is_set ? user->gid : (gid_t)-1
	};
	static const char hba[] = "# Written by certctld.  Unix socket only: who you are to the system decides.\n"
				  "local all all peer map=certctl\n";
	char *ident = talloc_strdup(cluster, "# map, user of the system, role\n");
	CERTCTL_AUTO_CLOSE int fd = -1;

	if (!self)
		return certctl_fail(err, CERTCTL_E_NOT_FOUND, "user %d has no name", (int)geteuid());
	for (size_t i = 0; ident && i < CERTCTL_COUNT(roles); i++) {
		ident = talloc_asprintf_append_buffer(ident, "certctl %s %s\n", self->pw_name, roles[i]);
		if (user->is_set)
			ident = talloc_asprintf_append_buffer(ident, "certctl %s %s\n", user->name, roles[i]);
	}
	int rc = ident ? certctl_dir_open(folder, &fd, err) : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	if (rc == 0)
		rc = certctl_file_replace(fd, "pg_hba.conf", hba, strlen(hba), &attributes, err);
	return rc < 0 ? rc : certctl_file_replace(fd, "pg_ident.conf", ident, strlen(ident), &attributes, err);
}

/* Made beside its place and moved there when complete: a crash leaves nothing that looks like a cluster. */
static int make_data(struct db_cluster *cluster, struct certctl_error *err)
{
	const struct db_process_user *user = &cluster->postmaster.user;
	const char *directory = cluster->postmaster.directory;
	char *draft = talloc_asprintf(cluster, "%s.new", directory), *parent = talloc_strdup(cluster, directory);
	CERTCTL_AUTO_CLOSE int parent_fd = -1;

	if (!draft || !parent)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	*strrchr(parent, '/') = '\0';
	int rc = certctl_dir_open(parent, &parent_fd, err);

	if (rc == 0)
		rc = certctl_tree_remove(parent_fd, strrchr(draft, '/') + 1, err);
	if (rc < 0 && err->code != CERTCTL_E_NOT_FOUND)
		return rc;
	if (mkdir(draft, 0700) < 0 || (user->is_set && chown(draft, user->uid, user->gid) < 0))
		return certctl_fail_errno(err, errno, "%s", draft);
	const char *argv[] = { cluster->initdb, "-D", draft, "-U", ROLE_SUPERUSER, "-E", "UTF8", "--locale=C.UTF-8",
		"--data-checksums", "--auth=peer", NULL };

	rc = db_process_run(user, argv, draft, cluster->postmaster.log_file, err);
	if (rc == 0)
		rc = write_access_files(cluster, draft, err);
	if (rc == 0 && rename(draft, directory) < 0)
		rc = certctl_fail_errno(err, errno, "%s", directory);
	return rc < 0 ? rc : certctl_dir_sync(parent_fd, err);
}

/* --- Roles and database ---------------------------------------------------------------------------------------------- */

static const struct {
	const char *exists, *make;
} furniture[] = {
	{ "SELECT 1 FROM pg_roles WHERE rolname = '" ROLE_OWNER "'", "CREATE ROLE " ROLE_OWNER " LOGIN" },
	{ "SELECT 1 FROM pg_roles WHERE rolname = '" ROLE_SERVER "'", "CREATE ROLE " ROLE_SERVER " LOGIN" },
	{ "SELECT 1 FROM pg_roles WHERE rolname = '" ROLE_AUDITOR "'", "CREATE ROLE " ROLE_AUDITOR " LOGIN" },
	{ "SELECT 1 FROM pg_database WHERE datname = '" DATABASE "'",
		"CREATE DATABASE " DATABASE " OWNER " ROLE_OWNER },
};

static int furnish(struct db *db, struct certctl_error *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < CERTCTL_COUNT(furniture); i++) {
		struct db_result *rows = NULL;

		rc = db_run_text(db, db, furniture[i].exists, &rows, err);
		if (rc == 0 && db_rows(rows) == 0)
			rc = db_run_text(db, db, furniture[i].make, NULL, err);
	}
	return rc;
}

/* Until it answers; a postmaster that ended meanwhile never will. */
static int wait_until_ready(struct db_cluster *cluster, struct certctl_error *err)
{
	int64_t deadline_ms = certctl_monotonic_ms() + READY_MS;
	char *conninfo = talloc_asprintf(cluster, "host=%s user=" ROLE_SUPERUSER " dbname=postgres",
		cluster->postmaster.socket_dir);
	struct db_pool_options options = {
		.conninfo = conninfo, .program = "certctl cluster", .connect_ms = 2000, .statement_ms = 60000
	};
	struct db *db = NULL;

	while (db_open(cluster, &options, &db, err) < 0) {
		if (db_postmaster_ended(&cluster->postmaster, cluster->stop_fd, 25))
			return certctl_fail(err, CERTCTL_E_UNAVAILABLE, "PostgreSQL does not start: see %s",
				cluster->postmaster.log_file);
		if (certctl_monotonic_ms() > deadline_ms)
			return certctl_error_prefix(err, "PostgreSQL does not answer");
	}
	int rc = furnish(db, err);

	talloc_free(db);
	return rc;
}

/* --- Keeping it running ---------------------------------------------------------------------------------------------- */

static bool must_stop(struct db_cluster *cluster, int timeout_ms)
{
	struct timespec pause = { .tv_sec = timeout_ms / 1000, .tv_nsec = timeout_ms % 1000 * 1000000 };
	eventfd_t value;

	if (eventfd_read(cluster->stop_fd, &value) == 0)
		return true;
	nanosleep(&pause, NULL);
	return false;
}

static void bring_back(struct db_cluster *cluster)
{
	struct certctl_error err = { 0 };

	certctl_log(CERTCTL_LOG_ERROR, "database.died", "log", cluster->postmaster.log_file, NULL);
	atomic_store(&cluster->pid, 0);
	int rc = db_postmaster_start(&cluster->postmaster, &err);

	atomic_store(&cluster->pid, (int)cluster->postmaster.pid);
	if (rc < 0)
		certctl_log_error(CERTCTL_LOG_ERROR, "database.start_failed", &err, NULL);
	else
		certctl_log(CERTCTL_LOG_NOTICE, "database.started", "pid", certctl_num(cluster->postmaster.pid), NULL);
}

static void *keep(void *arg)
{
	struct db_cluster *cluster = arg;

	for (;;) {
		if (cluster->postmaster.pid && !db_postmaster_ended(&cluster->postmaster, cluster->stop_fd, -1))
			return NULL;
		bring_back(cluster);
		if (must_stop(cluster, RESTART_MS))
			return NULL;
	}
}

static int start_keeper(struct db_cluster *cluster, struct certctl_error *err)
{
	int error_number = pthread_create(&cluster->keeper, NULL, keep, cluster);

	if (error_number)
		return certctl_fail_errno(err, error_number, "database: thread");
	cluster->is_kept = true;
	return 0;
}

static void stop_keeper(struct db_cluster *cluster)
{
	if (cluster->is_kept) {
		eventfd_write(cluster->stop_fd, 1);
		pthread_join(cluster->keeper, NULL);
	}
	cluster->is_kept = false;
}

static int destroy(struct db_cluster *cluster)
{
	stop_keeper(cluster);
	if (cluster->postmaster.pid_fd >= 0)
		close(cluster->postmaster.pid_fd);
	if (cluster->stop_fd >= 0)
		close(cluster->stop_fd);
	return 0;
}

/* --- In and out ------------------------------------------------------------------------------------------------------ */

static int start(struct db_cluster *cluster, const struct db_cluster_options *options, struct certctl_error *err)
{
	int rc = choose_places(cluster, options, err);

	if (rc < 0)
		return rc;
	if (access(cluster->postmaster.directory, F_OK) < 0)
		rc = make_data(cluster, err);
	if (rc == 0)
		rc = db_postmaster_start(&cluster->postmaster, err);
	if (rc == 0)
		rc = wait_until_ready(cluster, err);
	if (rc < 0)
		return rc;
	cluster->owner_conninfo = db_cluster_conninfo_as(cluster, cluster, ROLE_OWNER);
	cluster->conninfo = db_cluster_conninfo_as(cluster, cluster, ROLE_SERVER);
	if (!cluster->owner_conninfo || !cluster->conninfo)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	atomic_store(&cluster->pid, (int)cluster->postmaster.pid);
	return start_keeper(cluster, err);
}

int db_cluster_start(TALLOC_CTX *mem, const struct db_cluster_options *options, struct db_cluster **ret,
	struct certctl_error *err)
{
	struct db_cluster *cluster = talloc_zero(mem, struct db_cluster);

	if (!cluster)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	cluster->postmaster.pid_fd = -1;
	cluster->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	talloc_set_destructor(cluster, destroy);
	int rc = cluster->stop_fd < 0 ? certctl_fail_errno(err, errno, "eventfd") : start(cluster, options, err);

	if (rc < 0) {
		talloc_free(cluster);
		return rc;
	}
	*ret = cluster;
	return 0;
}

int db_cluster_stop(struct db_cluster *cluster, struct certctl_error *err)
{
	stop_keeper(cluster);
	int rc = db_postmaster_stop(&cluster->postmaster, err);

	if (rc == 0)
		rmdir(cluster->postmaster.socket_dir);
	return rc;
}

const char *db_cluster_owner_conninfo(const struct db_cluster *cluster)
{
	return cluster->owner_conninfo;
}

const char *db_cluster_conninfo(const struct db_cluster *cluster)
{
	return cluster->conninfo;
}

const char *db_cluster_conninfo_as(const struct db_cluster *cluster, TALLOC_CTX *mem, const char *role)
{
	return talloc_asprintf(mem, "host=%s user=%s dbname=" DATABASE, cluster->postmaster.socket_dir, role);
}

const char *db_cluster_binaries(const struct db_cluster *cluster)
{
	return cluster->binaries;
}

int db_cluster_pid(struct db_cluster *cluster)
{
	return atomic_load(&cluster->pid);
}
