/* `certctl export`: documents that apply reads back. */
#include "arguments.h"
#include "operate.h"
#include "plan.h"
#include "values.h"

#include <certctl/json.h>
#include <certctl/yaml.h>
#include <string.h>

struct run {
	struct cli *cli;
	const struct api_resource *resource; /* that is being exported */
	const char *kinds[64];
	size_t count;
	json_t *documents; /* for JSON, which is one text; NULL: print each */
};

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	struct run *run = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = run->cli;
		return 0;
	case ARGP_KEY_ARG:
		if (run->count == CERTCTL_COUNT(run->kinds))
			argp_error(state, "too many kinds");
		else
			run->kinds[run->count++] = text;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static json_t *make_document(TALLOC_CTX *mem, const struct api_resource *resource, json_t *row)
{
	json_t *document = value_keep(mem, json_object());

	json_object_set_new(document, "kind", json_string(resource->kind));
	json_object_set(document, "id", json_object_get(row, "id"));
	json_object_update(document, plan_document(mem, plan_maker(resource), row));
	return document;
}

static int print_document(struct run *run, TALLOC_CTX *mem, json_t *document, struct certctl_error *err)
{
	char *text = NULL;
	int rc = certctl_yaml_write(mem, document, &text, err);

	if (rc == 0)
		fprintf(run->cli->output.to, "---\n%s", text);
	return rc;
}

/* What the server's own files declare is only shown by the API: nothing could be applied to it. */
static bool is_from_files(const struct api_resource *resource, json_t *row)
{
	json_t *source = json_object_get(json_object_get(plan_maker(resource)->body, "properties"), "source");

	return !source && strcmp(certctl_json_text_or(row, "source", ""), "file") == 0;
}

static int take_rows(void *arg, json_t *rows, json_t *rest, struct certctl_error *err)
{
	struct run *run = arg;
	TALLOC_CTX *mem = talloc_new(NULL);
	json_t *row;
	size_t i;
	int rc = 0;

	(void)rest;
	json_array_foreach(rows, i, row)
	{
		json_t *document = make_document(mem, run->resource, row);

		if (is_from_files(run->resource, row))
			cli_note("%s %s is managed by files of the server: left out", run->resource->kind,
				certctl_json_text_or(row, "id", ""));
		else if (run->documents)
			json_array_append(run->documents, document);
		else if (rc == 0)
			rc = print_document(run, mem, document, err);
	}
	talloc_free(mem);
	return rc;
}

static int export_kind(struct run *run, const struct api_resource *resource, struct certctl_error *err)
{
	struct call call = { .operation = api_verb(resource, "list") };

	run->resource = resource;
	return operate_pages(run->cli, &call, true, take_rows, run, err);
}

static bool can_be_exported(const struct api_resource *resource)
{
	const struct api_operation *list = api_verb(resource, "list");

	return list && list->is_list && list->argument_count == 0 && api_is_declarable(resource);
}

/* What is referred to comes first, so that another server can take the documents in this order. */
static int export_all(struct run *run, struct certctl_error *err)
{
	const struct api *api = run->cli->api;
	int rc = 0, highest = 0;

	for (int rank = 0; rank <= highest; rank++)
		for (size_t i = 0; rc == 0 && i < api->count; i++) {
			const struct api_resource *resource = &api->resources[i];
			int its_rank = can_be_exported(resource) ? api_rank(api, resource) : -1;

			highest = its_rank > highest ? its_rank : highest;
			if (its_rank == rank)
				rc = export_kind(run, resource, err);
		}
	return rc;
}

static int export_named(struct run *run, struct certctl_error *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < run->count; i++) {
		const struct api_resource *resource = api_find_kind(run->cli->api, run->kinds[i]);

		if (!resource || !can_be_exported(resource))
			return certctl_fail(err, CERTCTL_E_INVALID, "'%.40s': not a kind that can be exported",
				run->kinds[i]);
		rc = export_kind(run, resource, err);
	}
	return rc;
}

int export_command(struct cli *cli, int argc, char **argv, struct certctl_error *err)
{
	static const struct argp_child children[] = { { &cli_argp, 0, "Options of all commands:", 1 }, { 0 } };
	static const struct argp argp = { NULL, parse_option, "[KIND...]",
		"Print things as documents that `certctl apply` reads: those of the kinds, or all.\v"
		"Secrets are not in it: *** stands for them.",
		children, NULL, NULL };
	struct run run = { .cli = cli };

	argp_parse(&argp, argc, argv, 0, NULL, &run);
	if (cli->output.format == OUTPUT_JSON)
		run.documents = value_keep(cli->mem, json_array());
	int rc = run.count ? export_named(&run, err) : export_all(&run, err);

	if (rc == 0 && run.documents)
		rc = output_value(&cli->output, cli->api, NULL, run.documents, err);
	return rc;
}
