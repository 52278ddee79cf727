/* What could stand where the cursor is: `certctl complete -- WORD...`, asked by the completions of bash and zsh. */
#include "arguments.h"
#include "commands.h"
#include "context.h"
#include "operate.h"
#include "text.h"
#include "values.h"

#include <certctl/json.h>
#include <string.h>

#define TIMEOUT_S 2 /* nobody waits longer for a tab */

struct completing {
	struct cli *cli;
	const char *word; /* that is being typed; "" when it is not begun */
	const struct api_resource *resource;
	const struct api_operation *operation;
	const char *verb;
	size_t arguments; /* that are complete, behind the verb */
};

/* bash puts what is offered onto the command line as it is: a server must not write commands there. */
#define SAFE "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

static void offer(const struct completing *completing, const char *prefix, const char *text, const char *help)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	char *whole = talloc_asprintf(mem, "%s%s", prefix, text);

	if (whole && !text[strspn(text, SAFE)] && strncmp(whole, completing->word, strlen(completing->word)) == 0)
		fprintf(completing->cli->output.to, "%s\t%s\n", whole, help ? text_plain(mem, help, false) : "");
	talloc_free(mem);
}

/* --- Ids, from the server ------------------------------------------------------------------------------------------------- */

struct ids {
	const struct completing *completing;
	const char *prefix;
};

static int take_ids(void *arg, json_t *rows, json_t *rest, struct certctl_error *err)
{
	const struct ids *ids = arg;
	json_t *row;
	size_t i;

	(void)rest, (void)err;
	json_array_foreach(rows, i, row) offer(ids->completing, ids->prefix, certctl_json_text_or(row, "id", ""),
		certctl_json_text_or(row, "name", ""));
	return 0;
}

/* Without an answer there is nothing to offer, and nobody to tell. */
static void offer_ids(const struct completing *completing, const char *prefix, const struct api_resource *resource)
{
	CERTCTL_AUTO(json_decref) json_t *query = json_pack("{s:s}", "limit", "200");
	struct call call = { .operation = resource ? api_verb(resource, "list") : NULL, .query = query };
	struct ids ids = { completing, prefix };
	struct certctl_error err = { 0 };

	completing->cli->options.timeout_s = TIMEOUT_S;
	if (call.operation && call.operation->is_list && call.operation->argument_count == 0 &&
		operate_pages(completing->cli, &call, false, take_ids, &ids, &err) < 0)
		cli_forgive(completing->cli);
}

/* --- Words ------------------------------------------------------------------------------------------------------------------ */

static void offer_first(const struct completing *completing)
{
	const struct api *api = completing->cli->api;

	for (const struct command *command = commands; command->name; command++)
		if (!command->is_hidden)
			offer(completing, "", command->name, command->help);
	for (size_t i = 0; i < api->count; i++)
		offer(completing, "", api->resources[i].name, "");
}

static void offer_verbs(const struct completing *completing)
{
	const struct api_resource *resource = completing->resource;

	for (size_t i = 0; i < resource->count; i++)
		offer(completing, "", resource->operations[i].verb, resource->operations[i].summary);
	if (edit_is_possible(resource))
		offer(completing, "", "edit", "Change it in an editor");
	for (const struct extra_verb *row = extra_verbs; row->resource; row++)
		if (strcmp(row->resource, resource->name) == 0)
			offer(completing, "", row->verb, row->help);
}

static void offer_contexts(const struct completing *completing, const char *prefix)
{
	struct contexts *contexts = NULL;

	if (contexts_read(completing->cli->mem, &contexts, NULL) < 0)
		return;
	for (size_t i = 0; i < contexts->count; i++)
		offer(completing, prefix, contexts->rows[i].name, contexts->rows[i].url);
}

static void offer_choices(const struct completing *completing, const char *prefix, json_t *schema)
{
	const char *kind;
	json_t *choice;
	size_t i;

	if (strcmp(api_type(schema), "list") == 0)
		schema = api_resolve(completing->cli->api, json_object_get(schema, "items"));
	kind = certctl_json_text_or(schema, "x-certctl-refers-to", NULL);
	json_array_foreach(json_object_get(schema, "enum"), i, choice) if (json_is_string(choice))
		offer(completing, prefix, json_string_value(choice), "");
	if (kind)
		offer_ids(completing, prefix, api_find_kind(completing->cli->api, kind));
	if (strcmp(api_type(schema), "boolean") == 0) {
		offer(completing, prefix, "true", "");
		offer(completing, prefix, "false", "");
	}
}

/* "--status=": its prefix and what it takes; of a list the items before stay. */
static void offer_value(const struct completing *completing)
{
	static const char *const formats[] = { "table", "json", "yaml", "csv" };
	const char *equals = strchr(completing->word, '='), *comma = strrchr(equals, ',');
	char *flag =
		talloc_strndup(completing->cli->mem, completing->word + 2, (size_t)(equals - completing->word) - 2);
	char *prefix = talloc_strndup(completing->cli->mem, completing->word,
		(size_t)((comma ? comma : equals) - completing->word) + 1);
	const struct api_operation *operation = completing->operation;
	const char *name;
	json_t *row;

	for (size_t i = 0; strcmp(flag, "output") == 0 && i < CERTCTL_COUNT(formats); i++)
		offer(completing, prefix, formats[i], "");
	if (strcmp(flag, "context") == 0)
		offer_contexts(completing, prefix);
	for (size_t i = 0; operation && i < operation->parameter_count; i++)
		if (strcmp(argument_flag(completing->cli->mem, operation->parameters[i].name), flag) == 0)
			offer_choices(completing, prefix, operation->parameters[i].schema);
	json_object_foreach(operation ? json_object_get(operation->body, "properties") : NULL, name, row)
	{
		if (strcmp(argument_flag(completing->cli->mem, name), flag) == 0)
			offer_choices(completing, prefix, api_resolve(completing->cli->api, row));
	}
}

static void offer_flags(const struct completing *completing)
{
	const struct api_operation *operation = completing->operation;
	TALLOC_CTX *mem = completing->cli->mem;
	const char *name;
	json_t *row;

	for (const struct argp_option *option = cli_argp.options; option->name; option++)
		offer(completing, "--", option->name, option->doc);
	for (size_t i = operation ? operation->argument_count : 0; operation && i < operation->parameter_count; i++)
		offer(completing, "--", argument_flag(mem, operation->parameters[i].name),
			operation->parameters[i].help);
	json_object_foreach(operation ? json_object_get(operation->body, "properties") : NULL, name, row)
		offer(completing, "--", argument_flag(mem, name), certctl_json_text_or(row, "description", ""));
	if (operation && operation->is_list)
		offer(completing, "--", "all", "Every page");
	if (operation && operation->body)
		offer(completing, "--", "file", "Members from a file");
}

/* Words that are complete say which operation it is. */
static void understand(struct completing *completing, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (*argv[i] == '-')
			continue;
		if (!completing->resource && !completing->verb) {
			completing->resource = api_find(completing->cli->api, argv[i]);
			if (!completing->resource)
				completing->verb = argv[i]; /* a command of its own */
		} else if (!completing->verb) {
			completing->verb = argv[i];
			completing->operation = api_verb(completing->resource, argv[i]);
			if (!completing->operation && strcmp(argv[i], "edit") == 0 &&
				edit_is_possible(completing->resource))
				completing->operation = api_change(completing->resource);
		} else {
			completing->arguments++;
		}
	}
}

static void offer_context_words(const struct completing *completing)
{
	for (size_t i = 0; completing->arguments == 0 && i < CERTCTL_COUNT(context_actions); i++)
		offer(completing, "", context_actions[i], "");
	if (completing->arguments == 1)
		offer_contexts(completing, "");
}

static void offer_argument(const struct completing *completing)
{
	if (completing->operation && completing->arguments == 0 && completing->operation->argument_count > 0)
		offer_ids(completing, "", completing->resource);
	if (!completing->resource && strcmp(completing->verb, "context") == 0)
		offer_context_words(completing);
}

int complete_command(struct cli *cli, int argc, char **argv, struct certctl_error *err)
{
	int first = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;
	struct completing completing = { .cli = cli, .word = argc > first ? argv[argc - 1] : "" };

	(void)err;
	understand(&completing, argc > first ? argc - 1 - first : 0, argv + first);
	if (strncmp(completing.word, "--", 2) == 0 && strchr(completing.word, '='))
		offer_value(&completing);
	else if (*completing.word == '-')
		offer_flags(&completing);
	else if (!completing.resource && !completing.verb)
		offer_first(&completing);
	else if (completing.resource && !completing.verb)
		offer_verbs(&completing);
	else
		offer_argument(&completing);
	return 0;
}
