/**
 * The private keys of this host.
 *
 *     <certificate>.key                        in use: what the deployed certificate belongs to
 *     staged/<certificate>_<job>.key .csr      made for a job whose certificate is not deployed yet
 *     previous/<certificate>_<expires>_<public key hash>.key    for a roll-back, until then
 *
 * All files are 0600 in directories of 0700.  "_" is in no id, so names cannot be confused.  A key that is in use is replaced
 * in one rename and only by certctl_keystore_activate().
 */
#ifndef CERTCTL_KEYSTORE_H
#define CERTCTL_KEYSTORE_H

#include <certctl/time.h>
#include <certctl/x509.h>

/** Any thread may use a store; talloc_free closes it. */
struct certctl_keystore;

struct certctl_keystore_options {
	const char *dir;                   /* absolute; made when missing, 0700 */
	int64_t rollback_hours;            /* how long a replaced key stays; 0: not at all */
	int64_t staged_hours;              /* how long a key waits for its certificate */
	const struct certctl_clock *clock; /* NULL: the system's */
	/** Told of every key that is about to be unlinked, perhaps more than once; NULL: nobody. */
	void (*destroyed)(void *arg, const char *certificate_id, const char *public_key_sha256);
	void *arg;
};
/** CONFLICT when another process has the store open. */
int certctl_keystore_open(TALLOC_CTX *mem, const struct certctl_keystore_options *options,
	struct certctl_keystore **ret, struct certctl_error *err) CERTCTL_CHECKED;

/** What a job asks for.  Ids are checked here; names are canonical. */
struct certctl_key_order {
	const char *certificate_id, *job_id;
	enum certctl_key_type key_type;
	bool reuse_key; /* the one in use, when there is one of that type */
	struct certctl_csr_request request;
};
struct certctl_key_staged {
	char *csr_pem;
	char public_key_sha256[65];
	bool is_new; /* the key was made by this call; false too for one that is used again */
};
/**
 * The request for a job, and its key staged.  The same job gets the same key and the same request, whatever was lost in between;
 * the same job with other names or another key type is CONFLICT.
 */
int certctl_keystore_csr(struct certctl_keystore *store, TALLOC_CTX *mem, const struct certctl_key_order *order,
	struct certctl_key_staged *ret, struct certctl_error *err) CERTCTL_CHECKED;

/** The key of that certificate with this public key: staged, in use or previous.  NOT_FOUND. */
int certctl_keystore_find(struct certctl_keystore *store, TALLOC_CTX *mem, const char *certificate_id,
	const char *public_key_sha256, struct certctl_key **ret, struct certctl_error *err) CERTCTL_CHECKED;

/**
 * Its certificate is deployed: this key is the one in use from now on, the one before it is kept for rollback_hours.
 * Repeating is success.  Killed at any instruction, repeating finishes it.
 */
int certctl_keystore_activate(struct certctl_keystore *store, const char *certificate_id, const char *public_key_sha256,
	struct certctl_error *err) CERTCTL_CHECKED;

/** The keys of one certificate. */
struct certctl_key_listed {
	const char *certificate_id;
	char public_key_sha256[65]; /* of the one in use; "": none yet */
	size_t staged_count, previous_count;
	int64_t previous_until_unix_s; /* when the last of them goes; 0: there is none */
};
/** At most `max` certificates, by id, on `mem`; `ret_total`: how many there are. */
int certctl_keystore_list(struct certctl_keystore *store, TALLOC_CTX *mem, size_t max, struct certctl_key_listed **ret,
	size_t *ret_count, size_t *ret_total, struct certctl_error *err) CERTCTL_CHECKED;

/** Unlink keys whose time is over.  `ret_next_unix_s`: when to come again; 0: nothing waits. */
int certctl_keystore_expire(struct certctl_keystore *store, int64_t *ret_next_unix_s,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
