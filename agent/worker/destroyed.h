/**
 * Keys that are no more, until the control plane has been told: one small file each, written before the key is unlinked.
 *
 *     destroyed/<public key hash>.json
 */
#ifndef CERTCTL_WORKER_DESTROYED_H
#define CERTCTL_WORKER_DESTROYED_H

#include <certctl/json.h>
#include <talloc.h>

/** Any thread; talloc_free closes it. */
struct certctl_destroyed;
int certctl_destroyed_open(TALLOC_CTX *mem, const char *dir, struct certctl_destroyed **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Durable when the call returns; telling the same again changes nothing. */
int certctl_destroyed_add(struct certctl_destroyed *destroyed, const char *certificate_id,
	const char *public_key_sha256, int64_t now_unix_s, struct certctl_error *err) CERTCTL_CHECKED;
/** [{"certificate_id", "public_key_sha256", "destroyed_at"}], at most `max`; the caller's to json_decref. */
int certctl_destroyed_list(struct certctl_destroyed *destroyed, size_t max, json_t **ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** The control plane knows: [{"public_key_sha256"}, ...] of certctl_destroyed_list().  INVALID: not such a list. */
int certctl_destroyed_forget(struct certctl_destroyed *destroyed, const json_t *keys,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
