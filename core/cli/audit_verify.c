/*
 * `certctl audit verify`: an export of the trail, from the server or from a file, against public keys that somebody trusts.
 * The server is believed in nothing: hashes and signatures are recomputed here.
 */
#include "arguments.h"
#include "commands.h"
#include "core/features/audit/verify.h"
#include "text.h"
#include "values.h"

#include <certctl/files.h>
#include <certctl/json.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX     16
#define KEY_SIZE_MAX 4096

struct verification {
	struct cli *cli;
	const char *offline;
	const char *keys[KEYS_MAX];
	size_t key_count;
};

static const struct argp_option options[] = {
	{ "offline", 'O', "FILE", 0, "An export with proof, instead of asking the server", 0 },
	{ "pubkey", 'k', "FILE", 0, "A public key to trust: audit.pub of the server's state folder; may be repeated",
		0 },
	{ 0 },
};

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	struct verification *verification = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = verification->cli;
		return 0;
	case 'O':
		verification->offline = text;
		return 0;
	case 'k':
		if (verification->key_count == KEYS_MAX)
			argp_error(state, "--pubkey: at most %d of them", KEYS_MAX);
		else
			verification->keys[verification->key_count++] = text;
		return 0;
	case ARGP_KEY_END:
		if (verification->key_count == 0)
			argp_error(state, "--pubkey expected");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int read_keys(TALLOC_CTX *mem, const struct verification *verification, struct audit_keys **ret,
	struct certctl_error *err)
{
	int rc = audit_keys_new(mem, ret, err);

	for (size_t i = 0; rc == 0 && i < verification->key_count; i++) {
		char *pem = NULL;
		size_t len = 0;

		rc = certctl_file_read_path(mem, verification->keys[i], KEY_SIZE_MAX, &pem, &len, err);
		if (rc == 0)
			rc = audit_keys_add(*ret, pem, len, err);
		if (rc < 0)
			certctl_error_prefix(err, "%s", verification->keys[i]);
	}
	return rc;
}

/* Lines in memory or of a file, one at a time. */
static int verify_lines(FILE *file, struct audit_verifier *verifier, struct certctl_error *err)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	int64_t number = 0;
	int rc = 0;

	while (rc == 0 && (len = getline(&line, &size, file)) >= 0) {
		number++;
		rc = audit_verify_line(verifier, line, (size_t)len, err);
		if (rc < 0)
			certctl_error_prefix(err, "line %lld", (long long)number);
	}
	free(line);
	if (rc == 0 && ferror(file))
		return certctl_fail(err, CERTCTL_E_IO, "the export cannot be read");
	return rc == 0 && number == 0 ? certctl_fail(err, CERTCTL_E_INVALID, "the export is empty") : rc;
}

static int open_export(struct cli *cli, const char *offline, FILE **ret, struct certctl_error *err)
{
	const struct api_resource *audit = api_find(cli->api, "audit");
	struct call call = { .operation = audit ? api_verb(audit, "export") : NULL,
		.query = value_keep(cli->mem, json_pack("{s:s, s:s}", "format", "jsonl", "proof", "true")) };
	struct reply reply;
	int rc;

	if (offline) {
		*ret = fopen(offline, "re");
		return *ret ? 0 : certctl_fail_errno(err, errno, "%s", offline);
	}
	if (!call.operation)
		return certctl_fail(err, CERTCTL_E_UNSUPPORTED, "this API has no export of the trail");
	rc = server_ask(cli, cli->mem, &call, &reply, err);
	if (rc == CERTCTL_E_LIMIT)
		certctl_hint(err, "Export it to a file in another way, and use --offline.");
	if (rc < 0)
		return rc;
	*ret = reply.len ? fmemopen((void *)reply.text, reply.len, "r") : fopen("/dev/null", "re");
	return *ret ? 0 : certctl_fail_errno(err, errno, "the export");
}

static int print_report(const struct cli *cli, const struct audit_report *report, struct certctl_error *err)
{
	json_t *value = value_keep(cli->mem, json_object());
	const struct {
		const char *name;
		int64_t number;
	} counts[] = { { "events", report->events }, { "shown", report->shown }, { "archived", report->archived },
		{ "batches", report->batches }, { "checkpoints", report->checkpoints },
		{ "signed_events", report->signed_events } };

	/* Of a selection what was shown is verified, and nothing is said of the rest. */
	json_object_set_new(value, "verified", json_true());
	json_object_set_new(value, "is_selection", json_boolean(report->is_selection));
	for (size_t i = 0; i < CERTCTL_COUNT(counts); i++)
		json_object_set_new(value, counts[i].name, json_integer(counts[i].number));
	json_object_set_new(value, "signed_at", report->checkpoints ? json_string(report->signed_at) : json_null());
	json_object_set_new(value, "head", json_string(report->head));
	return output_value(&cli->output, cli->api, NULL, value, err);
}

/* What was changed is the answer to the question, not a mistake of who asks. */
static int say_tampered(struct cli *cli, const struct certctl_error *err)
{
	cli_note("TAMPERED: %s", err->what);
	cli->verdict = CLI_REFUSED;
	return 0;
}

static int verify(struct cli *cli, const struct verification *verification, struct certctl_error *err)
{
	struct audit_verifier *verifier = NULL;
	struct audit_report report = { 0 };
	struct audit_keys *keys = NULL;
	FILE *file = NULL;

	if (read_keys(cli->mem, verification, &keys, err) < 0 ||
		audit_verifier_new(cli->mem, keys, &verifier, err) < 0 ||
		open_export(cli, verification->offline, &file, err) < 0)
		return err->code;
	int rc = verify_lines(file, verifier, err);

	fclose(file);
	if (rc == 0)
		rc = audit_verify_end(verifier, &report, err);
	if (rc == CERTCTL_E_INVALID)
		return say_tampered(cli, err);
	return rc < 0 ? rc : print_report(cli, &report, err);
}

int audit_verify_command(struct cli *cli, int argc, char **argv, struct certctl_error *err)
{
	static const struct argp_child children[] = { { &cli_argp, 0, "Options of all commands:", 1 }, { 0 } };
	static const struct argp argp = { options, parse_option, "",
		"Verify the audit trail with nothing but a public key.\v"
		"The trail is exported from the server, or was before (`certctl audit export --format=jsonl --proof`), and every hash "
		"and signature is recomputed here.  Exit status: 0 it is as it was sealed, 1 it is not.",
		children, NULL, NULL };
	struct verification verification = { .cli = cli };

	argp_parse(&argp, argc, argv, 0, NULL, &verification);
	return verify(cli, &verification, err);
}
