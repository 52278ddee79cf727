/*
 * How a staged key becomes the one in use, the one before it a previous one, and how both end.  Every step may be the last
 * before a crash: the order of the writes is what makes repeating finish it.
 */
#include "agent/shared/listing.h"
#include "agent/shared/quarantine.h"
#include "keyfiles.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Told before it happens: a crash in between destroys it after the next start, and tells the same again. */
static void tell_destroyed(const struct certctl_keystore *store, const char *certificate_id,
	const char *public_key_sha256)
{
	if (store->destroyed)
		store->destroyed(store->arg, certificate_id, public_key_sha256);
}

/* A staged or previous copy of the key in use (profiles may say that a key stays): only the copy goes. */
static bool is_in_use(const struct certctl_keystore *store, TALLOC_CTX *mem, const char *certificate_id,
	const char *hash)
{
	char name[KEYFILE_NAME_SIZE], hash_in_use[65];
	struct certctl_error why;
	struct certctl_key *key;

	snprintf(name, sizeof(name), "%s.key", certificate_id);
	return certctl_keyfile_read(mem, store->dir_fd, name, &key, hash_in_use, &why) == 0 &&
	       strcmp(hash_in_use, hash) == 0;
}

/* --- From staged to in use to previous -------------------------------------------------------------------------------- */

static int keep_previous(struct certctl_keystore *store, const char *certificate_id, const struct certctl_key *key,
	const char *key_hash, struct certctl_error *err)
{
	TALLOC_CTX *scratch = talloc_new(NULL);
	char name[KEYFILE_NAME_SIZE];
	struct certctl_keyfile found;
	int rc = certctl_keyfile_find_in(scratch, store->previous_fd, certificate_id, key_hash, &found, err);

	talloc_free(scratch);
	if (rc != CERTCTL_E_NOT_FOUND) /* kept before a crash, or the folder cannot be read */
		return rc;
	snprintf(name, sizeof(name), "%s_%" PRId64 "_%s.key", certificate_id,
		certctl_clock_now_s(store->clock) + store->rollback_hours * 3600, key_hash);
	return certctl_keyfile_write(store->previous_fd, name, key, true, err);
}

static int drop_staged(struct certctl_keystore *store, const char *name, struct certctl_error *err)
{
	char csr_name[KEYFILE_NAME_SIZE];

	certctl_keyfile_csr_name(name, csr_name);
	int rc = certctl_file_remove(store->staged_fd, csr_name, err);

	return rc < 0 ? rc : certctl_file_remove(store->staged_fd, name, err);
}

/* A key whose time is over: unlinked, and its end is told. */
static int expire_one(struct certctl_keystore *store, TALLOC_CTX *mem, int dir_fd, const char *name,
	const struct certctl_keyfile_name *parts, struct certctl_error *err)
{
	struct certctl_key *key;
	char hash[65];
	int rc = certctl_keyfile_read(mem, dir_fd, name, &key, hash, err);

	if (rc == CERTCTL_E_NOT_FOUND) /* damaged, and put aside */
		return 0;
	if (rc < 0)
		return rc;
	if (!is_in_use(store, mem, parts->certificate, hash))
		tell_destroyed(store, parts->certificate, hash);
	return dir_fd == store->staged_fd ? drop_staged(store, name, err) : certctl_file_remove(dir_fd, name, err);
}

static int64_t changed_ns(int dir_fd, const char *name)
{
	struct stat status;

	if (fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return INT64_MAX;
	return (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
}

/* The staged key that came into use goes, and those of the certificate that are older: their jobs are history. */
static int drop_staged_until(struct certctl_keystore *store, TALLOC_CTX *mem, const char *certificate_id,
	const char *newest, struct certctl_error *err)
{
	int64_t until_ns = changed_ns(store->staged_fd, newest);
	char **names;
	size_t count;
	int rc = certctl_listing_read(mem, store->staged_fd, ".key", KEYFILES_MAX, &names, &count, err);

	for (size_t i = 0; rc == 0 && i < count; i++) {
		struct certctl_keyfile_name parts;

		if (!certctl_keyfile_split(names[i], &parts) || strcmp(parts.certificate, certificate_id) != 0)
			continue;
		if (strcmp(names[i], newest) != 0 && changed_ns(store->staged_fd, names[i]) <= until_ns)
			rc = expire_one(store, mem, store->staged_fd, names[i], &parts, err);
	}
	return rc < 0 ? rc : drop_staged(store, newest, err);
}

/* What the key in use leaves behind in the two folders. */
static int tidy_after(struct certctl_keystore *store, TALLOC_CTX *mem, const char *certificate_id, const char *key_hash,
	struct certctl_error *err)
{
	struct certctl_keyfile found;
	int rc = certctl_keyfile_find_in(mem, store->staged_fd, certificate_id, key_hash, &found, err);

	if (rc == 0)
		rc = drop_staged_until(store, mem, certificate_id, found.name, err);
	if (rc == 0 || rc == CERTCTL_E_NOT_FOUND)
		rc = certctl_keyfile_find_in(mem, store->previous_fd, certificate_id, key_hash, &found, err);
	if (rc == 0)
		return certctl_file_remove(store->previous_fd, found.name, err);
	return rc == CERTCTL_E_NOT_FOUND ? 0 : rc;
}

static int replace_key(struct certctl_keystore *store, TALLOC_CTX *mem, const char *certificate_id,
	const struct certctl_key *key, struct certctl_error *err)
{
	char name[KEYFILE_NAME_SIZE], hash[65];
	struct certctl_key *current = NULL;

	snprintf(name, sizeof(name), "%s.key", certificate_id);
	int rc = certctl_keyfile_read(mem, store->dir_fd, name, &current, hash, err);
	bool has_current = rc == 0;

	if (rc == CERTCTL_E_NOT_FOUND)
		rc = 0;
	else if (rc == 0 && store->rollback_hours > 0)
		rc = keep_previous(store, certificate_id, current, hash, err);
	if (rc == 0 && has_current && store->rollback_hours == 0)
		tell_destroyed(store, certificate_id, hash);
	return rc == 0 ? certctl_keyfile_write(store->dir_fd, name, key, false, err) : rc;
}

int certctl_keystore_activate(struct certctl_keystore *store, const char *certificate_id, const char *public_key_sha256,
	struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct certctl_keyfile found;
	int rc = certctl_keyfile_check_id("certificate", certificate_id, err);

	pthread_mutex_lock(&store->lock);
	if (rc == 0)
		rc = certctl_keyfile_find(store, mem, certificate_id, public_key_sha256, &found, err);
	if (rc == 0 && found.dir_fd != store->dir_fd)
		rc = replace_key(store, mem, certificate_id, found.key, err);
	if (rc == 0)
		rc = tidy_after(store, mem, certificate_id, public_key_sha256, err);
	pthread_mutex_unlock(&store->lock);
	talloc_free(mem);
	return rc;
}

/* --- The end of keys ---------------------------------------------------------------------------------------------------- */

/* When this file is to go. */
static int64_t expiry_of(const struct certctl_keystore *store, int dir_fd, const char *name,
	const struct certctl_keyfile_name *parts)
{
	if (dir_fd == store->previous_fd)
		return strtoll(parts->middle, NULL, 10);
	return changed_ns(dir_fd, name) / 1000000000 + store->staged_hours * 3600;
}

static int expire_folder(struct certctl_keystore *store, TALLOC_CTX *mem, int dir_fd, int64_t *next,
	struct certctl_error *err)
{
	int64_t now_s = certctl_clock_now_s(store->clock);
	char **names;
	size_t count;
	int rc = certctl_listing_read(mem, dir_fd, ".key", KEYFILES_MAX, &names, &count, err);

	for (size_t i = 0; rc == 0 && i < count; i++) {
		struct certctl_keyfile_name parts;

		if (!certctl_keyfile_split(names[i], &parts))
			continue;
		int64_t expiry = expiry_of(store, dir_fd, names[i], &parts);

		if (expiry <= now_s)
			rc = expire_one(store, mem, dir_fd, names[i], &parts, err);
		else if (*next == 0 || expiry < *next)
			*next = expiry;
	}
	return rc;
}

static int tidy_quarantines(const struct certctl_keystore *store, struct certctl_error *err)
{
	const int folders[] = { store->dir_fd, store->staged_fd, store->previous_fd };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < CERTCTL_COUNT(folders); i++)
		rc = certctl_quarantine_tidy(folders[i], certctl_clock_now_s(store->clock), err);
	return rc;
}

int certctl_keystore_expire(struct certctl_keystore *store, int64_t *ret_next_unix_s, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	int64_t next = 0;

	pthread_mutex_lock(&store->lock);
	int rc = expire_folder(store, mem, store->previous_fd, &next, err);

	if (rc == 0)
		rc = expire_folder(store, mem, store->staged_fd, &next, err);
	rc = rc < 0 ? rc : tidy_quarantines(store, err);
	pthread_mutex_unlock(&store->lock);
	talloc_free(mem);
	if (rc == 0)
		*ret_next_unix_s = next;
	return rc;
}
