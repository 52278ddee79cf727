/* Options that every command takes. */
#include "arguments.h"

#include <certctl/time.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_DEFAULT_S 600

enum key { KEY_CONTEXT = 0x200, KEY_URL, KEY_CA_FILE, KEY_TOKEN_FILE, KEY_TIMEOUT, KEY_DRY_RUN, KEY_WAIT };

static const struct argp_option options[] = {
	{ "output", 'o', "FORMAT", 0, "table (the default; tab-separated when it is not a terminal), json, yaml or csv",
		0 },
	{ "context", KEY_CONTEXT, "NAME", 0, "A server of `certctl context list`", 0 },
	{ "url", KEY_URL, "URL", 0, "The server, instead of a context (CERTCTL_URL)", 0 },
	{ "ca-file", KEY_CA_FILE, "FILE", 0, "CA to trust, instead of the system's (CERTCTL_CA_FILE)", 0 },
	{ "token-file", KEY_TOKEN_FILE, "FILE", 0,
		"File with the API key (CERTCTL_TOKEN_FILE; CERTCTL_TOKEN has the key itself)", 0 },
	{ "timeout", KEY_TIMEOUT, "DURATION", 0, "How long one request may take (30s)", 0 },
	{ "dry-run", KEY_DRY_RUN, NULL, 0, "Show the request that would be sent, and send none that changes anything",
		0 },
	{ "wait", KEY_WAIT, "DURATION", OPTION_ARG_OPTIONAL, "Wait for the jobs that this starts (10m)", 0 },
	{ "verbose", 'v', NULL, 0, "Show requests and their ids", 0 },
	{ 0 },
};

static int64_t read_duration(struct argp_state *state, const char *name, const char *text, int64_t max)
{
	struct certctl_error err = { 0 };
	int64_t seconds = 0;

	if (certctl_duration_parse(text, &seconds, &err) < 0 || seconds < 1 || seconds > max)
		argp_error(state, "%s: 1s to %llds expected, got %s", name, (long long)max, text);
	return seconds;
}

/* Where the text of an option is kept; NULL: it is not kept as it is. */
static const char **place_of(struct cli_options *of, int key)
{
	switch (key) {
	case KEY_CONTEXT:
		return &of->context;
	case KEY_URL:
		return &of->url;
	case KEY_CA_FILE:
		return &of->ca_file;
	case KEY_TOKEN_FILE:
		return &of->token_file;
	default:
		return NULL;
	}
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	struct cli *cli = state->input;
	const char **place = cli ? place_of(&cli->options, key) : NULL;

	if (place) {
		*place = text;
		return 0;
	}
	switch (key) {
	case 'o':
		cli->output.format = output_format_from_name(text);
		if (!cli->output.format)
			argp_error(state, "--output: table, json, yaml or csv expected, got %s", text);
		return 0;
	case KEY_TIMEOUT:
		cli->options.timeout_s = (int32_t)read_duration(state, "--timeout", text, 3600);
		return 0;
	case KEY_DRY_RUN:
		cli->options.is_dry_run = true;
		return 0;
	case KEY_WAIT:
		cli->options.wants_wait = true;
		cli->options.wait_s = text ? read_duration(state, "--wait", text, 7 * 86400) : WAIT_DEFAULT_S;
		return 0;
	case 'v':
		cli->options.is_verbose = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp cli_argp = { options, parse_option, NULL, NULL, NULL, NULL, NULL };

char *argument_flag(TALLOC_CTX *mem, const char *member)
{
	static const char *const own[] = { "help", "usage", "version", "file", "set", "all" };
	char *flag = talloc_strdup(mem, member);
	bool is_taken = false;

	for (char *at = flag; at && *at; at++)
		if (*at == '_')
			*at = '-';
	for (size_t i = 0; flag && i < CERTCTL_COUNT(own); i++)
		is_taken = is_taken || strcmp(own[i], flag) == 0;
	for (const struct argp_option *option = options; flag && option->name; option++)
		is_taken = is_taken || strcmp(option->name, flag) == 0;
	return is_taken ? talloc_asprintf(mem, "with-%s", flag) : flag;
}
