/* Inside platform/db: one postmaster process on a data directory: adopt, start, watch, stop.  Knows no roles, no databases. */
#ifndef CORE_DB_POSTMASTER_H
#define CORE_DB_POSTMASTER_H

#include "process.h"

struct db_postmaster {
	const char *directory, *program, *socket_dir, *log_file;
	struct db_process_user user;
	pid_t pid;    /* 0: none known */
	int pid_fd;   /* readable once it has ended; -1: none known */
	bool is_ours; /* our child: to be reaped */
};

/** A live one on the directory becomes ours; otherwise what a dead one left is waited out and a new one started. */
int db_postmaster_start(struct db_postmaster *postmaster, struct certctl_error *err) CERTCTL_CHECKED;
/** Did it end?  Waits up to `timeout_ms` (-1: for ever) or until `wake_fd` is readable; reaps it. */
bool db_postmaster_ended(struct db_postmaster *postmaster, int wake_fd, int timeout_ms);
/** Fast shutdown; TIMEOUT after a minute. */
int db_postmaster_stop(struct db_postmaster *postmaster, struct certctl_error *err) CERTCTL_CHECKED;

#endif
