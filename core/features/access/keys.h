/** Inside access: changes of API keys, as the work of a transaction each. */
#ifndef CORE_ACCESS_KEYS_H
#define CORE_ACCESS_KEYS_H

#include "access.h"
#include "core/features/audit/audit.h"

/** What is asked for, by whom; members that a change does not use stay zero. */
struct key_change {
	TALLOC_CTX *mem;
	struct audit_actor actor;
	uint64_t permissions; /* of who asks */
	const char *id;       /* key_create() fills it */
	const char *name, *role;
	const char *scope;      /* JSON for in_scope(); NULL: no limits */
	const char *expires_at; /* RFC 3339; NULL: never, or by ttl_s */
	int64_t ttl_s, grace_s;
	bool has_enabled, enabled, has_limits, has_expiry; /* has_...: of key_update() */
	const char *details;                               /* of the event; NULL: none */
	struct access_secret secret;
	/** Is this what who asks knows?  NULL: whatever it is.  `was_changed`: it is not. */
	bool (*is_expected)(const struct key_change *change, const char *version);
	const void *arg;
	bool was_changed;
};

/** db_work_fn's of a struct key_change. DENIED: more than who asks has; CONFLICT: revoked, the last admin, or not as expected. */
int key_create(struct db *db, void *change, struct certctl_error *err) CERTCTL_CHECKED;
int key_update(struct db *db, void *change, struct certctl_error *err) CERTCTL_CHECKED;
int key_rotate(struct db *db, void *change, struct certctl_error *err) CERTCTL_CHECKED;
int key_revoke(struct db *db, void *change, struct certctl_error *err) CERTCTL_CHECKED;

#endif
