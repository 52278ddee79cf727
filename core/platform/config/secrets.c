/* Where the text of a secret setting leads to.  No message may show what is
 * there. */
#include "secrets.h"

#include <certctl/files.h>
#include <string.h>

#define SECRET_MAX 65536

/* What follows the prefix; NULL: it begins with something else. */
static const char *behind(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

/* Editors and echo put one line end behind a secret; it is no part of it. */
static int read_secret_file(TALLOC_CTX *mem, const char *path, struct certctl_secret *ret, struct certctl_error *err)
{
	char *text = NULL;
	size_t len = 0;
	int rc = certctl_file_read_path(mem, path, SECRET_MAX, &text, &len, err);

	if (rc < 0)
		return rc;
	size_t whole = len;

	if (len > 0 && text[len - 1] == '\n')
		len--;
	if (len > 0 && text[len - 1] == '\r')
		len--;
	if (len == 0 || memchr(text, 0, len))
		rc = certctl_fail(err, CERTCTL_E_INVALID, "%s: %s", path,
			len == 0 ? "empty" : "text without NUL expected");
	else if (certctl_secret_set(mem, ret, text, len) < 0)
		rc = certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for a secret");
	certctl_wipe(text, whole);
	talloc_free(text);
	return rc;
}

static int read_credential(TALLOC_CTX *mem, const char *folder, const char *name, struct certctl_secret *ret,
	struct certctl_error *err)
{
	if (!*name || *name == '.' || strchr(name, '/'))
		return certctl_fail(err, CERTCTL_E_INVALID, "credential: a plain name expected");
	if (!folder)
		return certctl_fail(err, CERTCTL_E_NOT_FOUND,
			"credential:%s: no credentials here (LoadCredential= of the unit)", name);
	char *path = talloc_asprintf(mem, "%s/%s", folder, name);

	return path ? read_secret_file(mem, path, ret, err) : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

int settings_secret(TALLOC_CTX *mem, const char *credentials, const char *text, struct certctl_secret *ret,
	struct certctl_error *err)
{
	const char *path = behind(text, "file:"), *name = behind(text, "credential:");

	if (path && path[0] != '/')
		return certctl_fail(err, CERTCTL_E_INVALID, "file: an absolute path expected behind it");
	if (path)
		return read_secret_file(mem, path, ret, err);
	if (name)
		return read_credential(mem, credentials, name, ret, err);
	/* What --print-config shows, pasted back. */
	if (strcmp(text, CERTCTL_SECRET_MASK) == 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "the mask %s is no value", CERTCTL_SECRET_MASK);
	return certctl_secret_set(mem, ret, text, strlen(text)) < 0
		       ? certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for a secret")
		       : 0;
}
