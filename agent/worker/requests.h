/**
 * What the socket may ask for, read strictly.  The other side may be hostile: every id is checked, every member has a row in a
 * field table, names are brought into canonical form.
 */
#ifndef CERTCTL_WORKER_REQUESTS_H
#define CERTCTL_WORKER_REQUESTS_H

#include "keystore.h"

#include <certctl/json.h>

/** `argument` of "csr".  Texts of `ret` are on `mem`. */
int certctl_request_csr(TALLOC_CTX *mem, const json_t *argument, struct certctl_key_order *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** A server, and the plugin that knows its kind. */
struct certctl_request_target {
	const char *id, *plugin;
	const json_t *options; /* borrowed from the request; checked by the plugin's own table; may be NULL */
};
/** `argument` of "test". */
int certctl_request_test(TALLOC_CTX *mem, const json_t *argument, struct certctl_request_target *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** One deployment of "deploy". */
struct certctl_request_deployment {
	const char *job_id, *certificate_id;
	const struct certctl_name *const *names; /* canonical, NULL-terminated */
	enum certctl_key_type key_type;
	const char *version_id;
	int64_t sequence;
	const char *leaf_pem, *chain_pem;
	const char *fingerprint_sha256, *public_key_sha256;
	int64_t not_after_unix_s;
	struct certctl_request_target
		target; /* id NULL: no server uses this certificate; all of binding is NULL then */
	const char *binding_id;
	const json_t *binding_options; /* borrowed from the request; checked by the plugin's own table */
	bool is_rollback;
};
int certctl_request_deployment(TALLOC_CTX *mem, const json_t *one, struct certctl_request_deployment *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** The id of the job that a deployment is for, checked; for reports about requests that are otherwise bad. */
int certctl_request_job_id(const json_t *one, const char **ret, struct certctl_error *err) CERTCTL_CHECKED;

#endif
