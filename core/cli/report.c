/* How a run that failed says so, and with which status it ends. */
#include "cli.h"
#include "text.h"

#include <certctl/json.h>
#include <stdarg.h>
#include <stdio.h>

void cli_note(const char *format, ...)
{
	va_list args;
	char *text, *plain;

	va_start(args, format);
	text = talloc_vasprintf(NULL, format, args);
	va_end(args);
	plain = text ? text_plain(text, text, true) : NULL;
	fprintf(stderr, "certctl: %s\n", plain ? plain : format);
	talloc_free(text);
}

void cli_forgive(struct cli *cli)
{
	json_decref(cli->problem);
	cli->problem = NULL;
	cli->status = 0;
}

static enum cli_exit exit_of_status(int32_t status)
{
	static const struct {
		int32_t status;
		enum cli_exit result;
	} rows[] = { { 401, CLI_DENIED }, { 403, CLI_DENIED }, { 404, CLI_NOT_FOUND }, { 410, CLI_NOT_FOUND },
		{ 408, CLI_UNAVAILABLE }, { 409, CLI_CONFLICT }, { 412, CLI_CONFLICT }, { 425, CLI_UNAVAILABLE },
		{ 428, CLI_CONFLICT }, { 429, CLI_UNAVAILABLE } };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++)
		if (rows[i].status == status)
			return rows[i].result;
	return status >= 500 ? CLI_UNAVAILABLE : CLI_REFUSED;
}

/* Without an answer of a server. */
static enum cli_exit exit_of_code(int32_t code)
{
	static const struct {
		enum certctl_code code;
		enum cli_exit result;
	} rows[] = { { CERTCTL_E_DENIED, CLI_UNAVAILABLE }, { CERTCTL_E_UNAVAILABLE, CLI_UNAVAILABLE },
		{ CERTCTL_E_PROTOCOL, CLI_UNAVAILABLE }, { CERTCTL_E_LIMIT, CLI_UNAVAILABLE },
		{ CERTCTL_E_INTERRUPTED, CLI_UNAVAILABLE }, { CERTCTL_E_CONFLICT, CLI_CONFLICT },
		{ CERTCTL_E_TIMEOUT, CLI_UNAVAILABLE }, { CERTCTL_E_UNSUPPORTED, CLI_REFUSED } };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++)
		if (rows[i].code == code)
			return rows[i].result;
	return CLI_USAGE;
}

static void print_line(const char *name, const char *text)
{
	char *plain = text ? text_plain(NULL, text, false) : NULL;

	if (plain && *plain)
		fprintf(stderr, "  %s%s%s\n", name, *name ? ": " : "", plain);
	talloc_free(plain);
}

/* problem+json (RFC 9457): the title, every bad member, what to do, and where the server's log has it. */
static void print_problem(const struct cli *cli)
{
	json_t *errors = json_object_get(cli->problem, "errors"), *row;
	size_t i;

	cli_note("%s (%d %s)", certctl_json_text_or(cli->problem, "title", "refused"), cli->status,
		certctl_json_text_or(cli->problem, "code", ""));
	if (json_array_size(errors) == 0)
		print_line("", certctl_json_text_or(cli->problem, "detail", NULL));
	json_array_foreach(errors, i, row)
	{
		char *name = text_plain(NULL, certctl_json_text_or(row, "field", ""), false);

		print_line(name ? name : "", certctl_json_text_or(row, "detail", ""));
		talloc_free(name);
	}
	print_line("hint", certctl_json_text_or(cli->problem, "hint", NULL));
	print_line("request", certctl_json_text_or(cli->problem, "request_id", NULL));
}

enum cli_exit cli_fail(const struct cli *cli, const struct certctl_error *err)
{
	if (cli->problem) {
		print_problem(cli);
	} else {
		cli_note("%s", err->what);
		print_line("", err->hint);
	}
	return cli->status ? exit_of_status(cli->status) : exit_of_code(err->code);
}
