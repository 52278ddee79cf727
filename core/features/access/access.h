/**
 * Who may do what: API keys, roles, permissions.  A key is `sk-<16 hex digits to find it>-<64 secret ones>`; only its
 * SHA-256 is stored, and compared in constant time.
 */
#ifndef CORE_ACCESS_H
#define CORE_ACCESS_H

#include "core/features/feature.h"

#include <certctl/secret.h>

#define ACCESS_NAME_MAX 100 /* octets of a key's name */

/** Bits from 2 on: see http.h. A route names one of them. */
#define PERMISSION_CERTIFICATES_READ   (UINT64_C(1) << 2)
#define PERMISSION_CERTIFICATES_WRITE  (UINT64_C(1) << 3)
#define PERMISSION_CERTIFICATES_RENEW  (UINT64_C(1) << 4)
#define PERMISSION_CERTIFICATES_DEPLOY (UINT64_C(1) << 5)
#define PERMISSION_TARGETS_READ        (UINT64_C(1) << 6)
#define PERMISSION_TARGETS_WRITE       (UINT64_C(1) << 7)
#define PERMISSION_AGENTS_READ         (UINT64_C(1) << 8)
#define PERMISSION_AGENTS_WRITE        (UINT64_C(1) << 9)
#define PERMISSION_JOBS_READ           (UINT64_C(1) << 10)
#define PERMISSION_JOBS_WRITE          (UINT64_C(1) << 11) /* cancel, retry */
#define PERMISSION_JOBS_APPROVE        (UINT64_C(1) << 12)
#define PERMISSION_ISSUERS_READ        (UINT64_C(1) << 13)
#define PERMISSION_ISSUERS_WRITE       (UINT64_C(1) << 14)
#define PERMISSION_NOTIFIERS_READ      (UINT64_C(1) << 15)
#define PERMISSION_NOTIFIERS_WRITE     (UINT64_C(1) << 16)
#define PERMISSION_ORGANIZATION_READ   (UINT64_C(1) << 17) /* teams and owners */
#define PERMISSION_ORGANIZATION_WRITE  (UINT64_C(1) << 18)
#define PERMISSION_POLICIES_READ       (UINT64_C(1) << 19) /* profiles and renewal policies */
#define PERMISSION_POLICIES_WRITE      (UINT64_C(1) << 20)
#define PERMISSION_AUDIT_READ          (UINT64_C(1) << 21)
#define PERMISSION_KEYS_READ           (UINT64_C(1) << 22) /* API keys */
#define PERMISSION_KEYS_WRITE          (UINT64_C(1) << 23)
#define PERMISSION_SYSTEM_READ         (UINT64_C(1) << 24) /* metrics, doctor, plugins */

/** Of the operators' listener: `Authorization: Bearer sk-...`. 401 without a valid key, 403 without the permission. */
int access_authenticate(struct http_request *request, struct http_reply *reply,
	struct certctl_error *err) CERTCTL_CHECKED;

/** "admin, operator": the roles that have one of these permissions, on `mem`; NULL: none. */
const char *access_roles(TALLOC_CTX *mem, uint64_t wanted);

/** A new secret `<prefix>-<lookup>-<secret>` and what is stored of it; the text is wiped with `mem`. */
struct access_secret {
	const char *text;
	char lookup[17], sha256[65];
};
int access_secret_make(TALLOC_CTX *mem, const char *prefix, struct access_secret *ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** The lookup part of a text of that form; false: it is none. */
bool access_secret_lookup(const char *text, const char *prefix, char ret_lookup[17]);
/** The same of an API key: ours, or one given from outside (32 to 128 letters, digits and hyphens), which is found by its hash. */
bool access_key_lookup(const char *key, char ret_lookup[17]);
/** Does the text hash to this?  In constant time. */
bool access_secret_matches(const char *text, const char *sha256);

/**
 * At the very first start: an admin key, written to `file` (0600).
 * @param ret_key  the key, to be shown once; NULL when there are keys already.  On `mem`
 */
int access_setup(struct db_pool *db, const char *directory, const char *file, TALLOC_CTX *mem, const char **ret_key,
	struct certctl_error *err) CERTCTL_CHECKED;

/**
 * Record the keys of the settings, marked source=environment.  Once recorded nothing changes, whatever was done to one since,
 * until it is another one.  A key that api.keys_named or auth.secret names no more is withdrawn; a setting that is not set
 * changes nothing.
 * INVALID names the setting and the key; CONFLICT: the name is that of a key made otherwise
 */
int access_seed(struct db_pool *db, const struct settings *settings, struct certctl_error *err) CERTCTL_CHECKED;

extern const struct feature access_feature;

#endif
