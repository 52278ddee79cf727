/* `certctl-plugin run`: one operation with its argument as JSON, its reply as JSON. */
#include "setup.h"

#include <certctl/files.h>
#include <stdio.h>
#include <string.h>

#define ARGUMENT_MAX ((size_t)1024 * 1024)

static int read_argument(TALLOC_CTX *mem, const char *text, json_t **ret, struct certctl_error *err)
{
	char *from_file = NULL;
	size_t len = strlen(text);

	if (text[0] == '@' && certctl_file_read_path(mem, text + 1, ARGUMENT_MAX, &from_file, &len, err) < 0)
		return err->code;
	if (certctl_json_parse(from_file ? from_file : text, len, NULL, ret, err) < 0)
		return certctl_error_prefix(err, "--argument");
	return 0;
}

/* Everything before the call: a failure here is the command line's. */
static int prepare(TALLOC_CTX *mem, const struct arguments *arguments, json_t **ret_argument,
	struct certctl_connector **ret_connector, struct certctl_error *err)
{
	const struct certctl_description *plugin;
	struct certctl_pool *pool;
	struct setup *setup;

	if (open_pool(mem, arguments, &pool, err) < 0 || find_plugin(pool, arguments->plugin, &plugin, err) < 0 ||
		setup_read(mem, arguments->config, arguments->peer, &setup, err) < 0 ||
		connect_setup(mem, pool, plugin, setup, ret_connector, err) < 0)
		return err->code;
	return arguments->argument ? read_argument(mem, arguments->argument, ret_argument, err) : 0;
}

static void print_failure(const struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref)
	json_t *failure = json_pack("{s:s, s:s, s:s, s:b, s:i}", "code", certctl_code_name(err->code), "what",
		err->what, "hint", err->hint, "retryable", err->retryable, "retry_after_s", err->retry_after_s);

	json_dumpf(failure, stderr, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	fprintf(stderr, "\n");
}

static int run(TALLOC_CTX *mem, const struct arguments *arguments)
{
	CERTCTL_AUTO(json_decref) json_t *argument = NULL;
	CERTCTL_AUTO(json_decref) json_t *reply = NULL;
	struct certctl_connector *connector;
	struct certctl_error err = { 0 };

	if (prepare(mem, arguments, &argument, &connector, &err) < 0) {
		print_error(&err);
		return EXIT_USAGE_;
	}
	if (certctl_connector_call(connector, arguments->operation, argument,
		    &caller_new(mem, arguments->timeout_s)->call, &reply, &err) < 0) {
		print_failure(&err);
		return EXIT_FAILED;
	}
	json_dumpf(reply, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_ENCODE_ANY);
	printf("\n");
	return EXIT_GOOD;
}

int run_operation(const struct arguments *arguments)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	int exit_code = run(mem, arguments);

	talloc_free(mem);
	return exit_code;
}
