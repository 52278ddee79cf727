/* The table of commands.  To add one: a row here, its function in a file of its own. */
#include "commands.h"

const struct command commands[] = {
	{ "apply", "Make things as documents say", apply_command, false },
	{ "diff", "Show what apply would change", diff_command, false },
	{ "export", "Print things as documents", export_command, false },
	{ "context", "Servers by name", context_command, false },
	{ "resources", "List resources and their verbs", resources_command, false },
	{ "complete", "What could stand where the cursor is", complete_command, true },
	{ 0 },
};

const char *const context_actions[4] = { "add", "use", "list", "remove" };
