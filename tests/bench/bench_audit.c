/*
 * An event of the audit trail, durable: plain, sealed while it is written as certctld does, and chained in its own transaction as
 * trails usually are.  Each side writes to a table of its own in one private cluster.
 */
#include "bench.h"

#include "core/features/audit/audit.sql.h"
#include "core/features/audit/check.h"
#include "core/features/audit/seal.sql.h"
#include "core/features/audit/sealer.h"
#include "core/platform/db/cluster.h"

#include <certctl/files.h>
#include <certctl/log.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 16

#define FOLDER_NAME "/tmp/certctl-bench-XXXXXX"

static char folder[] = FOLDER_NAME;
static struct db_pool *pool;
static struct db *connections[THREADS_MAX];

static void check(int rc, const char *what, const struct certctl_error *err)
{
	if (rc < 0)
		bench_die(what, err->what);
}

/* --- Tables beside the trail ----------------------------------------------------------------------------------------- */

static const struct db_query tables[] = {
	{ .name = "bench_table_1",
		.sql = "CREATE TABLE bench_plain (LIKE audit_events INCLUDING DEFAULTS INCLUDING INDEXES)" },
	{ .name = "bench_table_2",
		.sql = "CREATE TABLE bench_chained (LIKE audit_events INCLUDING DEFAULTS INCLUDING INDEXES)" },
	{ .name = "bench_table_3", .sql = "CREATE TABLE bench_head (head bytea NOT NULL)" },
	{ .name = "bench_table_4", .sql = "INSERT INTO bench_head VALUES (sha256('begin'))" },
	{ .name = "bench_table_5", .sql = "GRANT ALL ON bench_plain, bench_chained, bench_head TO certctl" },
};

#define VALUES                                                                                                         \
	"'api_call', 'admin', 'api_key', '127.0.0.1', 'req-1', 'api', '/api/v1/jobs', '{\"path\": \"/api/v1/jobs\", \"method\": \"GET\"}'"
#define COLUMNS "(action, actor, actor_type, source_ip, request_id, resource_type, resource_id, details)"
static const struct db_query plain = { .name = "bench_plain",
	.sql = "INSERT INTO bench_plain " COLUMNS " VALUES (" VALUES ")" };
static const struct db_query sealed = { .name = "bench_sealed",
	.sql = "INSERT INTO audit_events " COLUMNS " VALUES (" VALUES ")" };
static const struct db_query chained = {
	.name = "bench_chain",
	.sql = "WITH last AS (SELECT head FROM bench_head FOR UPDATE), event AS (INSERT INTO bench_chained " COLUMNS
	       " SELECT " VALUES "::jsonb FROM last RETURNING *)"
	       " UPDATE bench_head SET head = (SELECT sha256(last.head || convert_to(event::text, 'UTF8')) FROM last, event)"
};

static void write_event(void *arg, unsigned thread)
{
	struct certctl_error err = { 0 };

	check(db_run(connections[thread], NULL, arg, DB_NO_VALUES, NULL, &err), "insert", &err);
}

/* --- In and out ------------------------------------------------------------------------------------------------------ */

static void migrate(const char *conninfo)
{
	struct db_pool_options options = { .conninfo = conninfo, .program = "bench", .size = 1 };
	struct certctl_error err = { 0 };
	struct db_pool *owner = NULL;

	check(db_pool_new(NULL, &options, &owner, &err), "pool", &err);
	check(db_migrate(owner, db_migrations, &err), "migrate", &err);
	for (size_t i = 0; i < CERTCTL_COUNT(tables); i++)
		check(db_once(owner, NULL, &tables[i], DB_NO_VALUES, NULL, &err), tables[i].sql, &err);
	talloc_free(owner);
}

/* Our own disk's time, or a millisecond more: see slow_disk.c. */
static void choose_disk(bool is_slow)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/bench/slow_disk.so",
		getenv("CERTCTL_BUILD") ? getenv("CERTCTL_BUILD") : ".build/release");
	if (is_slow && access(path, R_OK) < 0)
		bench_die(path, "cannot be read");
	if ((is_slow ? setenv("LD_PRELOAD", path, 1) : unsetenv("LD_PRELOAD")) < 0)
		bench_die("LD_PRELOAD", strerror(errno));
}

static struct db_cluster *start_database(void)
{
	char directory[sizeof(folder) + 8];
	struct db_cluster_options options = { .directory = directory };
	struct db_pool_options application = { .program = "bench", .size = THREADS_MAX + 4 };
	struct db_cluster *cluster = NULL;
	struct certctl_error err = { 0 };

	memcpy(folder, FOLDER_NAME, sizeof(folder));
	if (!mkdtemp(folder) || chmod(folder, 0711) < 0)
		bench_die("folder", folder);
	snprintf(directory, sizeof(directory), "%s/data", folder);
	check(db_cluster_start(NULL, &options, &cluster, &err), "cluster", &err);
	migrate(db_cluster_owner_conninfo(cluster));
	application.conninfo = db_cluster_conninfo(cluster);
	check(db_pool_new(NULL, &application, &pool, &err), "pool", &err);
	for (int i = 0; i < THREADS_MAX; i++)
		check(db_acquire(pool, &connections[i], &err), "connect", &err);
	return cluster;
}

static void remove_folder(void)
{
	CERTCTL_AUTO_CLOSE int fd = -1;
	struct certctl_error err = { 0 };

	check(certctl_dir_open("/tmp", &fd, &err), "/tmp", &err);
	check(certctl_tree_remove(fd, strrchr(folder, '/') + 1, &err), folder, &err);
}

/* Everything written is sealed and as it was written; how fast it is read and verified. */
static void verify(void)
{
	struct audit_keys *keys = NULL;
	struct audit_report report = { 0 };
	struct certctl_error err = { 0 };
	double seconds[3];
	char *pem = NULL, *path = talloc_asprintf(NULL, "%s/" AUDIT_PUBLIC_FILE, folder);
	size_t len = 0;

	check(audit_keys_new(NULL, &keys, &err), "keys", &err);
	check(certctl_file_read_path(keys, path, 4096, &pem, &len, &err), path, &err);
	check(audit_keys_add(keys, pem, len, &err), path, &err);
	for (size_t i = 0; i < CERTCTL_COUNT(seconds); i++) {
		double begin_s = bench_now_s();

		check(audit_check_database(pool, keys, NULL, &report, &err), "verify", &err);
		seconds[i] = (double)report.events / (bench_now_s() - begin_s);
	}
	if (report.events == 0 || report.signed_events != report.events)
		bench_die("verify", "not everything is sealed and signed");
	bench_value("audit.verify", "events read and verified", "1/s", seconds, CERTCTL_COUNT(seconds));
	talloc_free(keys);
	talloc_free(path);
}

static void measure(const struct bench *bench, bool is_slow)
{
	static const struct bench_side sides[] = {
		{ "no chain", write_event, (void *)(uintptr_t)&plain, NULL },
		{ "sealed as certctld does", write_event, (void *)(uintptr_t)&sealed, NULL },
		{ "chained in the transaction", write_event, (void *)(uintptr_t)&chained, NULL },
		{ 0 },
	};
	struct certctl_error err = { 0 };
	struct audit_sealer *sealer = NULL;

	choose_disk(is_slow);
	struct db_cluster *cluster = start_database();

	check(audit_sealer_start(NULL, pool, folder, &sealer, &err), "sealer", &err);
	bench_compare(bench, sides);
	talloc_free(sealer);
	if (!is_slow)
		verify();
	for (int i = 0; i < THREADS_MAX; i++)
		db_release(connections[i]);
	talloc_free(pool);
	check(db_cluster_stop(cluster, &err), "stop", &err);
	talloc_free(cluster);
	remove_folder();
}

int main(void)
{
	static const unsigned concurrency[] = { 1, 16, 0 };
	static const struct bench own = {
		.name = "audit.event", .what = "one event, committed", .concurrency = concurrency, .round_s = 1.5
	};
	static const struct bench slow = { .name = "audit.event_slow",
		.what = "the same on a disk that needs a millisecond more",
		.concurrency = concurrency,
		.round_s = 1.5 };

	certctl_log_setup(&(struct certctl_log_options){ .level = CERTCTL_LOG_ERROR, .fd = 2 });
	measure(&own, false);
	measure(&slow, true);
	return 0;
}
