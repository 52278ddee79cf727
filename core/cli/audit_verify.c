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
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define KEYS_MAX       16
#define KEY_SIZE_MAX   4096
#define LINE_MAX_BYTES ((size_t)16 << 20) /* a batch has at most 1,000 leaves, an event what one request may hold */

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
		if (rc == 0 && (rc = audit_keys_add(*ret, pem, len, err)) < 0)
			certctl_error_prefix(err, "%s", verification->keys[i]);
	}
	return rc;
}

/* --- The export, a piece at a time ------------------------------------------------------------------------------------ */

struct lines {
	struct audit_verifier *verifier;
	char *text; /* of the line that has not ended yet */
	size_t len, size;
	int64_t number;
	bool is_tampered; /* what went wrong is what the export says */
};

static int verify_line(struct lines *lines, const char *text, size_t len, struct certctl_error *err)
{
	lines->number++;
	int rc = audit_verify_line(lines->verifier, text, len, err);

	lines->is_tampered = rc == CERTCTL_E_INVALID;
	return rc < 0 ? certctl_error_prefix(err, "line %lld", (long long)lines->number) : 0;
}

static int keep_part(struct lines *lines, const char *data, size_t len, struct certctl_error *err)
{
	if (len > LINE_MAX_BYTES - lines->len)
		return lines->is_tampered = true,
		       certctl_fail(err, CERTCTL_E_INVALID, "line %lld: it is no line of an export",
			       (long long)lines->number + 1);
	if (lines->len + len > lines->size) {
		lines->size = 2 * (lines->len + len);
		lines->text = talloc_realloc(lines->verifier, lines->text, char, (unsigned)lines->size);
	}
	if (!lines->text)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for a line");
	memcpy(lines->text + lines->len, data, len);
	lines->len += len;
	return 0;
}

/* A server_sink_fn: verifies every line that ends in this piece. */
static int take_piece(void *arg, const char *data, size_t len, struct certctl_error *err)
{
	struct lines *lines = arg;
	const char *end;
	int rc = 0;

	while (rc == 0 && (end = memchr(data, '\n', len)) != NULL) {
		size_t part = (size_t)(end - data);

		if (lines->len == 0) {
			rc = verify_line(lines, data, part, err);
		} else {
			rc = keep_part(lines, data, part, err);
			if (rc == 0)
				rc = verify_line(lines, lines->text, lines->len, err);
			lines->len = 0;
		}
		data += part + 1;
		len -= part + 1;
	}
	return rc == 0 && len > 0 ? keep_part(lines, data, len, err) : rc;
}

static int end_lines(struct lines *lines, struct certctl_error *err)
{
	if (lines->len > 0)
		return verify_line(lines, lines->text, lines->len, err);
	if (lines->number > 0)
		return 0;
	lines->is_tampered = true;
	return certctl_fail(err, CERTCTL_E_INVALID, "the export is empty");
}

static int take_file(const char *path, struct lines *lines, struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	char piece[65536];
	ssize_t len = fd < 0 ? -1 : 1;
	int rc = 0;

	while (rc == 0 && len > 0) {
		len = read(fd, piece, sizeof(piece));
		if (len > 0)
			rc = take_piece(lines, piece, (size_t)len, err);
	}
	return rc == 0 && len < 0 ? certctl_fail_errno(err, errno, "%s", path) : rc;
}

static int take_export(struct cli *cli, struct lines *lines, struct certctl_error *err)
{
	const struct api_resource *audit = api_find(cli->api, "audit");
	struct call call = { .operation = audit ? api_verb(audit, "export") : NULL,
		.query = value_keep(cli->mem, json_pack("{s:s, s:s}", "format", "jsonl", "proof", "true")) };

	if (!call.operation)
		return certctl_fail(err, CERTCTL_E_UNSUPPORTED, "this API has no export of the trail");
	return server_receive(cli, &call, take_piece, lines, err);
}

/* --- What it came to ---------------------------------------------------------------------------------------------------- */

/* For people, beside the numbers: what was not looked at. */
static void note_limits(const struct audit_report *report)
{
	if (report->is_selection)
		cli_note(
			"a SELECTION, not the trail: %lld events of %lld are here and as they were sealed; nothing is said of the "
			"others, nor whether any are missing",
			(long long)report->shown, (long long)report->events);
	if (report->archived)
		cli_note("%lld events of it are in archives: verify those files by themselves",
			(long long)report->archived);
	if (report->checkpoints == 0)
		cli_note("no checkpoint in it is signed: whoever wrote it may have made all of it up");
	else if (report->events > report->signed_events)
		cli_note("the last %lld events are sealed and not signed yet",
			(long long)(report->events - report->signed_events));
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
	note_limits(report);
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
	struct lines lines = { 0 };
	struct audit_report report = { 0 };
	struct audit_keys *keys = NULL;
	int rc;

	if (read_keys(cli->mem, verification, &keys, err) < 0 ||
		audit_verifier_new(cli->mem, keys, &lines.verifier, err) < 0)
		return err->code;
	rc = verification->offline ? take_file(verification->offline, &lines, err) : take_export(cli, &lines, err);
	if (rc == 0)
		rc = end_lines(&lines, err);
	if (rc == 0) {
		rc = audit_verify_end(lines.verifier, &report, err);
		lines.is_tampered = rc == CERTCTL_E_INVALID;
	}
	if (lines.is_tampered)
		return say_tampered(cli, err);
	if (rc == CERTCTL_E_UNSUPPORTED && verification->offline)
		rc = err->code = CERTCTL_E_INVALID; /* the wrong file: neither good nor bad */
	return rc < 0 ? rc : print_report(cli, &report, err);
}

int audit_verify_command(struct cli *cli, int argc, char **argv, struct certctl_error *err)
{
	static const struct argp_child children[] = { { &cli_argp, 0, "Options of all commands:", 1 }, { 0 } };
	static const struct argp argp = { options, parse_option, "",
		"Verify the audit trail with nothing but a public key.\v"
		"The trail is exported from the server, or was before (`certctl audit export --format=jsonl --proof`), and every hash "
		"and signature is recomputed here, while it is read, so that any size will do.  Exit status: 0 it is as it was sealed, "
		"1 it is not; the others as of every command: nothing was verified.",
		children, NULL, NULL };
	struct verification verification = { .cli = cli };

	argp_parse(&argp, argc, argv, 0, NULL, &verification);
	return verify(cli, &verification, err);
}
