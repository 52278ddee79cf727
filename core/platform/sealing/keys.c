/* The file with the keys: made, read, refused.  Knows nothing of what is sealed. */
#include "keys.h"

#include <certctl/files.h>
#include <certctl/log.h>
#include <certctl/x509.h>
#include <ctype.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Keys are read often and written once in years: this many rotations may be kept at once. */
#define KEYS_MAX 16
#define FILE_MAX 16384

/* --- The file -------------------------------------------------------------------------------------------------------- */

/* Without a NUL at its end, and without a copy that nobody wipes. */
static void write_hex(const unsigned char *data, size_t len, char *out)
{
	for (size_t i = 0; i < len; i++) {
		out[2 * i] = "0123456789abcdef"[data[i] >> 4];
		out[2 * i + 1] = "0123456789abcdef"[data[i] & 15];
	}
}

static int make_file(const struct sealing_options *options, struct certctl_error *err)
{
	static const struct certctl_file_attributes private = { .mode = 0600, .uid = (uid_t)-1, .gid = (gid_t)-1 };
	TALLOC_CTX *mem = talloc_new(NULL);
	CERTCTL_AUTO_CLOSE int dir_fd = -1;
	unsigned char *key = mem ? certctl_secret_alloc(mem, SEALING_KEY_BYTES) : NULL;
	char *text = mem ? certctl_secret_alloc(mem, (size_t)2 * SEALING_KEY_BYTES + 2) : NULL;
	int rc = key && text ? certctl_random(key, SEALING_KEY_BYTES, err)
			     : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	if (rc == 0) {
		write_hex(key, SEALING_KEY_BYTES, text);
		text[(size_t)2 * SEALING_KEY_BYTES] = '\n';
		rc = certctl_dir_open(options->state_dir, &dir_fd, err);
	}
	/* Whole or not there, whenever the machine stops; two servers never share a state directory. */
	if (rc == 0)
		rc = certctl_file_replace(dir_fd, SEALING_KEY_FILE, text, (size_t)2 * SEALING_KEY_BYTES + 1, &private,
			err);
	talloc_free(mem);
	return rc;
}

/* Group may read: that is how the ACL of a systemd credential looks. */
static int check_mode(const char *path, struct certctl_error *err)
{
	struct stat status;

	if (stat(path, &status) < 0)
		return 0; /* reading says why */
	if (!(status.st_mode & (S_IWGRP | S_IRWXO)) && (status.st_uid == geteuid() || status.st_uid == 0))
		return 0;
	certctl_fail(err, CERTCTL_E_DENIED, "owner %u and mode %04o let others at the keys", (unsigned)status.st_uid,
		(unsigned)status.st_mode & 07777);
	certctl_hint(err,
		"Give the file to the server's user with mode 0600; if others may have read it, rotate the key.");
	return CERTCTL_E_DENIED;
}

/* --- Its lines ------------------------------------------------------------------------------------------------------- */

static int set_id(struct sealing_key *key, struct certctl_error *err)
{
	static const char purpose[] = "certctl: id of a sealing key";
	unsigned char digest[32];

	if (gnutls_hmac_fast(GNUTLS_MAC_SHA256, key->secret.data, key->secret.len, purpose, sizeof(purpose) - 1,
		    digest) < 0)
		return certctl_fail(err, CERTCTL_E_INTERNAL, "HMAC-SHA256 failed");
	write_hex(digest, SEALING_KEY_ID / 2, key->id);
	return 0;
}

static int digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

static int add_key(struct sealing *sealing, const char *text, size_t len, struct certctl_error *err)
{
	struct sealing_key key = { 0 };
	unsigned char bytes[SEALING_KEY_BYTES];
	bool is_good = len == (size_t)2 * SEALING_KEY_BYTES;
	int rc;

	for (size_t i = 0; is_good && i < SEALING_KEY_BYTES; i++) {
		int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

		is_good = high >= 0 && low >= 0;
		bytes[i] = (unsigned char)((unsigned)high << 4 | (unsigned)low);
	}
	if (!is_good)
		return certctl_fail(err, CERTCTL_E_INVALID, "%d hexadecimal digits expected", 2 * SEALING_KEY_BYTES);
	if (sealing->count == KEYS_MAX)
		return certctl_fail(err, CERTCTL_E_LIMIT, "at most %d keys", KEYS_MAX);
	rc = certctl_secret_set(sealing, &key.secret, bytes, sizeof(bytes));
	certctl_wipe(bytes, sizeof(bytes));
	if (rc < 0)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	if ((rc = set_id(&key, err)) < 0)
		return rc;
	if (sealing_key_find(sealing, key.id))
		return certctl_fail(err, CERTCTL_E_INVALID, "this key is there twice");
	sealing->keys[sealing->count++] = key;
	return 0;
}

static int read_lines(struct sealing *sealing, const char *text, struct certctl_error *err)
{
	int rc = 0;

	for (int line = 1; rc == 0 && *text; line++) {
		const char *end = strchrnul(text, '\n'), *from = text, *to = end;

		while (from < to && isspace((unsigned char)*from))
			from++;
		while (to > from && isspace((unsigned char)to[-1]))
			to--;
		if (from < to && *from != '#' && (rc = add_key(sealing, from, (size_t)(to - from), err)) < 0)
			certctl_error_prefix(err, "line %d", line);
		text = *end ? end + 1 : end;
	}
	if (rc == 0 && sealing->count == 0) {
		rc = certctl_fail(err, CERTCTL_E_INVALID, "no key in it");
		certctl_hint(err,
			"Bring back the file this database was sealed with; `openssl rand -hex 32` makes a key.");
	}
	return rc;
}

/* --- In -------------------------------------------------------------------------------------------------------------- */

static int read_file(struct sealing *sealing, struct certctl_error *err)
{
	char *text = NULL;
	size_t len = 0;
	int rc = check_mode(sealing->file, err);

	if (rc == 0)
		rc = certctl_file_read_path(sealing, sealing->file, FILE_MAX, &text, &len, err);
	if (rc < 0)
		return rc;
	rc = strlen(text) == len ? read_lines(sealing, text, err)
				 : certctl_fail(err, CERTCTL_E_INVALID, "a NUL in it; text expected");
	certctl_wipe(text, len);
	talloc_free(text);
	return rc;
}

int sealing_open(TALLOC_CTX *mem, const struct sealing_options *options, struct sealing **ret,
	struct certctl_error *err)
{
	struct sealing *sealing = talloc_zero(mem, struct sealing);
	int rc = 0;

	if (sealing) {
		sealing->keys = talloc_zero_array(sealing, struct sealing_key, KEYS_MAX);
		sealing->file = options->key_file
					? talloc_strdup(sealing, options->key_file)
					: talloc_asprintf(sealing, "%s/" SEALING_KEY_FILE, options->state_dir);
	}
	if (!sealing || !sealing->keys || !sealing->file) {
		talloc_free(sealing);
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	}
	if (!options->key_file && access(sealing->file, F_OK) < 0 && errno == ENOENT) {
		rc = make_file(options, err);
		if (rc == 0)
			certctl_log(CERTCTL_LOG_NOTICE, "sealing.key_made", "file", sealing->file, NULL);
	}
	if (rc == 0)
		rc = read_file(sealing, err);
	if (rc < 0) {
		certctl_error_prefix(err, "%s", sealing->file);
		talloc_free(sealing);
		return rc;
	}
	*ret = sealing;
	return 0;
}

const char *sealing_key_id(const struct sealing *sealing)
{
	return sealing->keys[0].id;
}

const struct sealing_key *sealing_key_find(const struct sealing *sealing, const char *id)
{
	for (size_t i = 0; i < sealing->count; i++)
		if (strcmp(sealing->keys[i].id, id) == 0)
			return &sealing->keys[i];
	return NULL;
}
