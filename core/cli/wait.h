/** --wait: until the jobs that a call started have ended, and what they started in turn. */
#ifndef CORE_CLI_WAIT_H
#define CORE_CLI_WAIT_H

#include "server.h"

/**
 * Jobs are those in the reply, or those of the thing that it made or changed.  Progress goes to standard error; the verdict of
 * the run is CLI_REFUSED when one failed, CLI_WAITING when the time is over.
 */
int wait_for_reply(struct cli *cli, const struct api_operation *operation, const struct reply *reply,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Of the jobs of one thing that were made since the run began: after apply. */
int wait_for_thing(struct cli *cli, const struct api_resource *resource, const char *id,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
