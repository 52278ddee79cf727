/*
 * The API of a control plane with a million certificates: pages and single ones over HTTPS, with authentication and the audit trail, beside
 * the bare statements and the way lists are usually made.
 */
#include "bench.h"
#include "plane.h"

#include <certctl/log.h>
#include <certctl/x509.h>
#include <jansson.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT       "1000000"
#define THREADS_MAX 64
#define IDS         20000
#define PAGE        100

static struct plane plane;
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

static double server_cpu_s(void *arg)
{
	(void)arg;
	return bench_cpu_s(plane.pid) + bench_cpu_of_children_s(plane.postmaster);
}

static double database_cpu_s(void *arg)
{
	(void)arg;
	return bench_cpu_of_children_s(plane.postmaster);
}

/* --- Asking ---------------------------------------------------------------------------------------------------------- */

static void ask_page(void *arg, unsigned thread)
{
	if (plane_get(&plane, &clients[thread], arg) < PAGE * 500)
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
	if (plane_get(&plane, &clients[thread], path) < 500)
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
		plane.key);
	clients[0] = https_open(plane.address);
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
	const char *argv[] = { "tests/bench/plans", "--dir", plane.state, NULL };
	int status = 0;

	waitpid(plane_spawn(argv), &status, 0);
	if (status != 0)
		bench_die("tests/bench/plans", "a list reads or sorts a table; CERTCTL_BENCH_VERBOSE=1 shows which");
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	certctl_log_setup(&(struct certctl_log_options){ .level = CERTCTL_LOG_ERROR, .fd = 2 });
	plane_seed(&plane, COUNT);
	plane_start(&plane);
	pool = plane_database(&plane, THREADS_MAX);
	explain();
	choose_ids();
	make_last_page();
	measure_reads();
	for (int i = 0; i < THREADS_MAX; i++) {
		if (clients[i])
			https_close(clients[i]);
		if (connections[i])
			db_release(connections[i]);
	}
	talloc_free(pool);
	plane_end(&plane);
	return 0;
}
