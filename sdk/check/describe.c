/* `certctl-plugin describe`: what a plugin says it is, for people or as JSON. */
#include "check.h"

#include <stdio.h>

static const struct {
	uint32_t bit;
	const char *name;
} needs_names[] = {
	{ CERTCTL_NEEDS_NETWORK, "network" },
	{ CERTCTL_NEEDS_FILES, "the files its path options name" },
	{ CERTCTL_NEEDS_COMMANDS, "commands on the local allow-list" },
	{ CERTCTL_NEEDS_KEY, "the private key" },
};

static void print_needs(uint32_t needs)
{
	const char *separator = "";

	printf("needs        ");
	for (size_t i = 0; i < CERTCTL_COUNT(needs_names); i++)
		if (needs & needs_names[i].bit) {
			printf("%s%s", separator, needs_names[i].name);
			separator = ", ";
		}
	printf("%s\n", *separator ? "" : "nothing");
}

static void print_fields(TALLOC_CTX *mem, const char *title, const struct certctl_field *fields)
{
	struct certctl_buffer text;
	struct certctl_error err = { 0 };

	if (!fields || !fields->name)
		return;
	certctl_buffer_init(&text, mem, 1024 * 1024);
	certctl_fields_help(fields, sizeof(*fields), &text);
	if (certctl_buffer_finish(&text, &err) == 0)
		printf("\n%s:\n%s", title, text.data);
}

static void print_text(TALLOC_CTX *mem, const struct certctl_description *plugin)
{
	printf("%s/%s %s: %s\n", kind_name(plugin->kind), plugin->id, plugin->version, plugin->summary);
	printf("file         %s\n", plugin->file);
	printf("sha256       %s\n", plugin->sha256);
	printf("plugin ABI   %u.%u\n", plugin->abi_major, plugin->abi_minor);
	printf("operations  ");
	for (char **name = plugin->operations; *name; name++)
		printf(" %s", *name);
	printf("\nconcurrency  %u\n", plugin->concurrency ? plugin->concurrency : 1);
	print_needs(plugin->needs);
	print_fields(mem, "Options of an instance", plugin->options);
	print_fields(mem,
		plugin->kind == CERTCTL_ISSUER   ? "Options of a profile"
		: plugin->kind == CERTCTL_TARGET ? "Options of a binding"
						 : "Options of a route",
		plugin->item_options);
}

int describe_plugin(const struct arguments *arguments)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	const struct certctl_description *plugin;
	struct certctl_pool *pool;
	struct certctl_error err = { 0 };
	int exit_code = EXIT_GOOD;

	if (open_pool(mem, arguments, &pool, &err) < 0 || find_plugin(pool, arguments->plugin, &plugin, &err) < 0) {
		print_error(&err);
		exit_code = EXIT_FAILED;
	} else if (arguments->json) {
		json_dumpf(plugin->json, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		printf("\n");
	} else {
		print_text(mem, plugin);
	}
	talloc_free(mem);
	return exit_code;
}
