/**
 * Configured plugins: which instances there are, under which id.  They come from `connectors.d/<any name>.yaml`:
 *
 *     issuers:
 *       - id: iss-local
 *         name: Local CA
 *         type: local-ca
 *         options: { ... }
 *     notifiers:
 *       - id: ntf-ops
 *         type: webhook
 *         options: { ... }
 *
 * or from rows that were made over the API, whose options are sealed.  An instance whose plugin is missing or refuses its options
 * says so in the log and to who asks for its status, and harms no other.
 */
#ifndef CORE_CONNECTORS_H
#define CORE_CONNECTORS_H

#include "core/platform/db/db.h"
#include "core/platform/jobs/jobs.h"
#include "core/platform/sealing/sealing.h"
#include "sdk/host/connector.h"

struct connectors;

struct connectors_options {
	struct db_pool *db;
	const struct sealing *sealing;  /* of what instances keep for good */
	const char *const *plugin_dirs; /* NULL-terminated */
	const char *host_program;
	const char *directory; /* of the files; need not be there */
	/* Make the issuer iss-local, in place of one of that name in the files; both NULL: no. */
	const char *ca_cert_path, *ca_key_path;
	const char *secrets_dir; /* where "secret:NAME" of the API leads to; NULL: nowhere */
	const char *const *
		api_networks; /* that instances made over the API may open for themselves, NULL-terminated; NULL: none */
};

/** Nothing is read yet.  talloc_free stops every plugin process. */
int connectors_new(TALLOC_CTX *mem, const struct connectors_options *options, struct connectors **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/**
 * Read the files, bring the table `issuers` up to date, open the instances.  Called again, it opens those that are new or
 * changed and leaves out those that are gone; one that does not open as it is written now stays as it was.
 * @return 0; INVALID: a file that is wrong, with line and column; nothing has changed then
 */
int connectors_load(struct connectors *connectors, struct certctl_error *err) CERTCTL_CHECKED;
/**
 * Open what was made over the API and is new or changed, leave out what is gone.  A thread does so every two seconds; who has
 * changed a row calls it to be faster.
 */
int connectors_sync(struct connectors *connectors, struct certctl_error *err) CERTCTL_CHECKED;
/** Are the files well-formed?  Opens nothing. */
int connectors_check(const char *directory, struct certctl_error *err) CERTCTL_CHECKED;

/**
 * An instance that is ours and stands in no file: neither connectors_issuer() nor connectors_runners() knows it.  Owned by
 * `connectors`.
 */
int connectors_open(struct connectors *connectors, enum certctl_plugin_kind kind, const char *id, const char *type,
	const json_t *options, struct certctl_connector **ret, struct certctl_error *err) CERTCTL_CHECKED;

/** Borrowed, as long as `connectors` lives; NOT_FOUND when this server has no such issuer open. */
int connectors_issuer(struct connectors *connectors, const char *id, struct certctl_connector **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** The same of a notifier. */
int connectors_notifier(struct connectors *connectors, const char *id, struct certctl_connector **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** What a notifier can be told of. */
extern const struct certctl_choice connector_events[];

/** What has become of one on this server; texts on `mem`. */
struct connector_status {
	const char *status; /* "open", "refused" (see reason), "closed" (disabled, or not known here yet) */
	const char *reason; /* NULL: none.  Of an open one: why it is still as it was before */
};
void connectors_status(struct connectors *connectors, enum certctl_plugin_kind kind, const char *id, TALLOC_CTX *mem,
	struct connector_status *ret);

/** How many are open here, and how many refused.  From memory. */
struct connectors_count {
	unsigned open, refused;
};
void connectors_count(struct connectors *connectors, enum certctl_plugin_kind kind, struct connectors_count *ret);

/** What the plugin `type` says it is.  Owned by `connectors`. */
int connectors_describe(struct connectors *connectors, enum certctl_plugin_kind kind, const char *type,
	const struct certctl_description **ret, struct certctl_error *err) CERTCTL_CHECKED;
/** Every plugin in the directories of this server. */
int connectors_plugins(struct connectors *connectors,
	void (*each)(void *arg, const char *file, const struct certctl_description *description,
		const struct certctl_error *why),
	void *arg, struct certctl_error *err) CERTCTL_CHECKED;

/** "issuer/<id>" with the calls each may take now, for the job engine.  On `mem`. */
int connectors_runners(struct connectors *connectors, TALLOC_CTX *mem, struct job_runner **ret, size_t *ret_count,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Settings that the rules of options made over the API depend on. */
const struct connectors_options *connectors_settings(const struct connectors *connectors);

/**
 * Seal the values that instances keep anew when they are under another key than the first one.  Those that cannot be read are said
 * so in the log, and stay.
 */
int connectors_state_reseal(struct db_pool *db, const struct sealing *sealing,
	struct certctl_error *err) CERTCTL_CHECKED;

/** The same for the options of instances that were made over the API. */
int connectors_rows_reseal(struct db_pool *db, const struct sealing *sealing,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
