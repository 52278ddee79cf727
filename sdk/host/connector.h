/**
 * The caller's side of a plugin process: find a plugin, learn what it is, call its operations.  Used by the control plane
 * (issuers, notifiers), by the agent's worker (targets) and by certctl-plugin.  Not part of the installed SDK.
 *
 * There is no other way to call a plugin.  One host process serves one instance; it is started on first use, stopped when
 * idle and `hosts_max` is reached, killed when a call passes its deadline, and started again, with backoff, after a crash.
 */
#ifndef CERTCTL_CONNECTOR_H
#define CERTCTL_CONNECTOR_H

#include <certctl/issuer.h>
#include <certctl/json.h>
#include <certctl/notifier.h>
#include <certctl/target.h>

/* --- The pool: which plugins there are, how many hosts may run -------------------------------------------------- */

struct certctl_pool;

struct certctl_pool_options {
	const char *const
		*plugin_dirs; /* searched in order, NULL-terminated; root's (or ours) and writable by nobody else */
	const char *const *enabled; /* "issuer/local-ca" ...; NULL: every plugin that is there */
	const char *host_program;   /* path of certctl-plugin-host */
	const char *cache_dir;      /* where descriptions are kept by file hash; NULL: in memory only */
	uint32_t hosts_max;         /* 0: 64 */
	int32_t idle_s;             /* a host unused that long stops; 0: 300 */
	/** Log records of plugins, with instance and plugin among the pairs; NULL: certctl_log. */
	void (*log)(void *arg, enum certctl_log_level level, const char *event, const char *const *pairs, size_t count);
	void *arg;
};

/** Any thread may use a pool.  talloc_free stops every host; not while calls run. */
int certctl_pool_new(TALLOC_CTX *mem, const struct certctl_pool_options *options, struct certctl_pool **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/**
 * Where certctl-plugin-host and the plugins are: beside the program that asks, in its build tree or prefix; else where they
 * were installed.  On `mem`; NULL when out of memory.
 */
const char *certctl_host_program(TALLOC_CTX *mem);
const char *certctl_plugin_folder(TALLOC_CTX *mem);

/** What a plugin file says it is, learnt in a process with nothing open and cached by the file's hash. Immutable. */
struct certctl_description {
	enum certctl_plugin_kind kind;
	char *id, *version, *summary, *file, *sha256;
	unsigned abi_major, abi_minor;
	const struct certctl_field *options, *item_options; /* rows of this process's size; item_options may be NULL */
	size_t config_size, item_size;
	uint32_t needs, caps, concurrency;
	char **operations; /* names of those that are set, NULL-terminated */
	json_t *json; /* all of it, with JSON Schemas and what is enforced: `certctl-plugin describe --json`, the API */
};
/** NOT_FOUND (names the directories), INVALID or UNSUPPORTED with the true reason the plugin was refused. Owned by the pool. */
int certctl_plugin_describe(struct certctl_pool *pool, enum certctl_plugin_kind kind, const char *id,
	const struct certctl_description **ret, struct certctl_error *err) CERTCTL_CHECKED;
/** The same for one file, wherever it is: for certctl-plugin. */
int certctl_plugin_describe_file(struct certctl_pool *pool, const char *path, const struct certctl_description **ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** Every plugin in the directories, good or refused: `each` gets a description or the error.  Duplicates are errors. */
int certctl_plugins_list(struct certctl_pool *pool,
	void (*each)(void *arg, const char *file, const struct certctl_description *description,
		const struct certctl_error *why),
	void *arg, struct certctl_error *err) CERTCTL_CHECKED;

/* --- An instance --------------------------------------------------------------------------------------------------- */

/** A configured plugin.  Opening it starts nothing: the first call does.  Any thread may call; talloc_free ends it. */
struct certctl_connector;

/**
 * Durable values of an instance, for host->state_get and state_put.  They belong to the instance, not to a call, so that no
 * call can forget them.  On the thread that made the call; several threads at once when the plugin takes several calls.
 */
struct certctl_connector_state {
	int (*get)(void *arg, const char *name, TALLOC_CTX *mem, char **ret_value, int64_t *ret_version,
		struct certctl_error *err);
	int (*put)(void *arg, const char *name, const char *value, int64_t expected_version, int64_t *ret_version,
		struct certctl_error *err);
	void *arg; /* lives as long as the connector */
};

struct certctl_connector_options {
	const char *name; /* "issuers/corp", for messages and logs */
	const struct certctl_description *description;
	const json_t *config;               /* as written, secrets resolved to literals; validated here */
	const char *const *const *commands; /* allow-list rows of the runner, NULL-terminated; NULL: none */
	const char *const
		*extra_read_paths; /* opened in the sandbox beside the plugin's own; NULL-terminated; may be NULL */
	struct certctl_connector_state state; /* all NULL: none */
};
/**
 * Options whose path is written (CERTCTL_PATH_WRITE) and not there are made as directories, 0700, when their parent exists;
 * otherwise INVALID.  INVALID also for a configuration that the option table refuses, with the path of the bad member.
 */
int certctl_connector_new(TALLOC_CTX *mem, struct certctl_pool *pool, const struct certctl_connector_options *options,
	struct certctl_connector **ret, struct certctl_error *err) CERTCTL_CHECKED;
const char *certctl_connector_name(const struct certctl_connector *connector);
const struct certctl_description *certctl_connector_description(const struct certctl_connector *connector);
/** How many more calls it can take at once; for claims that must not exceed the free slots. */
unsigned certctl_connector_free_slots(struct certctl_connector *connector);
/** Stop its host process, if there is one: calls in flight end as INTERRUPTED. */
void certctl_connector_stop(struct certctl_connector *connector);
/** Process id of its host now, 0 when none runs.  For status pages and fault tests. */
int certctl_connector_pid(struct certctl_connector *connector);

/* --- A call -------------------------------------------------------------------------------------------------------- */

/**
 * What a call needs from its caller.  The callbacks run on the thread that made the call, never on a frame reader, so they may
 * use that thread's database connection.  A missing callback answers UNSUPPORTED to the plugin; for state_get and state_put the
 * instance's own (struct certctl_connector_state) answer when the call brings none.
 */
struct certctl_call {
	int64_t timeout_ms; /* whole call, start of the host included; 0: 30,000.  At its end the host is killed */
	bool (*is_cancelled)(void *arg);
	int (*checkpoint)(void *arg, const char *state, struct certctl_error *err);
	int (*state_get)(void *arg, const char *name, TALLOC_CTX *mem, char **ret_value, int64_t *ret_version,
		struct certctl_error *err);
	int (*state_put)(void *arg, const char *name, const char *value, int64_t expected_version, int64_t *ret_version,
		struct certctl_error *err);
	int (*publish_challenge)(void *arg, const struct certctl_challenge *challenge, struct certctl_error *err);
	int (*withdraw_challenge)(void *arg, const struct certctl_challenge *challenge, struct certctl_error *err);
	void *arg;
};

/**
 * The one call under all typed ones: operation by name, argument and reply as JSON (what goes over the frame).
 * @return 0 (*ret is the caller's to json_decref; may be NULL as argument), the plugin's own error, or
 *         UNSUPPORTED (no such operation), TIMEOUT (host killed), CRASHED (with signal and last log lines; retryable),
 *         INTERRUPTED (a neighbour's fault: already tried once more alone; or stopped), CANCELLED (by call->is_cancelled),
 *         PROTOCOL (reply makes no sense), LIMIT (reply or argument over 8 MiB), UNAVAILABLE (backoff, or hosts_max all busy),
 *         CONFLICT (the plugin file has changed since it was described)
 *
 * Beside the plugin's operations its process answers "host.cycle" {"times", "instances"}: open and close that many instances
 * that often; the reply's heap_before and heap_after (bytes) show what that leaves behind.
 */
int certctl_connector_call(struct certctl_connector *connector, const char *operation, json_t *argument,
	const struct certctl_call *call, json_t **ret, struct certctl_error *err) CERTCTL_CHECKED;

/* Typed calls: one an operation, in issuer.h's, target.h's and notifier.h's terms.  Outputs on `mem`. Item options are JSON,
 * as the profile, binding or route has them; NULL: none. `call` may be NULL. */
int certctl_connector_test(struct certctl_connector *connector, const struct certctl_call *call,
	struct certctl_error *err) CERTCTL_CHECKED;
int certctl_connector_info(struct certctl_connector *connector, const struct certctl_call *call, TALLOC_CTX *mem,
	struct certctl_info *ret, struct certctl_error *err) CERTCTL_CHECKED;

int certctl_issuer_issue(struct certctl_connector *connector, const struct certctl_order *order, const json_t *item,
	const struct certctl_call *call, TALLOC_CTX *mem, struct certctl_issued *ret,
	struct certctl_error *err) CERTCTL_CHECKED;
int certctl_issuer_find(struct certctl_connector *connector, const struct certctl_order *order, const json_t *item,
	const struct certctl_call *call, TALLOC_CTX *mem, struct certctl_issued *ret,
	struct certctl_error *err) CERTCTL_CHECKED;
int certctl_issuer_abandon(struct certctl_connector *connector, const struct certctl_order *order, const json_t *item,
	const struct certctl_call *call, struct certctl_error *err) CERTCTL_CHECKED;
int certctl_issuer_revoke(struct certctl_connector *connector, const char *certificate_pem, int reason,
	const struct certctl_call *call, struct certctl_error *err) CERTCTL_CHECKED;
int certctl_issuer_chain(struct certctl_connector *connector, const struct certctl_call *call, TALLOC_CTX *mem,
	const char **ret_pem, struct certctl_error *err) CERTCTL_CHECKED;
int certctl_issuer_renewal_window(struct certctl_connector *connector, const char *certificate_pem,
	const struct certctl_call *call, TALLOC_CTX *mem, struct certctl_renewal_window *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

int certctl_target_plan(struct certctl_connector *connector, const struct certctl_bundle *bundle, const json_t *item,
	const struct certctl_call *call, TALLOC_CTX *mem, struct certctl_plan *ret,
	struct certctl_error *err) CERTCTL_CHECKED;
int certctl_target_validate(struct certctl_connector *connector, const struct certctl_bundle *bundle,
	const struct certctl_plan *plan, const struct certctl_call *call, struct certctl_error *err) CERTCTL_CHECKED;
int certctl_target_activate(struct certctl_connector *connector, const struct certctl_bundle *const *bundles,
	const struct certctl_plan *const *plans, const struct certctl_call *call,
	struct certctl_error *err) CERTCTL_CHECKED;
int certctl_target_served(struct certctl_connector *connector, const struct certctl_bundle *bundle, const json_t *item,
	const struct certctl_call *call, TALLOC_CTX *mem, const char **ret_fingerprint,
	struct certctl_error *err) CERTCTL_CHECKED;
int certctl_target_inventory(struct certctl_connector *connector, const struct certctl_call *call, TALLOC_CTX *mem,
	const struct certctl_inventory_item *const **ret, struct certctl_error *err) CERTCTL_CHECKED;

int certctl_notifier_send(struct certctl_connector *connector, const struct certctl_message *message,
	const json_t *item, const struct certctl_call *call, TALLOC_CTX *mem, struct certctl_receipt *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
