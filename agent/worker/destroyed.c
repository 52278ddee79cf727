/* What is still to be told about keys that are no more.  Knows nothing of keys. */
#include "destroyed.h"

#include "agent/shared/listing.h"
#include "agent/shared/quarantine.h"

#include <certctl/files.h>
#include <certctl/time.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SUFFIX    ".json"
#define FILE_MAX  4096
#define COUNT_MAX 100000
#define NAME_SIZE 80

static const struct certctl_file_attributes private_file = { .mode = 0600, .uid = (uid_t)-1, .gid = (gid_t)-1 };

struct certctl_destroyed {
	int dir_fd;
};

static int close_dir(struct certctl_destroyed *destroyed)
{
	certctl_close_auto(&destroyed->dir_fd);
	return 0;
}

int certctl_destroyed_open(TALLOC_CTX *mem, const char *dir, struct certctl_destroyed **ret, struct certctl_error *err)
{
	struct certctl_destroyed *destroyed = talloc(mem, struct certctl_destroyed);

	if (!destroyed)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "destroyed keys");
	destroyed->dir_fd = -1;
	talloc_set_destructor(destroyed, close_dir);
	int rc = certctl_dir_make(dir, 0700, &destroyed->dir_fd, err);

	if (rc == 0)
		rc = certctl_quarantine_tidy(destroyed->dir_fd, certctl_clock_now_s(certctl_clock_system()), err);
	if (rc < 0)
		talloc_free(destroyed);
	else
		*ret = destroyed;
	return rc;
}

int certctl_destroyed_add(struct certctl_destroyed *destroyed, const char *certificate_id,
	const char *public_key_sha256, int64_t now_unix_s, struct certctl_error *err)
{
	char name[NAME_SIZE], at[CERTCTL_TIME_TEXT];
	CERTCTL_AUTO(json_decref)
	json_t *row = json_pack("{s:s, s:s, s:s}", "certificate_id", certificate_id, "public_key_sha256",
		public_key_sha256, "destroyed_at", certctl_time_format(now_unix_s, at));
	size_t len = 0;
	char *text = row ? certctl_json_text(NULL, row, &len) : NULL;

	snprintf(name, sizeof(name), "%.64s" SUFFIX, public_key_sha256);
	int rc = text ? certctl_file_create(destroyed->dir_fd, name, text, len, &private_file, err)
		      : certctl_fail(err, CERTCTL_E_NO_MEMORY, "destroyed keys");

	talloc_free(text);
	return rc == CERTCTL_E_CONFLICT ? 0 : rc;
}

static int add_row(struct certctl_destroyed *destroyed, TALLOC_CTX *mem, const char *name, json_t *rows,
	struct certctl_error *err)
{
	json_t *row = NULL;
	char *text;
	size_t len;
	int rc = certctl_file_read(mem, destroyed->dir_fd, name, FILE_MAX, &text, &len, err);

	if (rc == 0)
		rc = certctl_json_parse(text, len, NULL, &row, err);
	if (rc == CERTCTL_E_INVALID || rc == CERTCTL_E_LIMIT)
		return certctl_quarantine_put(destroyed->dir_fd, name, err);
	if (rc == 0)
		json_array_append_new(rows, row);
	return rc == CERTCTL_E_NOT_FOUND ? 0 : rc;
}

int certctl_destroyed_list(struct certctl_destroyed *destroyed, size_t max, json_t **ret, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *rows = json_array();
	TALLOC_CTX *mem = talloc_new(NULL);
	char **names;
	size_t count;
	int rc = certctl_listing_read(mem, destroyed->dir_fd, SUFFIX, COUNT_MAX, &names, &count, err);

	for (size_t i = 0; rc == 0 && i < count && i < max; i++)
		rc = add_row(destroyed, mem, names[i], rows, err);
	talloc_free(mem);
	if (rc == 0)
		*ret = CERTCTL_TAKE(rows);
	return rc;
}

int certctl_destroyed_forget(struct certctl_destroyed *destroyed, const json_t *keys, struct certctl_error *err)
{
	int rc = 0;

	if (!json_is_array(keys))
		return certctl_fail(err, CERTCTL_E_INVALID, "keys: a list expected");
	for (size_t i = 0; rc == 0 && i < json_array_size(keys); i++) {
		const char *hash = certctl_json_text_or(json_array_get(keys, i), "public_key_sha256", "");
		char name[NAME_SIZE];

		if (strlen(hash) != 64 || hash[strspn(hash, "0123456789abcdef")])
			return certctl_fail(err, CERTCTL_E_INVALID, "keys[%zu].public_key_sha256: not a hash", i);
		snprintf(name, sizeof(name), "%s" SUFFIX, hash);
		rc = certctl_file_remove(destroyed->dir_fd, name, err);
	}
	return rc;
}
