/** One run of certctl: what it was told, the server it speaks with, and how it ends. */
#ifndef CORE_CLI_CLI_H
#define CORE_CLI_CLI_H

#include "api.h"
#include "output.h"

/** Exit statuses, as certctl(1) has them. */
enum cli_exit {
	CLI_DONE = 0,
	CLI_REFUSED = 1,     /* the request, a job, or there is a difference */
	CLI_USAGE = 2,       /* command line, file or settings */
	CLI_DENIED = 3,      /* 401, 403 */
	CLI_NOT_FOUND = 4,   /* 404, 410 */
	CLI_CONFLICT = 5,    /* 409, 412, 428 */
	CLI_UNAVAILABLE = 6, /* not reached, not trusted, no answer in time, 408, 429, 5xx */
	CLI_WAITING = 7,     /* --wait: the time is over, the jobs are not */
};

/** Options that every command takes. */
struct cli_options {
	const char *context, *url, *ca_file, *token_file;
	int32_t timeout_s; /* of one request; 0: the usual */
	bool is_verbose, is_dry_run, wants_wait;
	int64_t wait_s; /* with wants_wait */
};

struct cli {
	TALLOC_CTX *mem; /* lives as long as the run */
	const struct api *api;
	struct cli_options options;
	struct output output;
	struct server *server; /* opened with the first request */
	int32_t status;        /* of the last refusal; 0: there was none */
	json_t *problem;       /* its problem+json, or NULL */
	enum cli_exit verdict; /* when nothing failed */
};

/** Print what went wrong, a line a bad member, and say how to end. */
enum cli_exit cli_fail(const struct cli *cli, const struct certctl_error *err);
/** Forget a refusal that was expected. */
void cli_forgive(struct cli *cli);
/** A line on standard error for people. */
void cli_note(const char *format, ...) CERTCTL_PRINTF(1, 2);

/** A command that is not a verb of a resource: own arguments, argv[0] is how it is called in messages. */
typedef int cli_command_fn(struct cli *cli, int argc, char **argv, struct certctl_error *err);
cli_command_fn apply_command, diff_command, export_command, context_command, complete_command, resources_command,
	audit_verify_command;

#endif
