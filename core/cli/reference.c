/* What the manuals say of resources.  Knows no server. */
#include "reference.h"
#include "arguments.h"
#include "commands.h"
#include "operate.h"

#include <certctl/json.h>
#include <ctype.h>
#include <string.h>

static void put_upper(struct certctl_buffer *out, const char *text)
{
	for (; *text; text++)
		certctl_buffer_printf(out, "%c", toupper((unsigned char)*text));
}

/* Words behind the verb, "ID JOB". */
static void put_words(struct certctl_buffer *out, const struct api_operation *operation, const char *mark)
{
	for (size_t i = 0; i < operation->argument_count; i++) {
		certctl_buffer_printf(out, " %s", mark);
		put_upper(out, operation->parameters[i].name);
		certctl_buffer_puts(out, mark);
	}
}

/* The options of the operation itself. */
static void put_flags(struct certctl_buffer *out, const struct api_operation *operation, const char *mark)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	const char *name, *separator = "";
	json_t *row;

	for (size_t i = operation->argument_count; i < operation->parameter_count; i++, separator = " ")
		certctl_buffer_printf(out, "%s%s--%s%s", separator, mark,
			argument_flag(mem, operation->parameters[i].name), mark);
	json_object_foreach(json_object_get(operation->body, "properties"), name, row)
	{
		certctl_buffer_printf(out, "%s%s--%s%s", separator, mark, argument_flag(mem, name), mark);
		separator = " ";
	}
	if (operation->is_list)
		certctl_buffer_printf(out, "%s%s--all%s", separator, mark, mark);
	if (operation->body)
		certctl_buffer_printf(out, "%s%s--file%s %s--set%s", separator, mark, mark, mark, mark);
	talloc_free(mem);
}

static void put_rows(const struct api_resource *resource, struct certctl_buffer *out)
{
	certctl_buffer_printf(out, "\n### %s\n\n", resource->name);
	if (api_is_declarable(resource))
		certctl_buffer_printf(out, "In files: `kind: %s`.\n\n", resource->kind);
	certctl_buffer_puts(out, "| `certctl ...` | | options |\n|---|---|---|\n");
	for (size_t i = 0; i < resource->count; i++) {
		const struct api_operation *operation = &resource->operations[i];

		certctl_buffer_printf(out, "| `%s %s", resource->name, operation->verb);
		put_words(out, operation, "");
		certctl_buffer_printf(out, "` | %s | ", operation->summary);
		put_flags(out, operation, "`");
		certctl_buffer_puts(out, " |\n");
	}
	if (edit_is_possible(resource)) {
		certctl_buffer_printf(out, "| `%s edit ID` | Change members, in an editor or by options | ",
			resource->name);
		put_flags(out, api_change(resource), "`");
		certctl_buffer_puts(out, " |\n");
	}
	for (const struct extra_verb *row = extra_verbs; row->resource; row++)
		if (strcmp(row->resource, resource->name) == 0)
			certctl_buffer_printf(out, "| `%s %s` | %s | |\n", row->resource, row->verb, row->help);
}

void reference_markdown(const struct api *api, struct certctl_buffer *out)
{
	for (size_t i = 0; i < api->count; i++)
		put_rows(&api->resources[i], out);
}

/* scdoc takes _ and * for marks. */
static void put_escaped(struct certctl_buffer *out, const char *text)
{
	for (; *text; text++)
		certctl_buffer_printf(out, strchr("_*\\#<", *text) ? "\\%c" : "%c", *text);
}

static void put_verb(struct certctl_buffer *out, const struct api_resource *resource, const char *verb,
	const struct api_operation *operation, const char *summary)
{
	certctl_buffer_printf(out, "*certctl %s %s*", resource->name, verb);
	put_words(out, operation, "_");
	certctl_buffer_puts(out, "\n\t");
	put_escaped(out, summary);
	certctl_buffer_puts(out, ".\n\n");
}

void reference_manual(const struct api *api, struct certctl_buffer *out)
{
	for (size_t i = 0; i < api->count; i++) {
		const struct api_resource *resource = &api->resources[i];

		for (size_t j = 0; j < resource->count; j++)
			put_verb(out, resource, resource->operations[j].verb, &resource->operations[j],
				resource->operations[j].summary);
		if (edit_is_possible(resource))
			put_verb(out, resource, "edit", api_change(resource),
				"Change members, in an editor or by options");
		for (const struct extra_verb *row = extra_verbs; row->resource; row++)
			if (strcmp(row->resource, resource->name) == 0)
				certctl_buffer_printf(out, "*certctl %s %s*\n\t%s.\n\n", row->resource, row->verb,
					row->help);
	}
}
