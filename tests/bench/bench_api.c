/*
 * The API of a control plane with a million certificates: pages and single ones over HTTPS, with authentication and the audit trail, beside
 * the bare statements and the way lists are usually made; what a connection that waits costs, what the server needs, how it starts.
 */
#include "bench.h"
#include "https.h"

#include "core/platform/db/cluster.h"
#include "core/platform/db/db.h"

#include <certctl/files.h>
#include <certctl/log.h>
#include <certctl/x509.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <jansson.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT       "1000000"
#define THREADS_MAX 64
#define IDS         20000
#define PAGE        100
#define IDLE        2000

static char folder[] = "/tmp/certctl-bench-XXXXXX", state[sizeof(folder) + 16], ready[sizeof(state) + 16];
static const char *build;
static struct server {
	int pid;
	char address[64], agents[64];
	char key[128];
} server;
static struct db_cluster *cluster;
static int postmaster;
static struct db_pool *pool;
static struct db *connections[THREADS_MAX];
static struct https *clients[THREADS_MAX];
static char ids[IDS][64], last_page[1024], before_last_page[64];
static atomic_uint next_id;

static void check(int rc, const char *what, const struct certctl_error *err)
{
	if (rc < 0)
		bench_die(what, err->what);
}

/* --- The server ------------------------------------------------------------------------------------------------------ */

static int spawn(const char *const *argv)
{
	int pid = fork();

	if (pid == 0) {
		int log = open("/dev/null", O_WRONLY);

		dup2(getenv("CERTCTL_BENCH_VERBOSE") ? 2 : log, 1);
		if (!getenv("CERTCTL_BENCH_VERBOSE"))
			dup2(log, 2);
		setenv("CERTCTL_HTTP_KEY_RATE", "0", 1);
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	return pid;
}

static void seed(void)
{
	const char *argv[] = { "tests/bench/seed", "--dir", state, "--count", COUNT, NULL };
	int status = 0;

	if (!mkdtemp(folder) || chmod(folder, 0711) < 0)
		bench_die("folder", folder);
	snprintf(state, sizeof(state), "%s/state", folder);
	snprintf(ready, sizeof(ready), "%s/ready.json", state);
	fprintf(stderr, "bench: a database of " COUNT " certificates is made, or copied\n");
	waitpid(spawn(argv), &status, 0);
	if (status != 0)
		bench_die("tests/bench/seed", "failed");
}

static void read_ready(void)
{
	char path[sizeof(state) + 16];
	json_t *about = json_load_file(ready, 0, NULL);

	snprintf(path, sizeof(path), "%s/admin.key", state);
	FILE *file = fopen(path, "r");

	if (!about || !file || !fgets(server.key, sizeof(server.key), file))
		bench_die("ready file", ready);
	fclose(file);
	server.key[strcspn(server.key, "\r\n")] = '\0';
	snprintf(server.address, sizeof(server.address), "%s",
		json_string_value(json_object_get(about, "url")) + strlen("https://"));
	snprintf(server.agents, sizeof(server.agents), "%s",
		json_string_value(json_object_get(about, "agents_url")) + strlen("https://"));
	json_decref(about);
}

/* Returns the seconds until it was ready. */
static double start_server(void)
{
	char program[512];
	const char *argv[] = { program, "dev", "--dir", state, "--listen", "127.0.0.1:0", "--agents-listen",
		"127.0.0.1:0", "--ready-file", ready, NULL };
	double begin = bench_now_s();

	snprintf(program, sizeof(program), "%s/bin/certctld", build);
	unlink(ready);
	server.pid = spawn(argv);
	while (access(ready, R_OK) != 0) {
		if (waitpid(server.pid, NULL, WNOHANG) != 0 || bench_now_s() - begin > 300)
			bench_die("certctld", "did not start; CERTCTL_BENCH_VERBOSE=1 shows why");
		usleep(1000);
	}
	double seconds = bench_now_s() - begin;

	read_ready();
	return seconds;
}

static void end_server(int signal)
{
	kill(server.pid, signal);
	waitpid(server.pid, NULL, 0);
}

static double server_cpu_s(void *arg)
{
	(void)arg;
	return bench_cpu_s(server.pid) + bench_cpu_of_children_s(postmaster);
}

static double database_cpu_s(void *arg)
{
	(void)arg;
	return bench_cpu_of_children_s(postmaster);
}

/* --- Asking ---------------------------------------------------------------------------------------------------------- */

static size_t ask(unsigned thread, const char *path)
{
	char request[2048];
	size_t len = 0;

	if (!clients[thread])
		clients[thread] = https_open(server.address);
	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n\r\n", path,
		server.key);
	https_ask(clients[thread], request, 200, &len);
	return len;
}

static void hang_up(void)
{
	for (int i = 0; i < THREADS_MAX; i++) {
		if (clients[i])
			https_close(clients[i]);
		clients[i] = NULL;
	}
}

static void ask_page(void *arg, unsigned thread)
{
	if (ask(thread, arg) < PAGE * 500)
		bench_die("page", "too short for its rows");
}

static const char *some_id(void)
{
	return ids[atomic_fetch_add(&next_id, 1) % IDS];
}

static void ask_one(void *arg, unsigned thread)
{
	char path[128];

	(void)arg;
	snprintf(path, sizeof(path), "/api/v1/certificates/%s", some_id());
	if (ask(thread, path) < 500)
		bench_die("one", "too short");
}

/* --- The limit and the peer: statements without a server ------------------------------------------------------------- */

static struct db *connection(unsigned thread)
{
	struct certctl_error err = { 0 };

	if (!connections[thread])
		check(db_acquire(pool, &connections[thread], &err), "connect", &err);
	return connections[thread];
}

static size_t run(unsigned thread, const struct db_query *query, const struct db_value *values, size_t count)
{
	struct certctl_error err = { 0 };
	TALLOC_CTX *mem = talloc_new(NULL);
	struct db_result *rows = NULL;

	check(db_run(connection(thread), mem, query, values, count, &rows, &err), query->name, &err);
	size_t got = db_rows(rows);

	talloc_free(mem);
	return got;
}

static const unsigned text_type[] = { 25 };
static const struct db_query bare_page = { "bench_page",
	"SELECT * FROM managed_certificates WHERE archived_at IS NULL AND id > $1 ORDER BY id LIMIT 101", text_type,
	1 };
static const struct db_query bare_one = { "bench_one", "SELECT * FROM managed_certificates WHERE id = $1", text_type,
	1 };
static const struct db_query counting = { "bench_count",
	"SELECT count(*) FROM managed_certificates WHERE archived_at IS NULL", NULL, 0 };
static const struct db_query offsetting = { "bench_offset",
	"SELECT * FROM managed_certificates WHERE archived_at IS NULL ORDER BY id OFFSET 990000 LIMIT 100", NULL, 0 };

static void run_page(void *arg, unsigned thread)
{
	(void)arg;
	run(thread, &bare_page, DB_VALUES(db_text(some_id())));
}

static void run_one(void *arg, unsigned thread)
{
	(void)arg;
	if (run(thread, &bare_one, DB_VALUES(db_text(some_id()))) != 1)
		bench_die("one", "is not there");
}

static void run_offset(void *arg, unsigned thread)
{
	(void)arg;
	run(thread, &counting, DB_NO_VALUES);
	run(thread, &offsetting, DB_NO_VALUES);
}

/* --- What is asked for ----------------------------------------------------------------------------------------------- */

static void open_database(void)
{
	static char directory[sizeof(state) + 16];
	struct db_cluster_options options = { .directory = directory };
	struct db_pool_options application = { .program = "bench", .size = THREADS_MAX };
	struct certctl_error err = { 0 };

	/* Adopts the one that certctld has started. */
	snprintf(directory, sizeof(directory), "%s/postgres", state);
	check(db_cluster_start(NULL, &options, &cluster, &err), "cluster", &err);
	postmaster = db_cluster_pid(cluster);
	application.conninfo = db_cluster_conninfo(cluster);
	check(db_pool_new(NULL, &application, &pool, &err), "pool", &err);
}

static void choose_ids(void)
{
	static const struct db_query some = { "bench_ids",
		"SELECT id FROM managed_certificates TABLESAMPLE BERNOULLI (4) WHERE archived_at IS NULL LIMIT 20000",
		NULL, 0 };
	static const struct db_query last = { "bench_last",
		"SELECT id FROM managed_certificates WHERE archived_at IS NULL ORDER BY id DESC OFFSET 100 LIMIT 1",
		NULL, 0 };
	struct certctl_error err = { 0 };
	struct db_result *rows = NULL;

	check(db_run(connection(0), NULL, &some, DB_NO_VALUES, &rows, &err), "ids", &err);
	if (db_rows(rows) < IDS)
		bench_die("ids", "too few certificates");
	for (size_t i = 0; i < IDS; i++)
		snprintf(ids[i], sizeof(ids[i]), "%s", db_value_at(rows, i, 0));
	talloc_free(rows);
	check(db_run(connection(0), NULL, &last, DB_NO_VALUES, &rows, &err), "last", &err);
	snprintf(before_last_page, sizeof(before_last_page), "%s", db_value_at(rows, 0, 0));
	talloc_free(rows);
}

/* The cursor of the first page, with the id before the last one in it: nobody wants to walk there. */
static void make_last_page(void)
{
	char request[512];
	struct certctl_bytes bytes = { 0 };
	struct certctl_error err = { 0 };
	TALLOC_CTX *mem = talloc_new(NULL);

	snprintf(request, sizeof(request),
		"GET /api/v1/certificates?limit=100&fields=id HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n\r\n",
		server.key);
	clients[0] = https_open(server.address);
	json_t *page = json_loads(https_ask(clients[0], request, 200, NULL), JSON_DISABLE_EOF_CHECK, NULL);
	const char *cursor = json_string_value(json_object_get(page, "next_cursor"));

	if (!cursor || certctl_unhex(mem, cursor, &bytes, &err) < 0)
		bench_die("cursor", "none in the first page");
	json_t *parts = json_loadb((const char *)bytes.data, bytes.len, 0, NULL);

	json_array_set_new(parts, 1, json_string(before_last_page));
	char *text = json_dumps(parts, JSON_COMPACT);

	snprintf(last_page, sizeof(last_page), "/api/v1/certificates?limit=100&cursor=%s",
		certctl_hex(mem, text, strlen(text)));
	free(text);
	json_decref(parts);
	json_decref(page);
	talloc_free(mem);
}

static void measure_reads(void)
{
	static const unsigned concurrency[] = { 1, 4, 16, 64, 0 }, few[] = { 1, 0 };
	static const struct bench pages = { .name = "api.list",
		.what = "a page of 100 of 1,000,000 certificates",
		.concurrency = concurrency,
		.rounds = 3,
		.round_s = 1.5 };
	static const struct bench ones = { .name = "api.get",
		.what = "one of 1,000,000 certificates",
		.concurrency = concurrency,
		.rounds = 3,
		.round_s = 1.5 };
	static const struct bench usual = { .name = "api.offset",
		.what = "the last page, as lists are usually made",
		.concurrency = few,
		.rounds = 3,
		.round_s = 1.5 };
	const struct bench_side page_sides[] = {
		{ "bare statement, any page", run_page, NULL, NULL, database_cpu_s },
		{ "HTTPS, authenticated, recorded: first page", ask_page,
			(void *)(uintptr_t) "/api/v1/certificates?limit=100", NULL, server_cpu_s },
		{ "the same: last page", ask_page, last_page, NULL, server_cpu_s },
		{ 0 },
	};
	static const struct bench_side one_sides[] = {
		{ "bare statement", run_one, NULL, NULL, database_cpu_s },
		{ "HTTPS, authenticated, recorded", ask_one, NULL, NULL, server_cpu_s },
		{ 0 },
	};
	const struct bench_side usual_sides[] = {
		{ "COUNT(*) and OFFSET, bare statements", run_offset, NULL, NULL, database_cpu_s },
		{ "last page over HTTPS", ask_page, last_page, NULL, server_cpu_s },
		{ 0 },
	};

	bench_compare(&pages, page_sides);
	bench_compare(&ones, one_sides);
	bench_compare(&usual, usual_sides);
}

/* Lists that are promised to be fast: the database says how it does them. */
static void explain(void)
{
	const char *argv[] = { "tests/bench/plans", "--dir", state, NULL };
	int status = 0;

	waitpid(spawn(argv), &status, 0);
	if (status != 0)
		bench_die("tests/bench/plans", "a list reads or sorts a table; CERTCTL_BENCH_VERBOSE=1 shows which");
}

/* --- Memory and start ------------------------------------------------------------------------------------------------ */

static double mib(int pid)
{
	return (double)bench_private_kib(pid) / 1024;
}

/* Kilobytes that each of many connections adds, once they do nothing any more. */
static double idle_kb(const char *address, int pid)
{
	static struct https *held[IDLE];
	long before = bench_private_kib(pid);

	for (int i = 0; i < IDLE; i++)
		held[i] = https_open(address);
	usleep(300000);
	double each = (double)(bench_private_kib(pid) - before) * 1024 / 1000 / IDLE;

	for (int i = 0; i < IDLE; i++)
		https_close(held[i]);
	usleep(500000);
	return each;
}

/* nginx as its manual has it, one worker; its pid, by its pid file. */
static int start_nginx(char ret_address[64])
{
	char path[128], text[1024], key[160], certificate[160];
	const char *argv[] = { "/usr/sbin/nginx", "-p", folder, "-c", path, NULL };

	snprintf(path, sizeof(path), "%s/nginx.conf", folder);
	snprintf(key, sizeof(key), "%s/server.key", state);
	snprintf(certificate, sizeof(certificate), "%s/server.pem", state);
	snprintf(ret_address, 64, "127.0.0.1:%d", 20000 + getpid() % 20000);
	snprintf(text, sizeof(text),
		"daemon off; master_process off; pid %s/nginx.pid; error_log /dev/null; worker_rlimit_nofile 20000;\n"
		"events { worker_connections 10000; }\n"
		"http { access_log off; client_body_temp_path %s/b; proxy_temp_path %s/p; fastcgi_temp_path %s/f; uwsgi_temp_path %s/u; scgi_temp_path %s/s;\n"
		"  keepalive_timeout 600s; client_header_timeout 600s;\n"
		"  server { listen %s ssl; ssl_certificate %s; ssl_certificate_key %s; return 204; } }\n",
		folder, folder, folder, folder, folder, folder, ret_address, certificate, key);
	FILE *file = fopen(path, "w");

	if (!file || access(argv[0], X_OK) != 0 || access(key, R_OK) != 0)
		return 0;
	fputs(text, file);
	fclose(file);
	int pid = spawn(argv);

	usleep(500000);
	return pid;
}

/* What was given back is used again: each crowd meets a process that has not seen one. */
static void measure_connections(void)
{
	double ours[3], theirs[3];
	char address[64];
	int nginx = 0;

	for (int i = 0; i < 3; i++) {
		end_server(SIGKILL);
		start_server();
		https_close(https_open(server.agents));
		ours[i] = idle_kb(server.agents, server.pid);
		nginx = start_nginx(address);
		if (nginx <= 0)
			continue;
		https_close(https_open(address));
		theirs[i] = idle_kb(address, nginx);
		kill(nginx, SIGTERM);
		waitpid(nginx, NULL, 0);
	}
	bench_value("api.connection", "memory of an idle TLS connection, agents' port", "KB", ours, 3);
	if (nginx > 0)
		bench_value("api.connection", "the same: nginx", "KB", theirs, 3);
}

static void measure_starts(void)
{
	double seconds[5], answers[5];

	for (int i = 0; i < 5; i++) {
		/* Killed: its database goes on, and is adopted. */
		end_server(SIGKILL);
		double begin = bench_now_s();

		seconds[i] = start_server() * 1000;
		ask(0, "/api/v1/certificates?limit=1");
		answers[i] = (bench_now_s() - begin) * 1000;
		hang_up();
	}
	bench_value("api.start", "start to ready, 1,000,000 certificates, database running", "ms", seconds, 5);
	bench_value("api.start", "start to the first answered page", "ms", answers, 5);
}

static void remove_folder(void)
{
	CERTCTL_AUTO_CLOSE int fd = -1;
	struct certctl_error err = { 0 };

	check(certctl_dir_open("/tmp", &fd, &err), "/tmp", &err);
	check(certctl_tree_remove(fd, strrchr(folder, '/') + 1, &err), folder, &err);
}

int main(void)
{
	double idle, loaded;

	build = getenv("CERTCTL_BUILD");
	if (!build)
		build = ".build/release";
	signal(SIGPIPE, SIG_IGN);
	certctl_log_setup(&(struct certctl_log_options){ .level = CERTCTL_LOG_ERROR, .fd = 2 });
	seed();
	start_server();
	open_database();
	sleep(2);
	idle = mib(server.pid);
	explain();
	choose_ids();
	make_last_page();
	measure_reads();
	loaded = mib(server.pid);
	hang_up();
	bench_value("api.memory", "private memory of certctld, idle after its start", "MiB", &idle, 1);
	bench_value("api.memory", "the same after the load above", "MiB", &loaded, 1);
	measure_connections();
	measure_starts();
	for (int i = 0; i < THREADS_MAX; i++)
		if (connections[i])
			db_release(connections[i]);
	talloc_free(pool);
	end_server(SIGTERM);
	talloc_free(cluster);
	remove_folder();
	return 0;
}
