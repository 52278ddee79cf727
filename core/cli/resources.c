/* `certctl resources`: what the document has, with the verbs. */
#include "arguments.h"
#include "commands.h"
#include "operate.h"
#include "values.h"

#include <string.h>

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	(void)text;
	if (key != ARGP_KEY_INIT)
		return ARGP_ERR_UNKNOWN;
	state->child_inputs[0] = state->input;
	return 0;
}

static json_t *describe(const struct api_resource *resource)
{
	json_t *verbs = json_array();

	for (size_t i = 0; i < resource->count; i++)
		json_array_append_new(verbs, json_string(resource->operations[i].verb));
	if (edit_is_possible(resource))
		json_array_append_new(verbs, json_string("edit"));
	for (const struct extra_verb *row = extra_verbs; row->resource; row++)
		if (strcmp(row->resource, resource->name) == 0)
			json_array_append_new(verbs, json_string(row->verb));
	return json_pack("{s:s, s:s?, s:o}", "resource", resource->name, "kind",
		api_is_declarable(resource) ? resource->kind : NULL, "verbs", verbs);
}

int resources_command(struct cli *cli, int argc, char **argv, struct certctl_error *err)
{
	static const struct argp_child children[] = { { &cli_argp, 0, "Options of all commands:", 1 }, { 0 } };
	static const struct argp argp = { NULL, parse_option, "",
		"List resources and their verbs.  Those with a kind can be described by documents.", children, NULL,
		NULL };
	json_t *page = value_keep(cli->mem, json_array());
	struct output_rows *rows = NULL;

	argp_parse(&argp, argc, argv, 0, NULL, cli);
	for (size_t i = 0; i < cli->api->count; i++)
		json_array_append_new(page, describe(&cli->api->resources[i]));
	int rc = output_rows_begin(cli->mem, &cli->output, cli->api, NULL, &rows, err);

	if (rc == 0)
		rc = output_rows_add(rows, page, err);
	return rc < 0 ? rc : output_rows_end(rows, NULL, err);
}
