/** The command line of a verb, by argp: options of the run, and one for every member and parameter that the schema names. */
#ifndef CORE_CLI_ARGUMENTS_H
#define CORE_CLI_ARGUMENTS_H

#include "cli.h"
#include "server.h"

#include <argp.h>

/** Options that every command takes, as a child; its input is the struct cli. */
extern const struct argp cli_argp;

struct arguments {
	struct call call;
	bool wants_all;   /* every page of a list */
	const char *file; /* a document to send; NULL: none */
	bool has_members; /* the body was given by options or a file */
};

/**
 * Read the words behind a verb.  argp prints --help and ends the program for what it does not know (CLI_USAGE).
 * @param is_edit  the members change a thing that is there: an empty value is null, and none need be given
 */
int arguments_read(struct cli *cli, const struct api_operation *operation, bool is_edit, int argc, char **argv,
	struct arguments *ret, struct certctl_error *err) CERTCTL_CHECKED;

/** "--target-ids" of "target_ids"; members called as one of our own options get "with-" before. On `mem`. */
char *argument_flag(TALLOC_CTX *mem, const char *member);

#endif
