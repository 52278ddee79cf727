/* certctld: start and end, signals, the ready file.  What is started, and in which order, is server.c's. */
#include "core/arguments.h"
#include "core/features/audit/command.h"
#include "core/platform/terminal/terminal.h"
#include "core/server.h"

#include <certctl/files.h>
#include <certctl/json.h>
#include <certctl/log.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS INT64_C(60000)

/* The program while it serves. */
struct running {
	TALLOC_CTX *mem;
	const struct arguments *arguments;
	struct settings_loaded *first, *latest; /* of the start, and of the last reload; may be the same */
	struct server *server;
	sigset_t signals;
};

/* An issuer to begin with: written once, the operator's from then on. */
static int write_first_issuer(TALLOC_CTX *mem, const struct settings *settings, struct certctl_error *err)
{
	static const struct certctl_file_attributes public = { .mode = 0644, .uid = (uid_t)-1, .gid = (gid_t)-1 };
	CERTCTL_AUTO_CLOSE int ca_fd = -1;
	CERTCTL_AUTO_CLOSE int fd = -1;
	char *ca = talloc_asprintf(mem, "%s/iss-local", settings->state_dir);
	const char *folder = settings->connectors.directory;
	char *text = talloc_asprintf(mem,
		"# A CA of its own, made at first use.\nissuers:\n  - id: iss-local\n    name: Local CA\n    type: local-ca\n"
		"    options:\n      directory: %s/iss-local\n",
		settings->state_dir);

	if (!ca || !text)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	if (access(folder, F_OK) == 0 || settings->ca.cert_path)
		return 0;
	int rc = certctl_dir_make(ca, 0700, &ca_fd, err);

	if (rc == 0)
		rc = certctl_dir_make(folder, 0755, &fd, err);
	return rc < 0 ? rc : certctl_file_replace(fd, "iss-local.yaml", text, strlen(text), &public, err);
}

static int write_ready_file(TALLOC_CTX *mem, const struct server *server, const char *path, struct certctl_error *err)
{
	static const struct certctl_file_attributes public = { .mode = 0644, .uid = (uid_t)-1, .gid = (gid_t)-1 };
	CERTCTL_AUTO(json_decref)
	json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:i}", "url", server_url(server), "agents_url",
		server_agents_url(server), "ca_file", server_ca_file(server), "admin_key_file",
		server_admin_key_file(server), "pid", (int)getpid());
	char *text = json ? certctl_json_text(mem, json, NULL) : NULL, *folder = talloc_strdup(mem, path);
	CERTCTL_AUTO_CLOSE int fd = -1;

	if (!text || !folder)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	char *slash = strrchr(folder, '/');

	*slash = '\0';
	int rc = certctl_dir_open(*folder ? folder : "/", &fd, err);

	return rc < 0 ? rc : certctl_file_replace(fd, slash + 1, text, strlen(text), &public, err);
}

/* A log is no place for a key: outside dev, the file has it. */
static void say_hello(const struct running *running, const char *admin_key)
{
	const struct server *server = running->server;

	certctl_log(CERTCTL_LOG_NOTICE, "server.ready", "url", server_url(server), "agents_url",
		server_agents_url(server), NULL);
	if (!running->arguments->is_dev) {
		if (admin_key)
			certctl_log(CERTCTL_LOG_NOTICE, "server.admin_key_made", "file", server_admin_key_file(server),
				NULL);
		return;
	}
	printf("certctl is ready at %s (agents: %s)\n", server_url(server), server_agents_url(server));
	if (admin_key)
		printf("Admin key, shown this once and kept in %s:\n  %s\n", server_admin_key_file(server), admin_key);
	fflush(stdout);
}

/* --- Reload ---------------------------------------------------------------------------------------------------------- */

static void log_problem(void *arg, const char *text)
{
	(void)arg;
	certctl_log(CERTCTL_LOG_ERROR, "settings.problem", "what", text, NULL);
}

static void log_changed(void *arg, const char *path, bool is_reloaded)
{
	(void)arg;
	if (is_reloaded)
		certctl_log(CERTCTL_LOG_NOTICE, "settings.changed", "setting", path, NULL);
}

static void log_waiting(void *arg, const char *path, bool is_reloaded)
{
	(void)arg;
	if (!is_reloaded)
		certctl_log(CERTCTL_LOG_WARNING, "settings.needs_restart", "setting", path, NULL);
}

static void set_log(const struct settings *settings)
{
	certctl_log_change((enum certctl_log_format)settings->log.format, (enum certctl_log_level)settings->log.level);
}

static void take_over(struct running *running, struct settings_loaded *fresh)
{
	const struct settings *settings = settings_of(fresh);

	set_log(settings);
	settings_compare(settings_of(running->latest), settings, log_changed, NULL);
	settings_compare(settings_of(running->first), settings, log_waiting, NULL);
	server_reload(running->server, settings);
	/* The server still reads those of the start. */
	if (running->latest != running->first)
		talloc_free(running->latest);
	running->latest = fresh;
	certctl_log(CERTCTL_LOG_NOTICE, "settings.reloaded", NULL);
}

static void reload(struct running *running)
{
	struct settings_source source = running->arguments->source;
	struct settings_loaded *fresh = NULL;
	struct certctl_error err = { 0 };
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		(uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
	source.problem = log_problem;
	if (settings_load(running->mem, &source, &fresh, &err) < 0)
		certctl_log_error(CERTCTL_LOG_ERROR, "settings.kept", &err, NULL);
	else
		take_over(running, fresh);
	sd_notify(0, "READY=1");
}

/* --- Serving --------------------------------------------------------------------------------------------------------- */

/* How long may pass between two signs of life. */
static struct timespec choose_pause(void)
{
	uint64_t watchdog_us = 0;
	int64_t pause_ms = TICK_MS;

	if (sd_watchdog_enabled(0, &watchdog_us) > 0 && (int64_t)(watchdog_us / 2000) < pause_ms)
		pause_ms = (int64_t)(watchdog_us / 2000);
	return (struct timespec){ .tv_sec = pause_ms / 1000, .tv_nsec = pause_ms % 1000 * 1000000 };
}

/* Until SIGTERM or SIGINT, which is returned. */
static int wait_for_end(struct running *running)
{
	struct timespec pause = choose_pause();

	for (;;) {
		int number = sigtimedwait(&running->signals, NULL, &pause);

		sd_notify(0, "WATCHDOG=1");
		if (number == SIGTERM || number == SIGINT)
			return number;
		if (number == SIGHUP)
			reload(running);
		server_tick(running->server);
	}
}

static int serve(struct running *running, struct certctl_error *err)
{
	const struct settings *settings = settings_of(running->first);
	TALLOC_CTX *secrets = talloc_new(running->mem);
	const char *admin_key = NULL;
	int number = 0, rc = server_start(secrets, settings, &running->server, &admin_key, err);

	if (rc < 0) {
		talloc_free(secrets);
		return rc;
	}
	talloc_steal(running->mem, running->server);
	if (settings->ready_file)
		rc = write_ready_file(running->mem, running->server, settings->ready_file, err);
	if (rc == 0) {
		say_hello(running, admin_key);
		sd_notify(0, "READY=1");
	}
	talloc_free(secrets);
	if (rc == 0)
		number = wait_for_end(running);
	sd_notify(0, "STOPPING=1");
	certctl_log(CERTCTL_LOG_NOTICE, "server.stopping", "signal", certctl_num(number), NULL);
	if (settings->ready_file)
		unlink(settings->ready_file);
	server_stop(running->server);
	return rc;
}

static int start(struct running *running, struct certctl_error *err)
{
	const struct settings *settings = settings_of(running->first);

	certctl_log_setup(&(struct certctl_log_options){ .format = (enum certctl_log_format)settings->log.format,
		.level = (enum certctl_log_level)settings->log.level,
		.fd = 2,
		.program = "certctld" });
	if (running->arguments->is_dev)
		umask(0022);
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	int rc = running->arguments->is_dev ? write_first_issuer(running->mem, settings, err) : 0;

	return rc < 0 ? rc : serve(running, err);
}

/* --- Command line ---------------------------------------------------------------------------------------------------- */

static int put(TALLOC_CTX *mem, void (*show)(struct certctl_buffer *out), const struct settings_loaded *loaded,
	struct certctl_error *err)
{
	struct certctl_buffer text;

	certctl_buffer_init(&text, mem, 1 << 20);
	if (show)
		show(&text);
	else
		settings_print(loaded, &text);
	int rc = certctl_buffer_finish(&text, err);

	if (rc == 0)
		fwrite(text.data, 1, text.len, stdout);
	return rc;
}

static void print_problem(void *arg, const char *text)
{
	bool *is_told = arg;

	*is_told = true;
	fprintf(stderr, "certctld: %s\n", text);
}

static void print_error(const struct certctl_error *err)
{
	fprintf(stderr, "certctld: %s%s%s\n", err->what, err->hint[0] ? "\n" : "", err->hint);
}

static int act(struct running *running, enum action action, struct certctl_error *err)
{
	switch (action) {
	case ACTION_CHECK:
		return server_check(settings_of(running->first), err);
	case ACTION_PRINT:
		return put(running->mem, NULL, running->first, err);
	default:
		return start(running, err);
	}
}

static int run(struct running *running, struct arguments *arguments)
{
	struct certctl_error err = { 0 };
	bool is_told = false;

	arguments->source.problem = print_problem;
	arguments->source.arg = &is_told;
	int rc = settings_load(running->mem, &arguments->source, &running->first, &err);

	running->arguments = arguments;
	running->latest = running->first;
	if (rc == 0)
		rc = act(running, arguments->action, &err);
	if (rc < 0 && !is_told)
		print_error(&err);
	return rc;
}

/* What is done beside the server: each has a command line of its own. */
static struct {
	const char *name;
	char label[16]; /* in its messages */
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "audit", "certctld audit", audit_command },
	{ "psql", "certctld psql", terminal_psql },
	{ "db", "certctld db", terminal_db },
};

int main(int argc, char **argv)
{
	static void (*const shows[])(struct certctl_buffer * out) = {
		[ACTION_SAMPLE] = settings_sample,
		[ACTION_HELP] = settings_help,
		[ACTION_REFERENCE] = settings_reference,
	};
	struct arguments arguments = { 0 };
	struct certctl_error err = { 0 };
	struct running running = { 0 };
	int rc;

	for (size_t i = 0; argc > 1 && i < CERTCTL_COUNT(commands); i++)
		if (strcmp(argv[1], commands[i].name) == 0) {
			argv[1] = commands[i].label;
			return commands[i].run(argc - 1, argv + 1);
		}
	/* Not empty: what looks for leaks when the parser ends the program finds only what somebody points into. */
	running.mem = talloc_named_const(NULL, 1, "certctld");
	arguments_parse(running.mem, argc, argv, &arguments);
	/* Before any thread is there: all of them inherit it. */
	sigemptyset(&running.signals);
	sigaddset(&running.signals, SIGTERM);
	sigaddset(&running.signals, SIGINT);
	sigaddset(&running.signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &running.signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (arguments.action >= ACTION_SAMPLE)
		rc = put(running.mem, shows[arguments.action], NULL, &err);
	else
		rc = run(&running, &arguments);
	talloc_free(running.mem);
	return rc < 0;
}
