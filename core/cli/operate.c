/* One operation: the call, and its reply as output.  Knows no resource. */
#include "operate.h"
#include "arguments.h"
#include "text.h"
#include "values.h"
#include "wait.h"

#include <certctl/json.h>
#include <errno.h>
#include <string.h>

/* --- Lists ---------------------------------------------------------------------------------------------------------------- */

static int page_of(struct reply *reply, json_t *query, json_t **ret_rows, struct certctl_error *err)
{
	const char *next = certctl_json_text_or(reply->json, "next_cursor", NULL);

	*ret_rows = json_object_get(reply->json, "data");
	if (!json_is_array(*ret_rows))
		return certctl_fail(err, CERTCTL_E_PROTOCOL, "a list expected from the server");
	if (next && strcmp(next, certctl_json_text_or(query, "cursor", "")) == 0)
		return certctl_fail(err, CERTCTL_E_PROTOCOL, "the list leads back to the same page");
	return 0;
}

int operate_pages(struct cli *cli, const struct call *call, bool wants_all, operate_page_fn *take, void *arg,
	struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *query = call->query ? json_copy(call->query) : json_object();
	struct call next = *call;
	bool is_last = false;
	int rc = 0;

	next.query = query;
	while (rc == 0 && !is_last) {
		TALLOC_CTX *mem = talloc_new(NULL);
		struct reply reply;
		json_t *rows = NULL;

		rc = server_ask(cli, mem, &next, &reply, err);
		if (rc == 0)
			rc = page_of(&reply, query, &rows, err);
		if (rc == 0) {
			const char *cursor = certctl_json_text_or(reply.json, "next_cursor", NULL);

			json_incref(rows);
			json_object_del(reply.json, "data");
			is_last = !wants_all || !cursor;
			rc = take(arg, rows, is_last ? reply.json : NULL, err);
			json_object_set_new(query, "cursor", json_string(cursor ? cursor : ""));
			json_decref(rows);
		}
		talloc_free(mem);
	}
	return rc;
}

static int take_page(void *arg, json_t *rows, json_t *rest, struct certctl_error *err)
{
	struct output_rows *out = arg;
	int rc = output_rows_add(out, rows, err);

	if (rc < 0 || !rest)
		return rc;
	if (json_is_string(json_object_get(rest, "next_cursor")))
		cli_note("there are more: --all, or --cursor=%s",
			json_string_value(json_object_get(rest, "next_cursor")));
	return output_rows_end(out, rest, err);
}

/* Pages as large as they may be: fewer requests for the same rows. */
static void widen_pages(const struct arguments *arguments)
{
	const struct api_parameter *limit = api_parameter(arguments->call.operation, "limit");
	json_int_t most = limit ? json_integer_value(json_object_get(limit->schema, "maximum")) : 0;

	if (arguments->wants_all && most > 0 && !json_object_get(arguments->call.query, "limit"))
		json_object_set_new(arguments->call.query, "limit", json_sprintf("%lld", (long long)most));
}

static int run_list(struct cli *cli, const struct arguments *arguments, struct certctl_error *err)
{
	struct output_rows *out = NULL;
	int rc = output_rows_begin(cli->mem, &cli->output, cli->api, arguments->call.operation->reply, &out, err);

	widen_pages(arguments);
	return rc < 0 ? rc : operate_pages(cli, &arguments->call, arguments->wants_all, take_page, out, err);
}

/* --- Everything else ---------------------------------------------------------------------------------------------------------- */

static int print_many(struct cli *cli, const struct api_operation *operation, json_t *data, struct certctl_error *err)
{
	struct output_rows *out = NULL;
	int rc = output_rows_begin(cli->mem, &cli->output, cli->api, operation->reply, &out, err);

	if (rc == 0)
		rc = output_rows_add(out, data, err);
	return rc < 0 ? rc : output_rows_end(out, NULL, err);
}

/* As it is into files and pipes; a terminal would obey some of it. */
static void print_raw(struct cli *cli, const struct reply *reply)
{
	char *plain = cli->output.is_terminal ? text_plain(cli->mem, reply->text, true) : NULL;

	if (plain)
		fputs(plain, cli->output.to);
	else
		fwrite(reply->text, 1, reply->len, cli->output.to);
}

/* Of any size. */
static int print_piece(void *arg, const char *data, size_t len, struct certctl_error *err)
{
	const struct cli *cli = arg;

	if (fwrite(data, 1, len, cli->output.to) != len)
		return certctl_fail_errno(err, errno, "output");
	return 0;
}

static int print_reply(struct cli *cli, const struct api_operation *operation, const struct reply *reply,
	struct certctl_error *err)
{
	json_t *data = json_object_get(reply->json, "data");

	if (operation->is_raw || (!reply->json && reply->len > 0)) {
		print_raw(cli, reply);
		return 0;
	}
	if (!reply->json) {
		if (strcmp(operation->verb, "delete") == 0 && cli->output.is_terminal)
			cli_note("deleted");
		return 0;
	}
	if (operation->is_many && json_is_array(data))
		return print_many(cli, operation, data, err);
	return output_value(&cli->output, cli->api, operation->reply, reply->json, err);
}

static int check_needed(const struct cli *cli, const struct arguments *arguments, struct certctl_error *err)
{
	const struct api_operation *operation = arguments->call.operation;
	json_t *needed = json_object_get(operation->body, "required"), *one;
	size_t i;

	(void)cli;
	json_array_foreach(needed, i, one)
	{
		const char *name = json_string_value(one);

		if (!json_object_get(arguments->call.body, name)) {
			certctl_fail(err, CERTCTL_E_INVALID, "%s: needed", name);
			return certctl_hint(err, "Give --%s=..., --set %s=..., or a document with --file.", name, name);
		}
	}
	return 0;
}

/* An examination that was carried out and found something, or an act on many of which some failed. */
static bool is_bad_news(const struct api_operation *operation, const struct reply *reply)
{
	bool is_act = strcmp(operation->method, "POST") == 0;

	return json_is_false(json_object_get(reply->json, "ok")) ||
	       (is_act && json_integer_value(json_object_get(reply->json, "failed")) > 0);
}

/* Where the server can say what would happen, it is asked. */
static bool try_there(const struct cli *cli, const struct call *call)
{
	json_t *member = api_property(cli->api, call->operation->body, "dry_run");

	if (!member || strcmp(api_type(member), "boolean") != 0)
		return false;
	json_object_set_new(call->body, "dry_run", json_true());
	return true;
}

int operate(struct cli *cli, const struct api_operation *operation, int argc, char **argv, struct certctl_error *err)
{
	struct arguments arguments;
	struct reply reply;
	int rc = arguments_read(cli, operation, false, argc, argv, &arguments, err);

	if (rc == 0)
		rc = check_needed(cli, &arguments, err);
	if (rc < 0)
		return rc;
	if (operation->is_list)
		return run_list(cli, &arguments, err);
	if (cli->options.is_dry_run && strcmp(operation->method, "GET") != 0 && !try_there(cli, &arguments.call))
		return server_show(cli, &arguments.call, err);
	if (operation->is_raw && !cli->output.is_terminal)
		return server_receive(cli, &arguments.call, print_piece, cli, err);
	rc = server_ask(cli, cli->mem, &arguments.call, &reply, err);
	if (rc == 0)
		rc = print_reply(cli, operation, &reply, err);
	if (rc == 0 && is_bad_news(operation, &reply))
		cli->verdict = CLI_REFUSED;
	if (rc == 0 && cli->options.wants_wait)
		rc = wait_for_reply(cli, operation, &reply, err);
	return rc;
}
