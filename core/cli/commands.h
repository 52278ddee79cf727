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

/** What `certctl context` does. */
extern const char *const context_actions[4];

#endif
