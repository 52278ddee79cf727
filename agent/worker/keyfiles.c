/*
 * The files of the key store: their names, reading, writing, finding one by its public key.  Knows nothing of when a key is
 * made, used or dropped.
 */
#include "keyfiles.h"

#include "agent/shared/listing.h"
#include "agent/shared/quarantine.h"

#include <certctl/log.h>
#include <stdio.h>
#include <string.h>

const struct certctl_file_attributes certctl_keyfile_private = { .mode = 0600, .uid = (uid_t)-1, .gid = (gid_t)-1 };

int certctl_keyfile_check_id(const char *what, const char *id, struct certctl_error *err)
{
	if (certctl_id_is_valid(id))
		return 0;
	return certctl_fail(err, CERTCTL_E_INVALID, "%s: not an id: [a-z0-9][a-z0-9.-]{0,62} expected", what);
}

bool certctl_keyfile_split(const char *name, struct certctl_keyfile_name *ret)
{
	*ret = (struct certctl_keyfile_name){ 0 };
	return sscanf(name, "%63[a-z0-9.-]_%127[a-z0-9.-]_%127[a-z0-9.-]", ret->certificate, ret->middle, ret->rest) >=
	       2;
}

int certctl_keyfile_hash(const struct certctl_key *key, char ret_hex[65], struct certctl_error *err)
{
	TALLOC_CTX *scratch = talloc_new(NULL);
	struct certctl_bytes public_key;
	int rc = certctl_key_public(scratch, key, &public_key, err);

	if (rc == 0)
		certctl_sha256_hex(public_key.data, public_key.len, ret_hex);
	talloc_free(scratch);
	return rc;
}

/* Local state is disposable: what cannot be read is put aside, and the store goes on as if it were not there. */
static int quarantine(int dir_fd, const char *name, struct certctl_error *err)
{
	certctl_log_error(CERTCTL_LOG_ERROR, "key.quarantined", err, "file", name, NULL);
	int rc = certctl_quarantine_put(dir_fd, name, err);

	if (rc < 0)
		return rc;
	return certctl_fail(err, CERTCTL_E_NOT_FOUND, "key file %s: was damaged and is put aside", name);
}

int certctl_keyfile_read(TALLOC_CTX *mem, int dir_fd, const char *name, struct certctl_key **ret, char ret_hex[65],
	struct certctl_error *err)
{
	struct certctl_secret text = { 0 };
	struct certctl_key *key = NULL;
	struct certctl_error why;
	int rc = certctl_file_read_secret(mem, dir_fd, name, KEYFILE_MAX_BYTES, &text, err);

	if (rc < 0)
		return rc;
	rc = certctl_key_read(mem, &text, NULL, &key, &why);
	certctl_secret_clear(&text);
	if (rc == CERTCTL_E_INVALID) {
		if (err)
			*err = why;
		return quarantine(dir_fd, name, err);
	}
	if (rc == 0)
		rc = certctl_keyfile_hash(key, ret_hex, &why);
	if (rc < 0) {
		talloc_free(key);
		return certctl_fail(err, rc, "key file %s: %s", name, why.what);
	}
	*ret = key;
	return 0;
}

int certctl_keyfile_write(int dir_fd, const char *name, const struct certctl_key *key, bool is_new,
	struct certctl_error *err)
{
	TALLOC_CTX *scratch = talloc_new(NULL);
	struct certctl_secret text = { 0 };
	int rc = certctl_key_write(scratch, key, CERTCTL_KEY_PKCS8_PEM, &text, err);

	if (rc == 0)
		rc = is_new ? certctl_file_create(dir_fd, name, text.data, text.len, &certctl_keyfile_private, err)
			    : certctl_file_replace(dir_fd, name, text.data, text.len, &certctl_keyfile_private, err);
	talloc_free(scratch);
	return rc;
}

void certctl_keyfile_csr_name(const char *key_name, char ret[KEYFILE_NAME_SIZE])
{
	size_t len = strlen(key_name);

	snprintf(ret, KEYFILE_NAME_SIZE, "%.*s.csr", (int)(len - strlen(".key")), key_name);
}

int certctl_keyfile_find_in(TALLOC_CTX *mem, int dir_fd, const char *certificate_id, const char *public_key_sha256,
	struct certctl_keyfile *ret, struct certctl_error *err)
{
	char **names, hex[65];
	size_t count;
	int rc = certctl_listing_read(mem, dir_fd, ".key", KEYFILES_MAX, &names, &count, err);

	for (size_t i = 0; rc == 0 && i < count; i++) {
		struct certctl_keyfile_name parts;
		struct certctl_key *key;

		if (!certctl_keyfile_split(names[i], &parts) || strcmp(parts.certificate, certificate_id) != 0)
			continue;
		rc = certctl_keyfile_read(mem, dir_fd, names[i], &key, hex, err);
		if (rc == 0 && strcmp(hex, public_key_sha256) == 0) {
			ret->dir_fd = dir_fd;
			ret->key = key;
			snprintf(ret->name, sizeof(ret->name), "%s", names[i]);
			return 0;
		}
		if (rc == CERTCTL_E_NOT_FOUND) /* damaged, and put aside: another may be the one */
			rc = 0;
	}
	return rc < 0 ? rc : CERTCTL_E_NOT_FOUND;
}

int certctl_keyfile_find(struct certctl_keystore *store, TALLOC_CTX *mem, const char *certificate_id,
	const char *public_key_sha256, struct certctl_keyfile *ret, struct certctl_error *err)
{
	const int folders[] = { store->staged_fd, store->previous_fd };
	char hex[65];

	snprintf(ret->name, sizeof(ret->name), "%s.key", certificate_id);
	ret->dir_fd = store->dir_fd;
	int rc = certctl_keyfile_read(mem, store->dir_fd, ret->name, &ret->key, hex, err);

	if (rc == 0 && strcmp(hex, public_key_sha256) == 0)
		return 0;
	for (size_t i = 0; i < CERTCTL_COUNT(folders) && (rc == 0 || rc == CERTCTL_E_NOT_FOUND); i++) {
		rc = certctl_keyfile_find_in(mem, folders[i], certificate_id, public_key_sha256, ret, err);
		if (rc == 0)
			return 0;
	}
	if (rc != CERTCTL_E_NOT_FOUND)
		return rc;
	return certctl_fail(err, CERTCTL_E_NOT_FOUND, "certificate %s: no key on this host has the public key %.16s...",
		certificate_id, public_key_sha256);
}
