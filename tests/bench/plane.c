/* The server under a bench: made, started, killed, removed.  Knows nothing of what is measured. */
#include "plane.h"
#include "bench.h"

#include <certctl/files.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void check(int rc, const char *what, const struct certctl_error *err)
{
	if (rc < 0)
		bench_die(what, err->what);
}

int plane_spawn(const char *const *argv)
{
	int pid = fork();

	if (pid == 0) {
		int log = open("/dev/null", O_WRONLY);

		prctl(PR_SET_PDEATHSIG, SIGTERM);
		dup2(getenv("CERTCTL_BENCH_VERBOSE") ? 2 : log, 1);
		if (!getenv("CERTCTL_BENCH_VERBOSE"))
			dup2(log, 2);
		setenv("CERTCTL_HTTP_KEY_RATE", "0", 1);
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	return pid;
}

void plane_seed(struct plane *plane, const char *count)
{
	const char *argv[] = { "tests/bench/seed", "--dir", plane->state, "--count", count, NULL };
	const char *build = getenv("CERTCTL_BUILD");
	int status = 0;

	*plane = (struct plane){ .build = build ? build : ".build/release", .folder = "/tmp/certctl-bench-XXXXXX" };
	if (!mkdtemp(plane->folder) || chmod(plane->folder, 0711) < 0)
		bench_die("folder", plane->folder);
	snprintf(plane->state, sizeof(plane->state), "%s/state", plane->folder);
	snprintf(plane->ready, sizeof(plane->ready), "%s/ready.json", plane->state);
	fprintf(stderr, "bench: a database of %s certificates is made, or copied\n", count);
	waitpid(plane_spawn(argv), &status, 0);
	if (status != 0)
		bench_die("tests/bench/seed", "failed");
}

static void read_ready(struct plane *plane)
{
	char path[sizeof(plane->state) + 16];
	json_t *about = json_load_file(plane->ready, 0, NULL);

	snprintf(path, sizeof(path), "%s/admin.key", plane->state);
	FILE *file = fopen(path, "r");

	if (!about || !file || !fgets(plane->key, sizeof(plane->key), file))
		bench_die("ready file", plane->ready);
	fclose(file);
	plane->key[strcspn(plane->key, "\r\n")] = '\0';
	snprintf(plane->address, sizeof(plane->address), "%s",
		json_string_value(json_object_get(about, "url")) + strlen("https://"));
	snprintf(plane->agents_address, sizeof(plane->agents_address), "%s",
		json_string_value(json_object_get(about, "agents_url")) + strlen("https://"));
	json_decref(about);
}

double plane_start(struct plane *plane)
{
	char program[512];
	const char *argv[] = { program, "dev", "--dir", plane->state, "--listen", "127.0.0.1:0", "--agents-listen",
		"127.0.0.1:0", "--ready-file", plane->ready, NULL };
	double begin = bench_now_s();

	snprintf(program, sizeof(program), "%s/bin/certctld", plane->build);
	unlink(plane->ready);
	plane->pid = plane_spawn(argv);
	while (access(plane->ready, R_OK) != 0) {
		if (waitpid(plane->pid, NULL, WNOHANG) != 0 || bench_now_s() - begin > 300)
			bench_die("certctld", "did not start; CERTCTL_BENCH_VERBOSE=1 shows why");
		usleep(1000);
	}
	double seconds = bench_now_s() - begin;

	read_ready(plane);
	return seconds;
}

void plane_stop(struct plane *plane, int signal)
{
	if (plane->pid > 0) {
		kill(plane->pid, signal);
		waitpid(plane->pid, NULL, 0);
	}
	plane->pid = 0;
}

struct db_pool *plane_database(struct plane *plane, unsigned size)
{
	static char directory[sizeof(plane->state) + 16];
	struct db_cluster_options options = { .directory = directory };
	struct db_pool_options application = { .program = "bench", .size = size };
	struct db_pool *pool = NULL;
	struct certctl_error err = { 0 };

	snprintf(directory, sizeof(directory), "%s/postgres", plane->state);
	check(db_cluster_start(NULL, &options, &plane->cluster, &err), "cluster", &err);
	plane->postmaster = db_cluster_pid(plane->cluster);
	application.conninfo = db_cluster_conninfo(plane->cluster);
	check(db_pool_new(NULL, &application, &pool, &err), "pool", &err);
	return pool;
}

size_t plane_get(struct plane *plane, struct https **client, const char *path)
{
	char request[2048];
	size_t len = 0;

	if (!*client)
		*client = https_open(plane->address);
	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n\r\n", path,
		plane->key);
	https_ask(*client, request, 200, &len);
	return len;
}

void plane_end(struct plane *plane)
{
	CERTCTL_AUTO_CLOSE int fd = -1;
	struct certctl_error err = { 0 };

	plane_stop(plane, SIGTERM);
	talloc_free(plane->cluster);
	check(certctl_dir_open("/tmp", &fd, &err), "/tmp", &err);
	check(certctl_tree_remove(fd, strrchr(plane->folder, '/') + 1, &err), plane->folder, &err);
}
