/** One deployment that the socket asks for, made ready: what "deploy" and "look" have in common. */
#ifndef CERTCTL_WORKER_PREPARED_H
#define CERTCTL_WORKER_PREPARED_H

#include "requests.h"
#include "worker.h"

/** `report` is final when `is_over`. */
struct certctl_prepared {
	const char *job_id;
	struct certctl_request_deployment request;
	struct certctl_key *key;
	struct certctl_bundle bundle;
	struct certctl_connector *target; /* NULL: no server uses this certificate */
	struct certctl_deployment deployment;
	struct certctl_deploy_report report;
	bool is_over;
};

/** A plugin's instance with the options of a target, on `mem`; nothing is started before the first call.  `options` may be NULL. */
int certctl_open_target(struct certctl_worker *worker, TALLOC_CTX *mem, const struct certctl_request_target *target,
	struct certctl_connector **ret, struct certctl_error *err) CERTCTL_CHECKED;

/** Fill items[index] from `one`; those before it may share their connector. */
int certctl_prepare(struct certctl_worker *worker, TALLOC_CTX *mem, const json_t *one, struct certctl_prepared *items,
	size_t index, struct certctl_error *err) CERTCTL_CHECKED;

#endif
