/* The command line of certctld: what to do, and which settings it gives. */
#ifndef CORE_ARGUMENTS_H
#define CORE_ARGUMENTS_H

#include "core/platform/config/settings.h"

enum action {
	ACTION_SERVE = 1,
	ACTION_CHECK,
	ACTION_PRINT,
	ACTION_SAMPLE,
	ACTION_HELP,
	ACTION_REFERENCE,
};

struct arguments {
	enum action action;
	bool is_dev;
	struct settings_source source; /* what it points to is on the context given */
};

/** Does not return when the line makes no sense, or asks for help. */
void arguments_parse(TALLOC_CTX *mem, int argc, char **argv, struct arguments *ret);

#endif
