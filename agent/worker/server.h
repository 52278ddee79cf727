/** Serves the worker's socket. */
#ifndef CERTCTL_WORKER_SERVER_H
#define CERTCTL_WORKER_SERVER_H

#include "worker.h"

#include <sys/types.h>

/**
 * Answer requests of `user` until `stop_fd` becomes readable; then take no more, let those that run end, and return.
 * Between requests, keys and generations whose time is over are unlinked.
 */
int certctl_worker_serve(struct certctl_worker *worker, int listen_fd, int stop_fd, uid_t user,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
