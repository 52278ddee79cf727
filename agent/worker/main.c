/* certctl-agent-worker: start-up and shutdown order. */
#include "agent/shared/link.h"
#include "agent/shared/settings.h"
#include "server.h"
#include "worker.h"

#include <argp.h>
#include <certctl/files.h>
#include <certctl/log.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/certctl/worker.yaml"

const char *argp_program_version = "certctl-agent-worker " CERTCTL_VERSION;

struct arguments {
	const char *config;
	bool is_check, is_sample;
};

enum { OPTION_CHECK = 1000, OPTION_SAMPLE };
static const struct argp_option options[] = {
	{ "config", 'c', "FILE", 0, "Settings (default " DEFAULT_CONFIG ")", 0 },
	{ "check-config", OPTION_CHECK, NULL, 0, "Read the settings, say what is wrong with them, and exit", 0 },
	{ "sample-config", OPTION_SAMPLE, NULL, 0, "Print every setting with its meaning and default, and exit", 0 },
	{ 0 },
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case 'c':
		arguments->config = value;
		return 0;
	case OPTION_CHECK:
		arguments->is_check = true;
		return 0;
	case OPTION_SAMPLE:
		arguments->is_sample = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp parser = { options, parse_option, NULL,
	"The privileged half of the certctl agent: makes keys and requests, deploys certificates.\v"
	"It talks to certctl-agent over a Unix socket and to nobody else.",
	NULL, NULL, NULL };

/* Keys must not end in a core file, nor be readable through /proc or ptrace. */
static void keep_memory_private(void)
{
	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	umask(0077);
}

/* Blocked before any thread starts, so that every thread inherits it; read by the main loop. */
static int open_signals(int *ret_fd, struct certctl_error *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return certctl_fail_errno(err, errno, "signals");
	*ret_fd = signalfd(-1, &set, SFD_CLOEXEC);
	return *ret_fd >= 0 ? 0 : certctl_fail_errno(err, errno, "signals");
}

static int run(TALLOC_CTX *mem, const struct certctl_worker_settings *settings, struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int stop_fd = -1, listen_fd = -1;
	struct certctl_worker worker;
	uid_t user;
	gid_t group;
	int rc = certctl_owner_lookup(settings->user, NULL, &user, &group, err);

	if (rc < 0)
		return certctl_error_prefix(err, "user");
	rc = open_signals(&stop_fd, err);
	if (rc < 0)
		return rc;
	rc = certctl_worker_open(&worker, mem, settings, err);
	if (rc == 0)
		rc = certctl_link_listen(settings->socket, user, &listen_fd, err);
	if (rc == 0) {
		certctl_log(CERTCTL_LOG_NOTICE, "worker.ready", "socket", settings->socket, "user", settings->user,
			"version", CERTCTL_VERSION, NULL);
		sd_notify(0, "READY=1");
		rc = certctl_worker_serve(&worker, listen_fd, stop_fd, user, err);
		unlink(settings->socket);
	}
	certctl_worker_close(&worker);
	return rc;
}

int main(int argc, char **argv)
{
	struct arguments arguments = { 0 };
	struct certctl_worker_settings settings = { 0 };
	struct certctl_error err = { 0 };

	argp_parse(&parser, argc, argv, 0, NULL, &arguments);
	if (arguments.is_sample)
		return certctl_settings_print_sample(certctl_worker_fields) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	keep_memory_private();
	TALLOC_CTX *mem = talloc_new(NULL);
	struct certctl_settings_source source = { .file = arguments.config ? arguments.config : DEFAULT_CONFIG,
		.is_file_required = arguments.config != NULL,
		.fields = certctl_worker_fields };
	int rc = certctl_settings_read(mem, &source, &settings, &err);

	if (rc == 0 && !arguments.is_check) {
		certctl_log_setup(&(struct certctl_log_options){ .format = (enum certctl_log_format)settings.log_format,
			.level = (enum certctl_log_level)settings.log_level,
			.fd = STDERR_FILENO,
			.program = "certctl-agent-worker" });
		rc = run(mem, &settings, &err);
		certctl_log(CERTCTL_LOG_NOTICE, "worker.stopped", NULL);
	}
	if (rc < 0)
		fprintf(stderr, "certctl-agent-worker: %s\n%s%s", err.what, err.hint, err.hint[0] ? "\n" : "");
	talloc_free(mem);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
