/* certctl-agent-worker: start-up and shutdown order. */
#include "agent/shared/link.h"
#include "agent/shared/program.h"
#include "agent/shared/settings.h"
#include "server.h"
#include "worker.h"

#include <certctl/files.h>
#include <certctl/log.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/certctl/worker.yaml"

const char *argp_program_version = "certctl-agent-worker " CERTCTL_VERSION;

static const struct argp_option options[] = { CERTCTL_PROGRAM_OPTIONS(DEFAULT_CONFIG), { 0 } };

static error_t parse_option(int key, char *value, struct argp_state *state)
{
	return certctl_program_option(state->input, key, value);
}

static const struct argp parser = { options, parse_option, NULL,
	"The privileged half of the certctl agent: makes keys and requests, deploys certificates.\v"
	"It talks to certctl-agent over a Unix socket and to nobody else.",
	NULL, NULL, NULL };

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
		certctl_program_ready();
		rc = certctl_worker_serve(&worker, listen_fd, stop_fd, user, err);
		unlink(settings->socket);
	}
	certctl_worker_close(&worker);
	return rc;
}

int main(int argc, char **argv)
{
	struct certctl_program arguments = { 0 };
	struct certctl_worker_settings settings = { 0 };
	struct certctl_error err = { 0 };

	argp_parse(&parser, argc, argv, 0, NULL, &arguments);
	if (arguments.is_sample)
		return certctl_settings_print_sample(certctl_worker_fields) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	certctl_program_keep_private();
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
		certctl_program_say("certctl-agent-worker", &err);
	talloc_free(mem);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
