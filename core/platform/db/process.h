/* Inside platform/db: programs of PostgreSQL, run as the user of the cluster. */
#ifndef CORE_DB_PROCESS_H
#define CORE_DB_PROCESS_H

#include <certctl/error.h>
#include <sys/types.h>
#include <talloc.h>

/* Who runs it.  is_set false: as we are. */
struct db_process_user {
	bool is_set;
	uid_t uid;
	gid_t gid;
	char name[64];
};

/** The first of `names` that exists when we are root; nobody else's name otherwise. */
int db_process_user(const char *const *names, struct db_process_user *ret, struct certctl_error *err) CERTCTL_CHECKED;

/**
 * Start argv in a session of its own, standard output and error appended to `log_file`, working directory `directory`.
 * Safe in a program with threads: nothing is allocated between fork and exec.
 */
int db_process_start(const struct db_process_user *user, const char *const *argv, const char *directory,
	const char *log_file, pid_t *ret_pid, struct certctl_error *err) CERTCTL_CHECKED;

/** Run to its end; anything but exit code 0 is an error that names the log file. */
int db_process_run(const struct db_process_user *user, const char *const *argv, const char *directory,
	const char *log_file, struct certctl_error *err) CERTCTL_CHECKED;

/** May `user` enter `directory` and all above it?  DENIED names the first that it may not. */
int db_process_can_reach(const struct db_process_user *user, const char *directory,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Is any process working in this directory? (a postmaster and its backends do: PostgreSQL changes into its data directory) */
bool db_process_uses(const char *directory);

#endif
