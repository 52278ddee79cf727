/** The commands that are not verbs of resources. */
#ifndef CORE_CLI_COMMANDS_H
#define CORE_CLI_COMMANDS_H

#include "cli.h"

struct command {
	const char *name, *help;
	cli_command_fn *run;
	bool is_hidden; /* for programs */
};
/** A row without a name ends the table. */
extern const struct command commands[];

/** Verbs of resources that are more than one request, beside those of the document. */
struct extra_verb {
	const char *resource, *verb, *help;
	cli_command_fn *run;
};
/** A row without a resource ends the table. */
extern const struct extra_verb extra_verbs[];
const struct extra_verb *extra_verb_find(const char *resource, const char *verb);

/** What `certctl context` does. */
extern const char *const context_actions[4];

#endif
