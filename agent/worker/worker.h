/**
 * The privileged half of the agent: its settings, what it has open, and the operations the socket offers.
 */
#ifndef CERTCTL_WORKER_H
#define CERTCTL_WORKER_H

#include "agent/deploy/deploy.h"
#include "destroyed.h"
#include "keystore.h"
#include "sdk/host/connector.h"

#include <certctl/field.h>
#include <certctl/json.h>
#include <pthread.h>

/** The worker's own configuration: a local file.  Nothing that comes over the socket changes it. */
struct certctl_worker_settings {
	const char *socket, *user;
	const char *key_dir, *state_dir, *host_program;
	struct certctl_list plugin_dirs; /* of paths */
	struct certctl_list paths;       /* of paths: where files of targets may be written */
	struct certctl_list commands;    /* of texts: commands that may be run */
	int64_t rollback_hours, staged_hours;
	int log_level, log_format;
};
extern const struct certctl_field certctl_worker_fields[];

struct certctl_worker {
	const struct certctl_worker_settings *settings;
	const char *const *const *commands; /* the rows of settings->commands as words */
	struct certctl_pool *pool;
	struct certctl_keystore *keystore;
	struct certctl_destroyed *destroyed;
	struct certctl_deployer *deployer;
	pthread_mutex_t deploying; /* one transaction at a time on a host; guards `deployer` */
};

/** Open everything and finish or undo what a crash left.  `settings` is borrowed for ever.  certctl_worker_close() ends it. */
int certctl_worker_open(struct certctl_worker *worker, TALLOC_CTX *mem, const struct certctl_worker_settings *settings,
	struct certctl_error *err) CERTCTL_CHECKED;
void certctl_worker_close(struct certctl_worker *worker);

/** Unlink keys and generations whose time is over.  When to come again, in seconds from now: at most an hour. */
int64_t certctl_worker_expire(struct certctl_worker *worker);

/** Run one operation.  Any thread.  `ret` is the caller's to json_decref. */
int certctl_worker_handle(struct certctl_worker *worker, TALLOC_CTX *mem, const char *operation, const json_t *argument,
	json_t **ret, struct certctl_error *err) CERTCTL_CHECKED;

/** The operation "deploy": {"deployments": [...]} -> {"reports": [...]}, in their order. */
int certctl_worker_deploy(struct certctl_worker *worker, TALLOC_CTX *mem, const json_t *argument, json_t **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** The operation "look": {"deployments": [...]} -> {"looks": [...]}, in their order: what would be done, and what is served. */
int certctl_worker_look(struct certctl_worker *worker, TALLOC_CTX *mem, const json_t *argument, json_t **ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** The operation "test": {"target"} -> {"elapsed_ms", "error"}: what its plugin says of the server; null: a deployment may begin. */
int certctl_worker_test(struct certctl_worker *worker, TALLOC_CTX *mem, const json_t *argument, json_t **ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** The operation "status"; with "is_short" without lists. */
int certctl_worker_status(struct certctl_worker *worker, TALLOC_CTX *mem, const json_t *argument, json_t **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** A report as it goes to the agent and on to the control plane; NULL when out of memory. */
json_t *certctl_worker_report_json(const char *job_id, const struct certctl_deploy_report *report);
const char *certctl_worker_outcome_name(enum certctl_deploy_outcome outcome);

#endif
