/**
 * The state directory: one certctld at a time.
 */
#ifndef CORE_STATE_H
#define CORE_STATE_H

#include <certctl/error.h>
#include <talloc.h>

/**
 * Make it, lock it, and write down who has it now.  Its lock is the file's that stays open.
 *
 * @param worker     our name in the column `worker` of jobs
 * @param ret_former the name of who had it before, on `mem`, and runs no more: its lock is ours; NULL: nobody, or it cannot be said
 * @retval CONFLICT  another certctld runs here
 */
int state_open(TALLOC_CTX *mem, const char *dir, const char *worker, int *ret_lock_fd, const char **ret_former,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
