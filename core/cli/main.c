/* certctl, the command line over the REST API: which command is meant, and how the run ends.  Knows no resource. */
#include "api_names.h"
#include "arguments.h"
#include "commands.h"
#include "operate.h"

#include <certctl/log.h>
#include <langinfo.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>

struct first {
	struct cli *cli;
	int at; /* where the command stands in argv; 0: nowhere */
};

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	struct first *first = state->input;

	(void)text;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = first->cli;
		return 0;
	case ARGP_KEY_ARG:
		/* What is behind it is the command's own. */
		first->at = state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_END:
		if (!first->at)
			argp_error(state, "a command or a resource expected");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const char *make_help(TALLOC_CTX *mem, const struct api *api)
{
	char *text =
		talloc_strdup(mem, "Operate certctl: certificates, the hosts that serve them, and the jobs between.\v"
				   "Commands:");

	for (const struct command *command = commands; command->name; command++)
		if (!command->is_hidden)
			text = talloc_asprintf_append(text, "\n  %-12s%s", command->name, command->help);
	text = talloc_strdup_append(text, "\n\nResources: ");
	for (size_t i = 0; i < api->count; i++)
		text = talloc_asprintf_append(text, "%s%s", i ? ", " : "", api->resources[i].name);
	return talloc_strdup_append(text,
		".  `certctl RESOURCE --help` lists the verbs of one, `certctl RESOURCE VERB "
		"--help` says what a verb takes.\n\nExit status: 0 done, 1 refused or failed, 2 "
		"command line or files, 3 not authorised, 4 not found, 5 conflict, 6 server "
		"unavailable, 7 still waiting.");
}

/* --- Resources ------------------------------------------------------------------------------------------------------------------ */

static void print_verbs(FILE *to, const struct api_resource *resource)
{
	fprintf(to, "Usage: certctl %s VERB [OPTION...]\n\n", resource->name);
	for (size_t i = 0; i < resource->count; i++)
		fprintf(to, "  %-16s %s\n", resource->operations[i].verb, resource->operations[i].summary);
	if (edit_is_possible(resource))
		fprintf(to, "  %-16s %s\n", "edit", "Change members, in an editor or by options");
	for (const struct extra_verb *row = extra_verbs; row->resource; row++)
		if (strcmp(row->resource, resource->name) == 0)
			fprintf(to, "  %-16s %s\n", row->verb, row->help);
}

static int run_resource(struct cli *cli, const struct api_resource *resource, int argc, char **argv,
	struct certctl_error *err)
{
	const struct api_operation *whole = api_verb(resource, "get");
	const char *verb = argc > 1 && *argv[1] != '-' ? argv[1] : NULL;
	const struct api_operation *operation = verb ? api_verb(resource, verb) : NULL;
	const struct extra_verb *extra = verb ? extra_verb_find(resource->name, verb) : NULL;

	/* Of what there is one only, such as version, it goes without saying. */
	if (!verb && whole && whole->argument_count == 0) {
		argv[0] = talloc_asprintf(cli->mem, "certctl %s", resource->name);
		return operate(cli, whole, argc, argv, err);
	}
	if (verb)
		argv[1] = talloc_asprintf(cli->mem, "certctl %s %s", resource->name, verb);
	if (extra)
		return extra->run(cli, argc - 1, argv + 1, err);
	if (operation)
		return operate(cli, operation, argc - 1, argv + 1, err);
	if (verb && strcmp(verb, "edit") == 0 && edit_is_possible(resource))
		return edit(cli, resource, argc - 1, argv + 1, err);
	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0)) {
		print_verbs(stdout, resource);
		return 0;
	}
	print_verbs(stderr, resource);
	return certctl_fail(err, CERTCTL_E_INVALID, "%s: %s%s", resource->name,
		verb ? "no such verb: " : "a verb expected", verb ? verb : "");
}

static int run(struct cli *cli, int argc, char **argv, struct certctl_error *err)
{
	const struct api_resource *resource = api_find(cli->api, argv[0]);

	for (const struct command *command = commands; command->name; command++)
		if (strcmp(command->name, argv[0]) == 0) {
			argv[0] = talloc_asprintf(cli->mem, "certctl %s", command->name);
			return command->run(cli, argc, argv, err);
		}
	if (resource)
		return run_resource(cli, resource, argc, argv, err);
	certctl_fail(err, CERTCTL_E_INVALID, "'%.40s': neither a command nor a resource", argv[0]);
	return certctl_hint(err, "`certctl --help` lists both.");
}

/* Columns are counted in characters; without a locale texts are UTF-8 all the same. */
static void set_locale(void)
{
	setlocale(LC_CTYPE, "");
	if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
		setlocale(LC_CTYPE, "C.UTF-8");
}

static enum cli_exit finish(const struct cli *cli)
{
	if (fflush(cli->output.to) == 0 && !ferror(cli->output.to))
		return cli->verdict;
	cli_note("standard output cannot be written");
	return CLI_USAGE;
}

int main(int argc, char **argv)
{
	static const struct argp_child children[] = { { &cli_argp, 0, NULL, 0 }, { 0 } };
	struct cli cli = { .mem = talloc_new(NULL),
		.output = { .to = stdout, .format = OUTPUT_TABLE, .is_terminal = isatty(STDOUT_FILENO) } };
	struct first first = { .cli = &cli };
	struct certctl_error err = { 0 };
	struct api *api = NULL;
	enum cli_exit status;

	set_locale();
	certctl_log_setup(&(struct certctl_log_options){ .level = CERTCTL_LOG_ERROR, .fd = 2, .program = "certctl" });
	argp_program_version = "certctl " CERTCTL_VERSION;
	argp_err_exit_status = CLI_USAGE;
	int rc = api_read(cli.mem, api_document, &api, &err);

	cli.api = api;
	if (rc == 0) {
		struct argp argp = { NULL, parse_option, "COMMAND [ARGUMENT...]\nRESOURCE VERB [ARGUMENT...]",
			make_help(cli.mem, api), children, NULL, NULL };

		argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &first);
		rc = run(&cli, argc - first.at, argv + first.at, &err);
	}
	status = rc < 0 ? cli_fail(&cli, &err) : finish(&cli);
	cli_forgive(&cli);
	talloc_free(cli.mem);
	return (int)status;
}
