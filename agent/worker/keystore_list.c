/* What the key store holds, for status.  Reads only. */
#include "agent/shared/listing.h"
#include "keyfiles.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names begin with the certificate's id; the caller holds the lock. */
static int list_folder(TALLOC_CTX *mem, int dir_fd, char ***ret, size_t *ret_count, struct certctl_error *err)
{
	return certctl_listing_read(mem, dir_fd, ".key", KEYFILES_MAX, ret, ret_count, err);
}

static struct certctl_key_listed *find(struct certctl_key_listed *rows, size_t count, const char *certificate_id)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(rows[i].certificate_id, certificate_id) == 0)
			return &rows[i];
	return NULL;
}

/* Count a folder's keys under their certificates; a certificate that has none in use yet gets a row of its own. */
static void count_folder(TALLOC_CTX *mem, char **names, size_t name_count, bool is_previous, size_t max,
	struct certctl_key_listed *rows, size_t *count)
{
	for (size_t i = 0; i < name_count; i++) {
		struct certctl_keyfile_name parts;
		struct certctl_key_listed *row;

		if (!certctl_keyfile_split(names[i], &parts))
			continue;
		row = find(rows, *count, parts.certificate);
		if (!row && *count < max) {
			row = &rows[(*count)++];
			*row = (struct certctl_key_listed){ .certificate_id = talloc_strdup(mem, parts.certificate) };
		}
		if (!row)
			continue;
		if (is_previous) {
			int64_t until_s = strtoll(parts.middle, NULL, 10);

			row->previous_count++;
			row->previous_until_unix_s =
				until_s > row->previous_until_unix_s ? until_s : row->previous_until_unix_s;
		} else {
			row->staged_count++;
		}
	}
}

static int list_in_use(struct certctl_keystore *store, TALLOC_CTX *mem, size_t max, struct certctl_key_listed *rows,
	size_t *count, size_t *total, struct certctl_error *err)
{
	char **names;
	size_t name_count;
	int rc = list_folder(mem, store->dir_fd, &names, &name_count, err);

	*total = rc == 0 ? name_count : 0;
	for (size_t i = 0; rc == 0 && i < name_count && *count < max; i++) {
		struct certctl_key_listed row = { .certificate_id = talloc_strndup(mem, names[i],
							  strlen(names[i]) - strlen(".key")) };
		struct certctl_key *key;

		rc = certctl_keyfile_read(mem, store->dir_fd, names[i], &key, row.public_key_sha256, err);
		if (rc == 0)
			rows[(*count)++] = row;
		else if (rc == CERTCTL_E_NOT_FOUND) /* damaged, and put aside */
			rc = 0;
	}
	return rc;
}

static int list_all(struct certctl_keystore *store, TALLOC_CTX *mem, size_t max, struct certctl_key_listed *rows,
	size_t *count, size_t *total, struct certctl_error *err)
{
	const int folders[] = { store->staged_fd, store->previous_fd };
	int rc = list_in_use(store, mem, max, rows, count, total, err);

	for (size_t i = 0; rc == 0 && i < CERTCTL_COUNT(folders); i++) {
		char **names;
		size_t name_count;

		rc = list_folder(mem, folders[i], &names, &name_count, err);
		if (rc == 0)
			count_folder(mem, names, name_count, folders[i] == store->previous_fd, max, rows, count);
	}
	return rc;
}

int certctl_keystore_list(struct certctl_keystore *store, TALLOC_CTX *mem, size_t max, struct certctl_key_listed **ret,
	size_t *ret_count, size_t *ret_total, struct certctl_error *err)
{
	struct certctl_key_listed *rows = talloc_array(mem, struct certctl_key_listed, (unsigned)max);
	size_t count = 0, total = 0;

	if (!rows)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "key store");
	pthread_mutex_lock(&store->lock);
	int rc = list_all(store, mem, max, rows, &count, &total, err);

	pthread_mutex_unlock(&store->lock);
	if (rc < 0)
		return rc;
	*ret = rows;
	*ret_count = count;
	*ret_total = total;
	return 0;
}
