/* JSON of commands and their results. */
#include "runner_wire.h"

#include <certctl/exec.h>

static const struct certctl_wire_member command_members[] = {
	CERTCTL_WIRE(struct runner_command, argv, .required = true),
	CERTCTL_WIRE(struct runner_command, environment),
	CERTCTL_WIRE(struct runner_command, input),
	CERTCTL_WIRE(struct runner_command, timeout_s),
	CERTCTL_WIRE(struct runner_command, output_max),
	CERTCTL_WIRE(struct runner_command, leave_descendants),
	CERTCTL_WIRE(struct runner_command, directory),
	{ 0 },
};
const struct certctl_wire runner_wire_command = { "command", sizeof(struct runner_command), command_members };

static const struct certctl_wire_member result_members[] = {
	CERTCTL_WIRE(struct certctl_command_result, exit_code),
	CERTCTL_WIRE(struct certctl_command_result, signal),
	CERTCTL_WIRE(struct certctl_command_result, timed_out),
	CERTCTL_WIRE(struct certctl_command_result, output_cut),
	CERTCTL_WIRE(struct certctl_command_result, output),
	CERTCTL_WIRE(struct certctl_command_result, elapsed_ms),
	{ 0 },
};
const struct certctl_wire runner_wire_result = { "result", sizeof(struct certctl_command_result), result_members };
