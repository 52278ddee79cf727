/** The files of a key store, and the store itself; for the files of this folder that make up the key store. */
#ifndef CERTCTL_KEYFILES_H
#define CERTCTL_KEYFILES_H

#include "keystore.h"

#include <certctl/files.h>
#include <pthread.h>

/* An RSA-4096 key in PKCS#8 PEM has 3.3 KB; a request with a hundred names 8. */
#define KEYFILE_MAX_BYTES 65536
#define KEYFILES_MAX      100000
/* Far below: a store that is full can still find its keys, and let them expire. */
#define KEYFILES_STAGED_MAX 10000
#define KEYFILE_NAME_SIZE   256

struct certctl_keystore {
	int dir_fd, staged_fd, previous_fd, lock_fd;
	int64_t rollback_hours, staged_hours;
	const struct certctl_clock *clock;
	void (*destroyed)(void *arg, const char *certificate_id, const char *public_key_sha256);
	void *arg;
	pthread_mutex_t lock;
};

extern const struct certctl_file_attributes certctl_keyfile_private;

int certctl_keyfile_check_id(const char *what, const char *id, struct certctl_error *err) CERTCTL_CHECKED;

/** What a file name says: "<certificate>_<middle>[_<rest>].key". */
struct certctl_keyfile_name {
	char certificate[64];
	char middle[128]; /* job id, or expiry */
	char rest[128];   /* public key hash of a previous key */
};
/** False for a name that is not of our making. */
bool certctl_keyfile_split(const char *name, struct certctl_keyfile_name *ret);
/** The name of the request that belongs to a staged key. */
void certctl_keyfile_csr_name(const char *key_name, char ret[KEYFILE_NAME_SIZE]);

int certctl_keyfile_hash(const struct certctl_key *key, char ret_hex[65], struct certctl_error *err) CERTCTL_CHECKED;
/** Read a key and the hash of its public half.  NOT_FOUND when the file is not there. */
int certctl_keyfile_read(TALLOC_CTX *mem, int dir_fd, const char *name, struct certctl_key **ret, char ret_hex[65],
	struct certctl_error *err) CERTCTL_CHECKED;
/** `is_new`: CONFLICT when the file exists; otherwise it is replaced in one rename. */
int certctl_keyfile_write(int dir_fd, const char *name, const struct certctl_key *key, bool is_new,
	struct certctl_error *err) CERTCTL_CHECKED;

/** A key and where it is. */
struct certctl_keyfile {
	int dir_fd;
	char name[KEYFILE_NAME_SIZE];
	struct certctl_key *key;
};
/** A key of the certificate in one folder.  NOT_FOUND (err is not filled: the caller may know another place). */
int certctl_keyfile_find_in(TALLOC_CTX *mem, int dir_fd, const char *certificate_id, const char *public_key_sha256,
	struct certctl_keyfile *ret, struct certctl_error *err) CERTCTL_CHECKED;
/** In use, staged or previous.  The caller holds the lock. */
int certctl_keyfile_find(struct certctl_keystore *store, TALLOC_CTX *mem, const char *certificate_id,
	const char *public_key_sha256, struct certctl_keyfile *ret, struct certctl_error *err) CERTCTL_CHECKED;

#endif
