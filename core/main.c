/* certctld: arguments, signals, the ready file.  What is started, and in which order, is server.c's. */
#include "core/server.h"

#include <argp.h>
#include <certctl/files.h>
#include <certctl/json.h>
#include <certctl/log.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

const char *argp_program_version = "certctld " CERTCTL_VERSION;

enum {
	OPTION_CHECK = 256,
	OPTION_SAMPLE,
};

struct arguments {
	bool is_dev, is_check, is_sample;
	const char *config, *dir, *listen, *agents_listen, *ready_file, *database_url;
};

static const struct argp_option options[] = {
	{ "config", 'c', "FILE", 0, "Read the settings from FILE (default /etc/certctl/certctld.yaml)", 0 },
	{ "dir", 'd', "DIR", 0, "Keep everything in DIR", 0 },
	{ "listen", 'l', "HOST:PORT", 0, "Address of the HTTPS API; port 0 takes a free one", 0 },
	{ "agents-listen", 'a', "HOST:PORT", 0, "Address for agents", 0 },
	{ "ready-file", 'r', "FILE", 0, "Write FILE, as JSON, when everything is up", 0 },
	{ "database-url", 'u', "URL", 0, "Use this database instead of a private one", 0 },
	{ "check-config", OPTION_CHECK, NULL, 0, "Read the settings, say what is wrong with them, and exit", 0 },
	{ "sample-config", OPTION_SAMPLE, NULL, 0, "Print every setting with its meaning and default, and exit", 0 },
	{ 0 },
};

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case 'c':
		arguments->config = text;
		return 0;
	case 'd':
		arguments->dir = text;
		return 0;
	case 'l':
		arguments->listen = text;
		return 0;
	case 'a':
		arguments->agents_listen = text;
		return 0;
	case 'r':
		arguments->ready_file = text;
		return 0;
	case 'u':
		arguments->database_url = text;
		return 0;
	case OPTION_CHECK:
		arguments->is_check = true;
		return 0;
	case OPTION_SAMPLE:
		arguments->is_sample = true;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num > 0 || strcmp(text, "dev") != 0)
			argp_error(state, "'%s': only the command 'dev' is known", text);
		arguments->is_dev = true;
		return 0;
	case ARGP_KEY_END:
		if (arguments->is_dev && !arguments->dir)
			argp_error(state, "dev: --dir is needed");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp parser = { options, parse_option, "[dev]",
	"The control plane of certctl.\v`certctld dev --dir DIR` runs everything embedded in one folder: a private "
	"PostgreSQL, its own CA and TLS certificate, and an admin key that is made and shown once.",
	NULL, NULL, NULL };

static const char *absolute(TALLOC_CTX *mem, const char *path)
{
	char cwd[PATH_MAX];

	if (path[0] == '/' || !getcwd(cwd, sizeof(cwd)))
		return path;
	return talloc_asprintf(mem, "%s/%s", cwd, path);
}

static int choose_settings(TALLOC_CTX *mem, const struct arguments *arguments, struct settings *ret,
	struct certctl_error *err)
{
	const char *file = arguments->config   ? arguments->config
			   : arguments->is_dev ? NULL
					       : "/etc/certctl/certctld.yaml";
	int rc = file ? settings_read(mem, file, ret, err) : settings_default(mem, ret, err);

	if (rc < 0)
		return rc;
	if (arguments->is_dev) {
		ret->listen = "127.0.0.1:8443";
		ret->agents_listen = "127.0.0.1:8444";
	}
	if (arguments->dir)
		ret->state_dir = absolute(mem, arguments->dir);
	if (arguments->listen)
		ret->listen = arguments->listen;
	if (arguments->agents_listen)
		ret->agents_listen = arguments->agents_listen;
	if (arguments->ready_file)
		ret->ready_file = absolute(mem, arguments->ready_file);
	if (arguments->database_url)
		ret->database_url = arguments->database_url;
	return 0;
}

/* An issuer to begin with: written once, the operator's from then on. */
static int write_first_issuer(TALLOC_CTX *mem, const struct settings *settings, struct certctl_error *err)
{
	static const struct certctl_file_attributes public = { .mode = 0644, .uid = (uid_t)-1, .gid = (gid_t)-1 };
	CERTCTL_AUTO_CLOSE int ca_fd = -1;
	CERTCTL_AUTO_CLOSE int fd = -1;
	char *ca = talloc_asprintf(mem, "%s/iss-local", settings->state_dir);
	char *folder = talloc_asprintf(mem, "%s/connectors.d", settings->state_dir);
	char *text = talloc_asprintf(mem,
		"# A CA of its own, made at first use.\nissuers:\n  - id: iss-local\n    name: Local CA\n    type: local-ca\n"
		"    options:\n      directory: %s/iss-local\n",
		settings->state_dir);

	if (!ca || !folder || !text)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	if (access(folder, F_OK) == 0)
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

static void say_hello(const struct server *server, const char *admin_key)
{
	printf("certctl is ready at %s (agents: %s)\n", server_url(server), server_agents_url(server));
	if (admin_key)
		printf("Admin key, shown this once and kept in %s:\n  %s\n", server_admin_key_file(server), admin_key);
	fflush(stdout);
}

static int serve(TALLOC_CTX *mem, const struct settings *settings, const sigset_t *ends, struct certctl_error *err)
{
	struct server *server = NULL;
	TALLOC_CTX *secrets = talloc_new(mem);
	const char *admin_key = NULL;
	int number = 0, rc = server_start(secrets, settings, &server, &admin_key, err);

	if (rc < 0) {
		talloc_free(secrets);
		return rc;
	}
	talloc_steal(mem, server);
	if (settings->ready_file)
		rc = write_ready_file(mem, server, settings->ready_file, err);
	if (rc == 0) {
		say_hello(server, admin_key);
		sd_notify(0, "READY=1");
		certctl_log(CERTCTL_LOG_NOTICE, "server.ready", "url", server_url(server), "agents_url",
			server_agents_url(server), NULL);
	}
	talloc_free(secrets);
	if (rc == 0)
		sigwait(ends, &number);
	sd_notify(0, "STOPPING=1");
	certctl_log(CERTCTL_LOG_NOTICE, "server.stopping", "signal", certctl_num(number), NULL);
	if (settings->ready_file)
		unlink(settings->ready_file);
	server_stop(server);
	return rc;
}

static int print_sample(TALLOC_CTX *mem)
{
	struct certctl_buffer text;
	struct certctl_error err = { 0 };

	certctl_buffer_init(&text, mem, 1 << 20);
	certctl_fields_sample(settings_fields, sizeof(*settings_fields), 0, &text);
	if (certctl_buffer_finish(&text, &err) < 0)
		return 1;
	fputs(text.data, stdout);
	return 0;
}

int main(int argc, char **argv)
{
	struct arguments arguments = { 0 };
	struct settings settings = { 0 };
	struct certctl_error err = { 0 };
	TALLOC_CTX *mem = talloc_new(NULL);
	sigset_t ends;

	argp_parse(&parser, argc, argv, 0, NULL, &arguments);
	if (arguments.is_sample)
		return print_sample(mem);
	/* Before any thread is there: all of them inherit it. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);
	signal(SIGPIPE, SIG_IGN);
	int rc = choose_settings(mem, &arguments, &settings, &err);

	if (rc == 0 && !arguments.is_check) {
		certctl_log_setup(&(struct certctl_log_options){ .format = (enum certctl_log_format)settings.log_format,
			.level = (enum certctl_log_level)settings.log_level,
			.fd = 2,
			.program = "certctld" });
		umask(0022);
		rc = arguments.is_dev ? write_first_issuer(mem, &settings, &err) : 0;
	}
	if (rc == 0 && !arguments.is_check)
		rc = serve(mem, &settings, &ends, &err);
	if (rc < 0)
		fprintf(stderr, "certctld: %s%s%s\n", err.what, err.hint[0] ? "\n" : "", err.hint);
	talloc_free(mem);
	return rc < 0;
}
