/* `certctl context add|use|list|remove`. */
#include "arguments.h"
#include "context.h"

#include <certctl/json.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct request {
	struct cli *cli;
	const char *action, *name;
};

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	struct request *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->cli;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num > 1)
			argp_error(state, "too many arguments: %s", text);
		*(state->arg_num ? &arguments->name : &arguments->action) = text;
		return 0;
	case ARGP_KEY_END:
		if (!arguments->action)
			argp_error(state, "add, use, list or remove expected");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static bool is_good_name(const char *name)
{
	return *name && strlen(name) < 64 &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")] == '\0';
}

/* As it is found from any folder. */
static int absolute(TALLOC_CTX *mem, const char *path, const char **ret, struct certctl_error *err)
{
	char real[PATH_MAX];

	if (path && !realpath(path, real))
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: no such file", path);
	*ret = path ? talloc_strdup(mem, real) : NULL;
	return 0;
}

static int add(struct contexts *contexts, const struct request *arguments, struct certctl_error *err)
{
	const struct cli_options *given = &arguments->cli->options;
	struct context *row = contexts_find(contexts, arguments->name),
		       made = { arguments->name, given->url, NULL, NULL };
	struct certctl_secret token = { 0 };

	if (!given->url)
		return certctl_fail(err, CERTCTL_E_INVALID, "context add: --url expected");
	if (context_check_url(given->url, err) < 0 || absolute(contexts, given->ca_file, &made.ca_file, err) < 0 ||
		absolute(contexts, given->token_file, &made.token_file, err) < 0 ||
		context_token(contexts, &made, &token, err) < 0)
		return err->code;
	if (!row) {
		contexts->rows =
			talloc_realloc(contexts, contexts->rows, struct context, (unsigned)contexts->count + 1);
		row = &contexts->rows[contexts->count++];
	}
	*row = made;
	if (!contexts->current)
		contexts->current = arguments->name;
	return contexts_write(contexts, err);
}

static int use(struct contexts *contexts, const struct request *arguments, struct certctl_error *err)
{
	if (!contexts_find(contexts, arguments->name))
		return certctl_fail(err, CERTCTL_E_INVALID, "context %s: there is none", arguments->name);
	contexts->current = arguments->name;
	return contexts_write(contexts, err);
}

static int remove_one(struct contexts *contexts, const struct request *arguments, struct certctl_error *err)
{
	struct context *row = contexts_find(contexts, arguments->name);

	if (!row)
		return certctl_fail(err, CERTCTL_E_INVALID, "context %s: there is none", arguments->name);
	contexts->count--;
	memmove(row, row + 1, (size_t)(contexts->rows + contexts->count - row) * sizeof(*row));
	if (contexts->current && strcmp(contexts->current, arguments->name) == 0)
		contexts->current = NULL;
	return contexts_write(contexts, err);
}

static int list(struct cli *cli, struct contexts *contexts, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *page = json_array();
	struct output_rows *rows = NULL;

	for (size_t i = 0; i < contexts->count; i++) {
		const struct context *row = &contexts->rows[i];
		bool is_current = contexts->current && strcmp(contexts->current, row->name) == 0;

		json_array_append_new(page,
			json_pack("{s:s, s:b, s:s, s:s?, s:s?}", "name", row->name, "current", is_current, "url",
				row->url, "ca_file", row->ca_file, "token_file", row->token_file));
	}
	int rc = output_rows_begin(cli->mem, &cli->output, cli->api, NULL, &rows, err);

	if (rc == 0)
		rc = output_rows_add(rows, page, err);
	return rc < 0 ? rc : output_rows_end(rows, NULL, err);
}

static const struct {
	const char *name;
	int (*run)(struct contexts *contexts, const struct request *arguments, struct certctl_error *err);
} actions[] = { { "add", add }, { "use", use }, { "remove", remove_one } };

int context_command(struct cli *cli, int argc, char **argv, struct certctl_error *err)
{
	static const struct argp_child children[] = { { &cli_argp, 0, "Options:", 1 }, { 0 } };
	static const struct argp argp = { NULL, parse_option,
		"add NAME --url=URL [--ca-file=FILE] [--token-file=FILE]\nuse NAME\nlist\nremove NAME",
		"Servers by name, in ~/.config/certctl/config.yaml.  The first one that is added is used.", children,
		NULL, NULL };
	struct request arguments = { .cli = cli };
	struct contexts *contexts = NULL;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	if (contexts_read(cli->mem, &contexts, err) < 0)
		return err->code;
	if (strcmp(arguments.action, "list") == 0)
		return list(cli, contexts, err);
	for (size_t i = 0; i < CERTCTL_COUNT(actions); i++) {
		if (strcmp(actions[i].name, arguments.action) != 0)
			continue;
		if (!arguments.name || !is_good_name(arguments.name))
			return certctl_fail(err, CERTCTL_E_INVALID,
				"context %s: a name of letters, digits, dots, hyphens expected", arguments.action);
		return actions[i].run(contexts, &arguments, err);
	}
	return certctl_fail(err, CERTCTL_E_INVALID, "context %s: add, use, list or remove expected", arguments.action);
}
