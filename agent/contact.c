/* When the control plane answered last, for those who ask this host how it is.  Disposable. */
#include "agent.h"

#include <certctl/files.h>
#include <string.h>

#define NAME     "contact.json"
#define FILE_MAX 1024

int certctl_contact_write(const char *dir, int64_t at_unix_s, struct certctl_error *err)
{
	static const struct certctl_file_attributes private_file = { .mode = 0600, .uid = (uid_t)-1, .gid = (gid_t)-1 };
	CERTCTL_AUTO_CLOSE int dir_fd = -1;
	CERTCTL_AUTO(json_decref) json_t *contact = json_pack("{s:I}", "at_unix_s", (json_int_t)at_unix_s);
	size_t len = 0;
	char *text = contact ? certctl_json_text(NULL, contact, &len) : NULL;
	int rc = text ? certctl_dir_open(dir, &dir_fd, err) : certctl_fail(err, CERTCTL_E_NO_MEMORY, "contact");

	if (rc == 0)
		rc = certctl_file_replace(dir_fd, NAME, text, len, &private_file, err);
	talloc_free(text);
	return rc;
}

int64_t certctl_contact_read(const char *dir)
{
	CERTCTL_AUTO_CLOSE int dir_fd = -1;
	CERTCTL_AUTO(json_decref) json_t *contact = NULL;
	TALLOC_CTX *mem = talloc_new(NULL);
	char *text;
	size_t len;
	int64_t at_unix_s = 0;

	if (certctl_dir_open(dir, &dir_fd, NULL) == 0 &&
		certctl_file_read(mem, dir_fd, NAME, FILE_MAX, &text, &len, NULL) == 0 &&
		certctl_json_parse(text, len, NULL, &contact, NULL) == 0)
		at_unix_s = certctl_json_integer_or(contact, "at_unix_s", 0);
	talloc_free(mem);
	return at_unix_s;
}
