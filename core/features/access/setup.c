/* The admin key of the very first start. */
#include "access.h"
#include "core/features/access/access.sql.h"

#include <certctl/files.h>
#include <stdio.h>
#include <string.h>

/* The file first: a crash in between leaves a file nobody knows, and the next start makes another key. */
static int write_key(const char *directory, const char *file, const char *key, struct certctl_error *err)
{
	static const struct certctl_file_attributes private = { .mode = 0600, .uid = (uid_t)-1, .gid = (gid_t)-1 };
	CERTCTL_AUTO_CLOSE int fd = -1;
	char line[128];
	int rc = certctl_dir_open(directory, &fd, err);

	if (rc < 0)
		return rc;
	int len = snprintf(line, sizeof(line), "%s\n", key);

	rc = certctl_file_replace(fd, file, line, (size_t)len, &private, err);
	certctl_wipe(line, sizeof(line));
	return rc;
}

int access_setup(struct db_pool *db, const char *directory, const char *file, TALLOC_CTX *mem, const char **ret_key,
	struct certctl_error *err)
{
	struct access_secret key = { 0 };
	struct db_result *rows = NULL;
	int rc = db_once(db, mem, &query_api_keys_any, DB_NO_VALUES, &rows, err);

	if (rc < 0 || db_get_boolean(rows, 0, "is_any")) {
		if (rc == 0)
			*ret_key = NULL;
		return rc;
	}
	rc = access_secret_make(mem, "sk", &key, err);
	if (rc == 0)
		rc = write_key(directory, file, key.text, err);
	if (rc == 0)
		rc = db_once(db, mem, &query_api_key_setup,
			DB_VALUES(db_text("admin"), db_text(key.lookup), db_text(key.sha256)), &rows, err);
	if (rc == 0)
		*ret_key = db_rows(rows) ? key.text : NULL;
	return rc;
}
