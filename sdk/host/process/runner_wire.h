/** A command and its result as JSON, between a plugin's process and its runner. */
#ifndef CERTCTL_PROCESS_RUNNER_WIRE_H
#define CERTCTL_PROCESS_RUNNER_WIRE_H

#include "wire.h"

/** struct certctl_command in types that have JSON. */
struct runner_command {
	const char *const *argv;
	const char *const *environment;
	struct certctl_bytes input;
	int32_t timeout_s;
	uint32_t output_max;
	bool leave_descendants;
	const char *directory;
};
extern const struct certctl_wire runner_wire_command,
	runner_wire_result; /* the second of struct certctl_command_result */

#endif
