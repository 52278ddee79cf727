/*
 * certctl-plugin-host: hello, confinement, plugin, in that order and never another.  Started by certctl programs with a socket as
 * descriptor 3, an empty environment and nothing else.
 */
#include "process.h"

#include "confine.h"
#include "plugin_file.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define HELLO_TIMEOUT_MS 30000
#define ARENAS_MAX       4

#ifdef CERTCTL_SANITIZERS
/* The leak checker traces its own process, which confinement forbids; an error ends in a signal the parent can report. */
const char *__asan_default_options(void) __attribute__((visibility("default")));
const char *__asan_default_options(void)
{
	return "detect_leaks=0:abort_on_error=1";
}
#endif

/* JSON carries keys and passwords here: whatever Jansson gives back is wiped first. */
static void free_wiped(void *memory)
{
	if (memory)
		certctl_wipe(memory, malloc_usable_size(memory));
	free(memory);
}

static int reply_hello(struct lane *lane, json_t *body, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *frame = json_pack("{s:o}", "hello", body);

	return lane_send(lane, frame, CERTCTL_FRAME_FOREVER, err);
}

/* The parent may be older or newer: it learns what we speak along with the reason. */
static int refuse(struct lane *lane, const struct certctl_error *why)
{
	json_t *body = json_pack("{s:i, s:i, s:s, s:o}", "protocol_min", CERTCTL_PROTOCOL_MIN, "protocol_max",
		CERTCTL_PROTOCOL_MAX, "program", "certctl-plugin-host " CERTCTL_VERSION, "error",
		certctl_wire_error_to_json(why));

	return reply_hello(lane, body, NULL) == 0 ? EXIT_FAILURE : 2;
}

static int agree(const json_t *hello, int *ret_protocol, struct certctl_error *err)
{
	int64_t min = certctl_json_integer_or(hello, "protocol_min", 0),
		max = certctl_json_integer_or(hello, "protocol_max", 0);

	if (max < CERTCTL_PROTOCOL_MIN || min > CERTCTL_PROTOCOL_MAX || min > max) {
		certctl_fail(err, CERTCTL_E_UNSUPPORTED,
			"certctl-plugin-host " CERTCTL_VERSION " speaks protocol %d to %d, its parent %s %lld to %lld",
			CERTCTL_PROTOCOL_MIN, CERTCTL_PROTOCOL_MAX, certctl_json_text_or(hello, "program", "(unnamed)"),
			(long long)min, (long long)max);
		return certctl_hint(err, "Install the same version of both, then restart the parent.");
	}
	*ret_protocol = max < CERTCTL_PROTOCOL_MAX ? (int)max : CERTCTL_PROTOCOL_MAX;
	return 0;
}

static json_t *hello_body(int protocol, const struct enforcement *enforced)
{
	return json_pack("{s:i, s:s, s:{s:b, s:b, s:b, s:i}}", "protocol", protocol, "program",
		"certctl-plugin-host " CERTCTL_VERSION, "enforced", "no_new_privileges",
		(int)enforced->no_new_privileges, "seccomp", (int)enforced->seccomp, "resource_limits",
		(int)enforced->resource_limits, "landlock", enforced->landlock);
}

/* Confined with nothing open, load and tell. */
static int describe(struct lane *lane, int protocol, const char *file, struct certctl_error *err)
{
	struct confinement what = { .plugin_file = file };
	struct enforcement enforced;
	struct plugin plugin;
	json_t *description;
	int rc = confine(&what, &enforced, err);

	if (rc < 0 || (rc = plugin_load(file, &plugin, err)) < 0 ||
		(rc = plugin_describe(&plugin, &description, err)) < 0)
		return rc;
	json_t *body = hello_body(protocol, &enforced);

	json_object_set_new(body, "description", description);
	return reply_hello(lane, body, err);
}

/* Confinement came from the cached description: the plugin must be the one that was described. */
static int check_same(const struct plugin *plugin, const json_t *hello, struct certctl_error *err)
{
	if (plugin->descriptor.needs == (uint32_t)certctl_json_integer_or(hello, "needs", -1) &&
		plugin->descriptor.concurrency == certctl_json_integer_or(hello, "lanes", 0) &&
		strcmp(plugin->descriptor.id, certctl_json_text_or(hello, "id", "")) == 0)
		return 0;
	return certctl_fail(err, CERTCTL_E_CONFLICT, "%s: not the plugin that was described", plugin->file);
}

/* `hello` holds the configuration, so it is given back, wiped, before calls come. */
static int prepare(struct server *server, struct plugin *plugin, json_t *hello, int protocol, struct certctl_error *err)
{
	struct confinement what = { .needs = (uint32_t)certctl_json_integer_or(hello, "needs", 0),
		.plugin_file = certctl_json_text_or(hello, "file", ""),
		.read = json_object_get(hello, "read"),
		.write = json_object_get(hello, "write") };
	struct enforcement enforced;
	int rc = 0;

	server->runner_fd = -1;
	pthread_mutex_init(&server->runner_lock, NULL);
	if (what.needs & CERTCTL_NEEDS_COMMANDS)
		rc = runner_start(json_object_get(hello, "commands"), server->lane_count, &server->runner_fd, err);
	if (rc < 0 || (rc = confine(&what, &enforced, err)) < 0 ||
		(rc = plugin_load(what.plugin_file, plugin, err)) < 0 || (rc = check_same(plugin, hello, err)) < 0)
		return rc;
	rc = instance_init(&server->instance, plugin, certctl_json_text_or(hello, "name", "plugin"),
		json_object_get(hello, "config"), err);
	return rc < 0 ? rc : reply_hello(&server->lanes[0], hello_body(protocol, &enforced), err);
}

/* All of them must be sockets, whatever was inherited; what is no lane is closed. */
static int take_lanes(struct server *server, const json_t *hello, struct certctl_error *err)
{
	int64_t count;
	struct stat status;
	int rc = certctl_json_get_integer(hello, "lanes", 1, CERTCTL_LANES_MAX, &count, err);

	if (rc < 0)
		return certctl_fail(err, CERTCTL_E_PROTOCOL, "lanes: 1 to %d expected", CERTCTL_LANES_MAX);
	for (int i = 1; i < count; i++) {
		int fd = CERTCTL_PROTOCOL_FD + i;

		if (fstat(fd, &status) < 0 || !S_ISSOCK(status.st_mode) || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
			return certctl_fail(err, CERTCTL_E_PROTOCOL, "lanes: %d is no socket", i);
		lane_init(&server->lanes[i], server, fd);
	}
	server->lane_count = (unsigned)count;
	/* Memory that nobody shares is not worth it for one thread, and more than a few are not for many. */
	mallopt(M_ARENA_MAX, count < ARENAS_MAX ? (int)count : ARENAS_MAX);
	close_range(CERTCTL_PROTOCOL_FD + (unsigned)count, ~0U, 0);
	return 0;
}

static int start(struct server *server, struct plugin *plugin, bool *ret_serve, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *frame = NULL;
	int protocol;
	int rc =
		certctl_frame_receive(&server->lanes[0].reader, certctl_monotonic_ms() + HELLO_TIMEOUT_MS, &frame, err);
	json_t *hello = json_object_get(frame, "hello");
	const char *mode = certctl_json_text_or(hello, "mode", ""), *file = certctl_json_text_or(hello, "file", "");

	if (rc < 0 || (rc = agree(hello, &protocol, err)) < 0 || (rc = take_lanes(server, hello, err)) < 0 ||
		(rc = certctl_plugin_file_check(file, err)) < 0)
		return rc;
	if (strcmp(mode, "describe") == 0)
		return describe(&server->lanes[0], protocol, file, err);
	if (strcmp(mode, "serve") != 0)
		return certctl_fail(err, CERTCTL_E_PROTOCOL, "mode describe or serve expected");
	*ret_serve = true;
	return prepare(server, plugin, hello, protocol, err);
}

int main(int argc, char **argv)
{
	static struct server server;
	struct plugin plugin = { 0 };
	struct certctl_error err = { 0 };
	struct stat status;
	bool is_to_serve = false;

	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return puts("certctl-plugin-host " CERTCTL_VERSION) < 0;
	if (argc > 1 || fstat(CERTCTL_PROTOCOL_FD, &status) < 0 || !S_ISSOCK(status.st_mode)) {
		fputs("certctl-plugin-host is started by certctl programs; see certctl-plugin(1) to try a plugin\n",
			stderr);
		return 2;
	}
	/* Before the configuration comes, whose secrets must not end in a core file: not in the runner's either. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	fcntl(CERTCTL_PROTOCOL_FD, F_SETFD, FD_CLOEXEC);
	close_range(CERTCTL_PROTOCOL_FD + CERTCTL_LANES_MAX, ~0U, 0);
	json_set_alloc_funcs(malloc, free_wiped);
	lane_init(&server.lanes[0], &server, CERTCTL_PROTOCOL_FD);
	if (start(&server, &plugin, &is_to_serve, &err) < 0)
		return refuse(&server.lanes[0], &err);
	if (is_to_serve)
		serve(&server);
	return EXIT_SUCCESS;
}
