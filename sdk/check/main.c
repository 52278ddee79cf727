/* certctl-plugin, for plugin authors and operators: the command line.  Knows no plugin and no check. */
#include "check.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One row a subcommand; `options` are the keys it takes beside those that all take. */
static const struct command {
	const char *name, *options;
	int arguments;
	int (*run)(const struct arguments *arguments);
} commands[] = {
	{ "describe", "j", 1, describe_plugin },
	{ "check", "tcp", 1, check_plugin },
	{ "run", "cap", 2, run_operation },
};
#define OPTIONS_OF_ALL "dHTv"

static const struct argp_option options[] = {
	{ "json", 'j', NULL, 0, "describe: print JSON, with the JSON Schema of the options", 0 },
	{ "config", 'c', "FILE", 0, "check, run: an instance to operate, see certctl-plugin(1)", 0 },
	{ "peer", 'p', "COMMAND", 0, "check, run: start this as the other side, instead of the peer that FILE names",
		0 },
	{ "tap", 't', NULL, 0, "check: print TAP, for test harnesses", 0 },
	{ "argument", 'a', "JSON", 0, "run: the operation's argument; @FILE reads it from there", 0 },
	{ "timeout", 'T', "SECONDS", 0, "How long one operation may take (30)", 0 },
	{ "plugin-dir", 'd', "FOLDER", 0, "Where KIND/ID is looked up", 0 },
	{ "host-program", 'H', "FILE", 0, "The certctl-plugin-host to use", 0 },
	{ "verbose", 'v', NULL, 0, "Show what the plugin logs", 0 },
	{ 0 },
};

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < CERTCTL_COUNT(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int64_t read_seconds(struct argp_state *state, const char *text)
{
	char *end;

	errno = 0;
	long long seconds = strtoll(text, &end, 10);

	if (errno || end == text || *end || seconds < 1 || seconds > 86400)
		argp_error(state, "--timeout: 1..86400 expected, got %s", text);
	return seconds;
}

static void read_argument(struct argp_state *state, struct arguments *arguments, const char *text)
{
	const char **places[] = { &arguments->command, &arguments->plugin, &arguments->operation };
	const struct command *command = find_command(state->arg_num == 0 ? text : arguments->command);

	if (!command)
		argp_error(state, "no such command: %s", text);
	else if (state->arg_num > (unsigned)command->arguments)
		argp_error(state, "too many arguments for %s: %s", command->name, text);
	else
		*places[state->arg_num] = text;
}

static void check_arguments(struct argp_state *state, const struct arguments *arguments)
{
	if (!arguments->command)
		argp_error(state, "command expected: describe, check or run");
	if (!arguments->plugin)
		argp_error(state, "%s: plugin expected, a file or KIND/ID", arguments->command);
	if (!arguments->operation && find_command(arguments->command)->arguments == 2)
		argp_error(state, "%s: operation expected", arguments->command);
	for (const char *key = arguments->given; *key; key++)
		if (!strchr(OPTIONS_OF_ALL, *key) && !strchr(find_command(arguments->command)->options, *key))
			argp_error(state, "-%c is not for %s", *key, arguments->command);
}

/* Which options were given, to refuse those that the command does not take: it may stand behind them. */
static void remember_option(struct arguments *arguments, int key)
{
	size_t count = strlen(arguments->given);

	if (key > 0 && key < 128 && !strchr(arguments->given, key) && count + 1 < sizeof(arguments->given))
		arguments->given[count] = (char)key;
}

static error_t read_option(int key, char *value, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	remember_option(arguments, key);
	switch (key) {
	case 'j':
		arguments->json = true;
		return 0;
	case 'c':
		arguments->config = value;
		return 0;
	case 'p':
		arguments->peer = value;
		return 0;
	case 't':
		arguments->tap = true;
		return 0;
	case 'a':
		arguments->argument = value;
		return 0;
	case 'T':
		arguments->timeout_s = read_seconds(state, value);
		return 0;
	case 'd':
		arguments->plugin_dir = value;
		return 0;
	case 'H':
		arguments->host_program = value;
		return 0;
	case 'v':
		arguments->verbose = true;
		return 0;
	case ARGP_KEY_ARG:
		read_argument(state, arguments, value);
		return 0;
	case ARGP_KEY_END:
		check_arguments(state, arguments);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	static const struct argp argp = { options, read_option, "describe PLUGIN\ncheck PLUGIN\nrun PLUGIN OPERATION",
		"Describe, check and operate plugins of certctl.\vPLUGIN is a file, or KIND/ID such as issuer/local-ca.  "
		"Exit: 0 good, 1 refused or failed, 2 wrong command line or file, 3 checked in form only.",
		NULL, NULL, NULL };
	struct arguments arguments = { .timeout_s = 30 };

	argp_program_version = "certctl-plugin " CERTCTL_VERSION;
	argp_err_exit_status = EXIT_USAGE_;
	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	certctl_log_setup(&(struct certctl_log_options){
		.level = arguments.verbose ? CERTCTL_LOG_DEBUG : CERTCTL_LOG_ERROR, .fd = 2 });
	return find_command(arguments.command)->run(&arguments);
}
