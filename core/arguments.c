/* The command line of certctld.  Judges no value: a setting given here is read like one of a file. */
#include "core/arguments.h"

#include <argp.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/certctl/certctld.yaml"

const char *argp_program_version = "certctld " CERTCTL_VERSION;

enum {
	OPTION_CHECK = 1000,
	OPTION_PRINT,
	OPTION_SAMPLE,
	OPTION_HELP,
	OPTION_SET,
};

static const struct argp_option options[] = {
	{ "config", 'c', "FILE", 0,
		"Read the settings from FILE (default " DEFAULT_CONFIG ") and from conf.d/*.yaml beside it", 0 },
	{ "set", OPTION_SET, "NAME=VALUE", 0, "A setting, such as log.level=debug; wins over all others", 0 },
	{ "dir", 'd', "DIR", 0, "Keep everything in DIR (state_dir)", 1 },
	{ "listen", 'l', "ADDRESS:PORT", 0, "Address of the HTTPS API; port 0 takes a free one (http.listen)", 1 },
	{ "agents-listen", 'a', "ADDRESS:PORT", 0, "Address for agents (http.agents_listen)", 1 },
	{ "ready-file", 'r', "FILE", 0, "Write FILE, as JSON, when everything is up (ready_file)", 1 },
	{ "database-url", 'u', "URL", 0, "Use this database instead of a private one (database.url)", 1 },
	{ "check-config", OPTION_CHECK, NULL, 0, "Say everything that is wrong with the settings, and exit", 2 },
	{ "print-config", OPTION_PRINT, NULL, 0, "Print the settings in force and where each comes from, and exit", 2 },
	{ "sample-config", OPTION_SAMPLE, NULL, 0, "Print a file with every setting at its default, and exit", 2 },
	{ "help-config", OPTION_HELP, "markdown", OPTION_ARG_OPTIONAL, "Explain every setting, and exit", 2 },
	{ 0 },
};

/* Options that are settings. */
static const struct {
	int key;
	const char *label, *path;
	bool is_file_name; /* relative to where we are started */
} shorthands[] = {
	{ 'd', "--dir", "state_dir", true },
	{ 'l', "--listen", "http.listen", false },
	{ 'a', "--agents-listen", "http.agents_listen", false },
	{ 'r', "--ready-file", "ready_file", true },
	{ 'u', "--database-url", "database.url", false },
};

/* Free ports would be as good, but people look for these. */
static const struct settings_value dev_values[] = {
	{ "certctld dev", "http.listen", "127.0.0.1:8443" },
	{ "certctld dev", "http.agents_listen", "127.0.0.1:8444" },
};

struct parsing {
	TALLOC_CTX *mem;
	struct arguments *arguments;
	struct settings_value *flags;
	size_t flag_count;
	bool has_dir;
};

static const char *absolute(TALLOC_CTX *mem, const char *path)
{
	char cwd[PATH_MAX];

	if (path[0] == '/' || !getcwd(cwd, sizeof(cwd)))
		return path;
	return talloc_asprintf(mem, "%s/%s", cwd, path);
}

static error_t add_flag(struct parsing *parsing, const char *label, const char *path, const char *text)
{
	size_t count = parsing->flag_count;

	parsing->flags = talloc_realloc(parsing->mem, parsing->flags, struct settings_value, (unsigned)count + 1);
	if (!parsing->flags || !path || !text)
		return ENOMEM;
	parsing->flags[parsing->flag_count++] = (struct settings_value){ label, path, text };
	return 0;
}

static error_t add_setting(struct parsing *parsing, const char *text, struct argp_state *state)
{
	const char *equals = strchr(text, '=');

	if (!equals)
		argp_error(state, "--set %s: NAME=VALUE expected", text);
	return equals ? add_flag(parsing, "--set", talloc_strndup(parsing->mem, text, (size_t)(equals - text)),
				equals + 1)
		      : EINVAL;
}

static error_t add_shorthand(struct parsing *parsing, int key, const char *text)
{
	for (size_t i = 0; i < CERTCTL_COUNT(shorthands); i++)
		if (shorthands[i].key == key) {
			parsing->has_dir |= key == 'd';
			return add_flag(parsing, shorthands[i].label, shorthands[i].path,
				shorthands[i].is_file_name ? absolute(parsing->mem, text) : text);
		}
	return ARGP_ERR_UNKNOWN;
}

static error_t parse_help(struct arguments *arguments, const char *format, struct argp_state *state)
{
	if (format && strcmp(format, "markdown") != 0)
		argp_error(state, "--help-config=%s: nothing or 'markdown' expected", format);
	arguments->action = format ? ACTION_REFERENCE : ACTION_HELP;
	return 0;
}

static void finish(struct parsing *parsing, struct argp_state *state)
{
	struct arguments *arguments = parsing->arguments;

	if (arguments->is_dev && !parsing->has_dir)
		argp_error(state, "dev: --dir is needed");
	if (arguments->is_dev) {
		arguments->source.built_in = dev_values;
		arguments->source.built_in_count = CERTCTL_COUNT(dev_values);
	} else if (!arguments->source.file) {
		arguments->source.file = DEFAULT_CONFIG;
		arguments->source.is_file_required = false;
	}
	arguments->source.flags = parsing->flags;
	arguments->source.flag_count = parsing->flag_count;
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	struct parsing *parsing = state->input;
	struct arguments *arguments = parsing->arguments;

	switch (key) {
	case 'c':
		arguments->source.file = text;
		return 0;
	case OPTION_SET:
		return add_setting(parsing, text, state);
	case OPTION_CHECK:
		arguments->action = ACTION_CHECK;
		return 0;
	case OPTION_PRINT:
		arguments->action = ACTION_PRINT;
		return 0;
	case OPTION_SAMPLE:
		arguments->action = ACTION_SAMPLE;
		return 0;
	case OPTION_HELP:
		return parse_help(arguments, text, state);
	case ARGP_KEY_ARG:
		if (state->arg_num > 0 || strcmp(text, "dev") != 0)
			argp_error(state, "'%s': dev, audit, psql or db expected, as the first word", text);
		arguments->is_dev = true;
		return 0;
	case ARGP_KEY_END:
		finish(parsing, state);
		return 0;
	default:
		return add_shorthand(parsing, key, text);
	}
}

static const struct argp parser = { options, parse_option,
	"[dev]\naudit verify|link|...\npsql [-- PSQL-ARGUMENT...]\ndb dump|restore FILE",
	"The control plane of certctl.\v`certctld dev --dir DIR` runs everything embedded in one folder: a private "
	"PostgreSQL, its own CA and TLS certificate, and an admin key that is made and shown once.\n\n"
	"SIGHUP reads settings, certificate and connectors anew; SIGTERM ends it in good order.\n\n`certctld audit --help`, `certctld psql --help` and `certctld db --help` explain the commands beside the server.",
	NULL, NULL, NULL };

void arguments_parse(TALLOC_CTX *mem, int argc, char **argv, struct arguments *ret)
{
	struct arguments arguments = { .action = ACTION_SERVE,
		.source = { .is_file_required = true, .environment = (const char *const *)environ } };
	struct parsing parsing = { .mem = mem, .arguments = &arguments };

	argp_parse(&parser, argc, argv, 0, NULL, &parsing);
	*ret = arguments;
}
