/* The tables of commands.  To add one: a row here, its function in a file of its own. */
#include "commands.h"

#include <string.h>

const struct command commands[] = {
	{ "apply", "Make things as documents say", apply_command, false },
	{ "diff", "Show what apply would change", diff_command, false },
	{ "export", "Print things as documents", export_command, false },
	{ "context", "Servers by name", context_command, false },
	{ "resources", "List resources and their verbs", resources_command, false },
	{ "complete", "What could stand where the cursor is", complete_command, true },
	{ 0 },
};

const struct extra_verb extra_verbs[] = {
	{ "audit", "verify", "Verify the trail with a public key, from the server or a file", audit_verify_command },
	{ 0 },
};

const struct extra_verb *extra_verb_find(const char *resource, const char *verb)
{
	for (const struct extra_verb *row = extra_verbs; row->resource; row++)
		if (strcmp(row->resource, resource) == 0 && strcmp(row->verb, verb) == 0)
			return row;
	return NULL;
}

const char *const context_actions[4] = { "add", "use", "list", "remove" };
