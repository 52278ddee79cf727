/* Words behind a verb become a call.  The options are made from the document: nothing here knows a resource. */
#include "arguments.h"
#include "documents.h"
#include "values.h"

#include <certctl/json.h>
#include <string.h>

#define KEY_MEMBER 0x1000

enum key { KEY_SET = 0x300, KEY_ALL };

/* A parameter of the query, or a member of the body. */
struct member {
	const char *name, *flag;
	json_t *schema;
	bool is_query;
};

struct parsing {
	TALLOC_CTX *mem;
	struct cli *cli;
	const struct api_operation *operation;
	bool is_edit;
	struct member *members;
	size_t count, given;
	struct arguments *arguments;
	struct certctl_error *err;
	int rc;
};

static int put_member(struct parsing *parsing, const char *name, json_t *schema, const char *flag, const char *text)
{
	json_t *value = NULL;
	int rc;

	if (parsing->is_edit && text && !*text)
		value = json_null();
	rc = value ? 0 : value_from_text(parsing->cli->api, schema, flag, text, &value, parsing->err);
	if (rc == 0)
		rc = value_put(parsing->arguments->call.body, name, value, parsing->err);
	parsing->arguments->has_members = true;
	return rc;
}

static int put_query(struct parsing *parsing, const struct member *member, const char *text)
{
	json_t *query = parsing->arguments->call.query;

	if (json_object_set_new(query, member->name, json_string(text ? text : "true")) == 0)
		return 0;
	return certctl_fail(parsing->err, CERTCTL_E_INVALID, "--%s: UTF-8 expected", member->flag);
}

static int put_set(struct parsing *parsing, const char *text)
{
	const char *equals = strchr(text, '=');
	char *name = equals ? talloc_strndup(parsing->mem, text, (size_t)(equals - text)) : NULL;

	if (!name)
		return certctl_fail(parsing->err, CERTCTL_E_INVALID, "--set: NAME=VALUE expected, got %.60s", text);
	return put_member(parsing, name, value_schema(parsing->cli->api, parsing->operation->body, name), name,
		equals + 1);
}

/* Members of a file come first, whatever the order: options add to them. */
static int put_file(struct parsing *parsing, const char *path)
{
	struct documents *documents = NULL;
	int rc = documents_read(parsing->mem, path, &documents, parsing->err);

	if (rc == 0 && documents->count != 1)
		rc = certctl_fail(parsing->err, CERTCTL_E_INVALID, "%s: one document expected, got %zu", path,
			documents->count);
	if (rc == 0) {
		json_t *content = documents->rows[0].content;

		json_object_del(content, "kind");
		json_object_update_missing(parsing->arguments->call.body, content);
		parsing->arguments->has_members = true;
	}
	return rc;
}

static int take_argument(struct parsing *parsing, struct argp_state *state, const char *text)
{
	if (parsing->given >= parsing->operation->argument_count ||
		parsing->given >= CERTCTL_COUNT(parsing->arguments->call.arguments))
		argp_error(state, "too many arguments: %s", text);
	else
		parsing->arguments->call.arguments[parsing->given++] = text;
	return 0;
}

static int end(struct parsing *parsing, struct argp_state *state)
{
	const struct api_operation *operation = parsing->operation;

	if (parsing->given < operation->argument_count)
		argp_error(state, "%s expected", operation->parameters[parsing->given].name);
	return parsing->arguments->file ? put_file(parsing, parsing->arguments->file) : 0;
}

static int parse_member(struct parsing *parsing, size_t index, const char *text)
{
	const struct member *member = &parsing->members[index];

	if (member->is_query)
		return put_query(parsing, member, text);
	return put_member(parsing, member->name, member->schema, talloc_asprintf(parsing->mem, "--%s", member->flag),
		text);
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	struct parsing *parsing = state->input;
	int rc = 0;

	if (key == ARGP_KEY_INIT)
		state->child_inputs[0] = parsing->cli;
	else if (key == ARGP_KEY_ARG)
		rc = take_argument(parsing, state, text);
	else if (key == ARGP_KEY_END)
		rc = end(parsing, state);
	else if (key == 'f')
		parsing->arguments->file = text;
	else if (key == KEY_ALL)
		parsing->arguments->wants_all = true;
	else if (key == KEY_SET)
		rc = put_set(parsing, text);
	else if (key >= KEY_MEMBER && (size_t)(key - KEY_MEMBER) < parsing->count)
		rc = parse_member(parsing, (size_t)(key - KEY_MEMBER), text);
	else
		return ARGP_ERR_UNKNOWN;
	if (rc < 0 && parsing->rc == 0)
		parsing->rc = rc;
	/* The first mistake is the one that is told. */
	return rc < 0 ? EINVAL : 0;
}

/* --- Options from the document ------------------------------------------------------------------------------------------ */

#define CHOICES_MAX 40 /* what still fits beside an option */

static const char *choices_of(TALLOC_CTX *mem, json_t *schema, const char *separator)
{
	json_t *choices = json_object_get(schema, "enum"), *choice;
	char *text = talloc_strdup(mem, "");
	size_t i;

	json_array_foreach(choices, i, choice) if (json_is_string(choice)) text =
		talloc_asprintf_append(text, "%s%s", *text ? separator : "", json_string_value(choice));
	return text;
}

static const char *placeholder(TALLOC_CTX *mem, json_t *schema)
{
	static const struct {
		const char *type, *shown;
	} rows[] = { { "integer", "NUMBER" }, { "number", "NUMBER" }, { "boolean", "true|false" }, { "list", "A,B" },
		{ "object", "YAML" }, { "secret", "@FILE" }, { "time", "TIME" }, { "reference", "ID" },
		{ "duration", "DURATION" }, { "url", "URL" }, { "enum", "WORD" } };
	const char *choices = choices_of(mem, schema, "|");

	if (*choices && strlen(choices) < CHOICES_MAX)
		return choices;
	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++)
		if (strcmp(rows[i].type, api_type(schema)) == 0)
			return rows[i].shown;
	return "TEXT";
}

static const char *help_of(TALLOC_CTX *mem, json_t *schema, const char *help, bool is_required)
{
	json_t *fallback = json_object_get(schema, "default");
	const char *cell = fallback ? value_cell(mem, fallback) : "", *choices = choices_of(mem, schema, ", ");
	char *text;

	if (!help)
		help = certctl_json_text_or(schema, "description", "");
	text = talloc_asprintf(mem, "%s%s", is_required ? "Needed. " : "", help);
	if (strlen(choices) >= CHOICES_MAX)
		text = talloc_asprintf_append(text, "%sOne of %s.", *text ? " " : "", choices);
	return *cell ? talloc_asprintf_append(text, " (%s)", cell) : text;
}

static bool is_required(json_t *body, const char *name)
{
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(body, "required"), i,
		one) if (strcmp(json_string_value(one), name) == 0) return true;
	return false;
}

static void add_option(struct parsing *parsing, struct argp_option *option, const struct member *member,
	const char *help)
{
	*option = (struct argp_option){ .name = member->flag,
		.key = KEY_MEMBER + (int)parsing->count,
		.arg = placeholder(parsing->mem, member->schema),
		.flags = strcmp(api_type(member->schema), "boolean") == 0 ? OPTION_ARG_OPTIONAL : 0,
		.doc = help,
		.group = 1 };
	parsing->members[parsing->count++] = *member;
}

static size_t add_query(struct parsing *parsing, struct argp_option *to)
{
	const struct api_operation *operation = parsing->operation;
	size_t added = 0;

	for (size_t i = operation->argument_count; i < operation->parameter_count; i++) {
		const struct api_parameter *parameter = &operation->parameters[i];
		struct member member = { parameter->name, argument_flag(parsing->mem, parameter->name),
			parameter->schema, true };

		add_option(parsing, &to[added++], &member,
			help_of(parsing->mem, parameter->schema, parameter->help, parameter->is_required));
	}
	return added;
}

static size_t add_body(struct parsing *parsing, struct argp_option *to)
{
	json_t *body = parsing->operation->body, *row;
	const char *name;
	size_t added = 0;

	json_object_foreach(json_object_get(body, "properties"), name, row)
	{
		json_t *schema = api_resolve(parsing->cli->api, row);
		struct member member = { name, argument_flag(parsing->mem, name), schema, false };

		/* Both in query and body: the body's by --set. */
		if (!api_parameter(parsing->operation, name) || api_parameter(parsing->operation, name)->is_in_path)
			add_option(parsing, &to[added++], &member,
				help_of(parsing->mem, schema, NULL, !parsing->is_edit && is_required(body, name)));
	}
	return added;
}

static struct argp_option *make_options(struct parsing *parsing)
{
	static const struct argp_option of_bodies[] = {
		{ "file", 'f', "FILE", 0, "The members from a file in YAML or JSON, - for standard input", 2 },
		{ "set", KEY_SET, "NAME=VALUE", 0, "One member, also of a member: options.port=8443", 2 },
	};
	static const struct argp_option of_lists = { "all", KEY_ALL, NULL, 0, "Every page, not only the first", 2 };
	size_t most = parsing->operation->parameter_count +
		      json_object_size(json_object_get(parsing->operation->body, "properties"));
	struct argp_option *options = talloc_zero_array(parsing->mem, struct argp_option, (unsigned)most + 4);
	size_t count;

	parsing->members = talloc_zero_array(parsing->mem, struct member, (unsigned)most + 1);
	if (!options || !parsing->members)
		return NULL;
	count = add_query(parsing, options);
	if (parsing->operation->body) {
		count += add_body(parsing, options + count);
		options[count++] = of_bodies[0];
		options[count++] = of_bodies[1];
	}
	if (parsing->operation->is_list)
		options[count] = of_lists;
	return options;
}

static const char *usage_of(TALLOC_CTX *mem, const struct api_operation *operation)
{
	char *text = talloc_strdup(mem, "");

	for (size_t i = 0; i < operation->argument_count; i++) {
		char *name = talloc_strdup(mem, operation->parameters[i].name);

		for (char *at = name; at && *at; at++)
			*at = *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at;
		text = talloc_asprintf_append(text, "%s%s", i ? " " : "", name);
	}
	return text;
}

int arguments_read(struct cli *cli, const struct api_operation *operation, bool is_edit, int argc, char **argv,
	struct arguments *ret, struct certctl_error *err)
{
	struct argp_child children[] = { { &cli_argp, 0, "Options of all commands:", 3 }, { 0 } };
	struct parsing *parsing = talloc_zero(cli->mem, struct parsing);

	if (!parsing)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for arguments");
	*parsing = (struct parsing){
		.mem = parsing, .cli = cli, .operation = operation, .is_edit = is_edit, .arguments = ret, .err = err
	};
	*ret = (struct arguments){ .call = { .operation = operation, .query = value_keep(cli->mem, json_object()) } };
	if (operation->body)
		ret->call.body = value_keep(cli->mem, json_object());
	struct argp argp = { make_options(parsing), parse_option, usage_of(parsing, operation),
		talloc_asprintf(parsing, "%s.", operation->summary), children, NULL, NULL };

	if (argp_parse(&argp, argc, argv, 0, NULL, parsing) != 0 && parsing->rc == 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "the command line cannot be read");
	cli->output.fields = json_string_value(json_object_get(ret->call.query, "fields"));
	return parsing->rc;
}
