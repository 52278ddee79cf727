/* certctl-agent: command line, start-up and shutdown order. */
#include "agent.h"
#include "agent/shared/program.h"
#include "agent/shared/settings.h"

#include <certctl/log.h>
#include <errno.h>
#include <grp.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/certctl/agent.yaml"
/* EX_NOPERM of sysexits.h: the unit does not start what has nothing left to do. */
#define EXIT_RETIRED 77

const char *argp_program_version = "certctl-agent " CERTCTL_VERSION;

struct arguments {
	struct certctl_program program;
	json_t *settings; /* what the command line says, by the names of the settings */
	enum { COMMAND_RUN, COMMAND_ENROLL, COMMAND_STATUS, COMMAND_COUNT } command;
	bool is_dry_run, is_json;
	bool is_retired, is_unwell; /* what came of it */
};
static const char *const command_names[] = { "run", "enroll", "status" };

enum { OPTION_DRY_RUN = 1000, OPTION_JSON, OPTION_SETTING };
/* Settings of the command line: option key and name of the setting. */
static const char *const setting_names[] = { "server", "ca_file", "token_file", "dir", "socket", "name" };
static const struct argp_option options[] = {
	CERTCTL_PROGRAM_OPTIONS(DEFAULT_CONFIG),
	{ "dry-run", OPTION_DRY_RUN, NULL, 0, "Say what would be deployed and renewed, change nothing, and exit", 0 },
	{ "json", OPTION_JSON, NULL, 0, "Print status and dry run as JSON", 0 },
	{ "server", OPTION_SETTING, "URL", 0, "The control plane's address for agents", 1 },
	{ "ca-file", OPTION_SETTING + 1, "FILE", 0, "Certificates the control plane's own must lead to", 1 },
	{ "token-file", OPTION_SETTING + 2, "FILE", 0, "The enrolment token", 1 },
	{ "dir", OPTION_SETTING + 3, "DIR", 0, "Identity and waiting reports", 1 },
	{ "socket", OPTION_SETTING + 4, "FILE", 0, "Where certctl-agent-worker listens", 1 },
	{ "name", OPTION_SETTING + 5, "ID", 0, "What to call this agent (default: the host's name)", 1 },
	{ 0 },
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;
	size_t setting = (size_t)(key - OPTION_SETTING);

	if (key >= OPTION_SETTING && setting < CERTCTL_COUNT(setting_names)) {
		json_object_set_new(arguments->settings, setting_names[setting], json_string(value));
		return 0;
	}
	switch (key) {
	case ARGP_KEY_ARG:
		for (unsigned i = 0; state->arg_num == 0 && i < COMMAND_COUNT; i++)
			if (strcmp(value, command_names[i]) == 0) {
				arguments->command = i;
				return 0;
			}
		argp_error(state, "'%s' is no command", value);
		return 0;
	case OPTION_DRY_RUN:
		arguments->is_dry_run = true;
		return 0;
	case OPTION_JSON:
		arguments->is_json = true;
		return 0;
	default:
		return certctl_program_option(&arguments->program, key, value);
	}
}

static const struct argp parser = { options, parse_option, "[run]\nenroll\nstatus",
	"Keeps this host's certificates as the control plane wants them.\v"
	"\"enroll\" trades a token for this agent's identity and ends.  \"run\", the default, enrols when that has not been done "
	"and a token file is set, and then works until it is stopped.  \"status\" tells how this agent is; it ends with 0 when it is "
	"enrolled and its worker answers.",
	NULL, NULL, NULL };

/* --- Signals ------------------------------------------------------------------------------------------------------- */

static sigset_t stop_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	return set;
}

/* Every thread has these signals blocked, from the first line of main on; this one waits for them. */
static void *await_signal(void *arg)
{
	sigset_t set = stop_signals();
	int signal_number;

	while (sigwait(&set, &signal_number) != 0)
		continue;
	certctl_stop_want(arg);
	return NULL;
}

/* --- Running ------------------------------------------------------------------------------------------------------- */

/* Without an identity: try until the control plane is there; what it refuses is refused. */
static int enrol_first(struct certctl_agent *agent, struct certctl_error *err)
{
	struct certctl_backoff backoff = { 0 };

	while (!certctl_agent_is_enrolled(agent)) {
		int rc = certctl_agent_enrol(agent, err);

		if (rc == 0)
			break;
		if (!err->retryable)
			return rc;
		int64_t wait_ms = certctl_backoff_next_ms(&backoff, err->retry_after_s);

		certctl_log_error(CERTCTL_LOG_WARNING, "enrolment.failed", err, "again_in_ms", certctl_num(wait_ms),
			NULL);
		if (certctl_stop_wait(&agent->stop, wait_ms))
			return certctl_fail(err, CERTCTL_E_CANCELLED, "stopped before it was enrolled");
	}
	return 0;
}

static void *run_heartbeat(void *arg)
{
	certctl_agent_heartbeat(arg);
	return NULL;
}

static void *run_watch(void *arg)
{
	certctl_agent_watch(arg);
	return NULL;
}

/* The threads beside the work. */
static int run_all(struct certctl_agent *agent, struct certctl_error *err)
{
	pthread_t heartbeat, watch;
	int rc = pthread_create(&heartbeat, NULL, run_heartbeat, agent);

	if (rc != 0)
		return certctl_fail_errno(err, rc, "thread");
	rc = pthread_create(&watch, NULL, run_watch, agent);
	if (rc == 0) {
		certctl_agent_work(agent);
		pthread_join(watch, NULL);
	}
	certctl_stop_want(&agent->stop);
	pthread_join(heartbeat, NULL);
	return rc == 0 ? 0 : certctl_fail_errno(err, rc, "thread");
}

static int run(struct certctl_agent *agent, struct certctl_error *err)
{
	/* Up, though it may have to wait for the control plane to be enrolled. */
	certctl_program_ready();
	int rc = enrol_first(agent, err);

	if (rc < 0)
		return certctl_stop_is_wanted(&agent->stop) ? 0 : rc;
	certctl_log(CERTCTL_LOG_NOTICE, "agent.ready", "server", agent->settings->server, "version", CERTCTL_VERSION,
		NULL);
	rc = run_all(agent, err);
	certctl_log(CERTCTL_LOG_NOTICE, "agent.stopped", NULL);
	if (rc < 0 || !atomic_load(&agent->is_retired))
		return rc;
	certctl_fail(err, CERTCTL_E_DENIED, "%s: this agent was retired", agent->settings->server);
	return certctl_hint(err,
		"Keys and certificates on this host stay as they are.  To bring it back, remove %s and enrol with a new token.",
		agent->settings->dir);
}

static int run_command(const struct arguments *arguments, struct certctl_agent *agent, struct certctl_error *err)
{
	if (arguments->is_dry_run)
		return certctl_agent_dry_run(agent, arguments->is_json, err);
	return arguments->command == COMMAND_ENROLL ? certctl_agent_enrol(agent, err) : run(agent, err);
}

static int run_until_signal(struct arguments *arguments, const struct certctl_agent_settings *settings,
	struct certctl_error *err)
{
	struct certctl_agent agent = { .settings = settings };
	pthread_t signals;

	pthread_mutex_init(&agent.lock, NULL);
	certctl_stop_init(&agent.stop);
	int rc = pthread_create(&signals, NULL, await_signal, &agent.stop);

	if (rc != 0)
		return certctl_fail_errno(err, rc, "thread");
	rc = run_command(arguments, &agent, err);
	kill(getpid(), SIGTERM); /* blocked everywhere: it can only end the wait of that thread */
	pthread_join(signals, NULL);
	certctl_stop_done(&agent.stop);
	pthread_mutex_destroy(&agent.lock);
	arguments->is_retired = atomic_load(&agent.is_retired);
	return rc;
}

/* Who asks as root asks as the agent: the worker serves nobody else, and nothing gets another owner. */
static int become_agent(const struct certctl_agent_settings *settings, struct certctl_error *err)
{
	struct stat status;

	if (geteuid() != 0 || stat(settings->dir, &status) < 0 || status.st_uid == 0)
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(status.st_gid, status.st_gid, status.st_gid) < 0 ||
		setresuid(status.st_uid, status.st_uid, status.st_uid) < 0)
		return certctl_fail_errno(err, errno, "user %u", status.st_uid);
	return 0;
}

static void set_up_log(const struct arguments *arguments, const struct certctl_agent_settings *settings)
{
	bool is_for_people = arguments->command == COMMAND_STATUS || arguments->is_dry_run;

	certctl_log_setup(&(struct certctl_log_options){ .format = (enum certctl_log_format)settings->log_format,
		.level = is_for_people ? CERTCTL_LOG_ERROR : (enum certctl_log_level)settings->log_level,
		.fd = STDERR_FILENO,
		.program = "certctl-agent" });
}

static int show_status(TALLOC_CTX *mem, struct arguments *arguments, struct certctl_agent_settings *settings,
	struct certctl_error *err)
{
	bool is_well = false;

	/* Not knowing its server is a state of an agent, too. */
	(void)!certctl_agent_recall(mem, settings, NULL);
	int rc = certctl_agent_status(settings, arguments->is_json, &is_well, err);

	arguments->is_unwell = !is_well;
	return rc;
}

static int start(TALLOC_CTX *mem, struct arguments *arguments, struct certctl_error *err)
{
	struct certctl_agent_settings settings = { 0 };
	struct certctl_settings_source source = { .file = arguments->program.config ? arguments->program.config
										    : DEFAULT_CONFIG,
		.is_file_required = arguments->program.config != NULL,
		.command_line = arguments->settings,
		.fields = certctl_agent_fields };
	int rc = certctl_settings_read(mem, &source, &settings, err);

	if (rc < 0 || arguments->program.is_check)
		return rc;
	set_up_log(arguments, &settings);
	if (arguments->command == COMMAND_STATUS || arguments->is_dry_run)
		rc = become_agent(&settings, err);
	if (rc == 0 && arguments->command == COMMAND_STATUS)
		return show_status(mem, arguments, &settings, err);
	if (rc == 0 && arguments->command != COMMAND_ENROLL)
		rc = certctl_agent_recall(mem, &settings, err);
	return rc < 0 ? rc : run_until_signal(arguments, &settings, err);
}

int main(int argc, char **argv)
{
	CERTCTL_AUTO(json_decref) json_t *settings = json_object();
	struct arguments arguments = { .settings = settings };
	struct certctl_error err = { 0 };
	sigset_t set = stop_signals();

	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	argp_parse(&parser, argc, argv, 0, NULL, &arguments);
	if (arguments.program.is_sample)
		return certctl_settings_print_sample(certctl_agent_fields) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	certctl_program_keep_private();
	mallopt(M_ARENA_MAX, 1); /* four threads that mostly wait: a heap for each costs memory and wins nothing */
	TALLOC_CTX *mem = talloc_new(NULL);
	int rc = start(mem, &arguments, &err);

	if (rc < 0)
		certctl_program_say("certctl-agent", &err);
	talloc_free(mem);
	if (arguments.is_retired)
		return EXIT_RETIRED;
	return rc < 0 || arguments.is_unwell ? EXIT_FAILURE : EXIT_SUCCESS;
}
