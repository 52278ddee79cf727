/* Names of users and groups to numbers.  Touches no file. */
#include <certctl/files.h>

#include "utf8.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

/* A group with thousands of members needs a large buffer; nobody needs more than this. */
#define ENTRY_MAX (1024 * 1024)

/* Digits alone are a number; the largest one means "unchanged" to chown and is refused. */
static bool parse_id(const char *text, uint32_t *ret)
{
	unsigned long long value;

	if (!text[0] || strspn(text, "0123456789") != strlen(text) || strlen(text) > 10)
		return false;
	value = strtoull(text, NULL, 10);
	if (value >= UINT32_MAX)
		return false;
	*ret = (uint32_t)value;
	return true;
}

/* One try with a buffer of `size` bytes: 0 with *ret_found, or an errno. */
typedef int lookup_fn(const char *name, char *buffer, size_t size, bool *ret_found, uint32_t *ret_id);

static int lookup_user(const char *name, char *buffer, size_t size, bool *ret_found, uint32_t *ret_id)
{
	struct passwd entry, *found = NULL;
	int error_number = getpwnam_r(name, &entry, buffer, size, &found);

	*ret_found = found;
	if (found)
		*ret_id = found->pw_uid;
	return error_number;
}

static int lookup_group(const char *name, char *buffer, size_t size, bool *ret_found, uint32_t *ret_id)
{
	struct group entry, *found = NULL;
	int error_number = getgrnam_r(name, &entry, buffer, size, &found);

	*ret_found = found;
	if (found)
		*ret_id = found->gr_gid;
	return error_number;
}

static int find_id(lookup_fn *lookup, const char *kind, const char *name, uint32_t *ret, struct certctl_error *err)
{
	int error_number = ERANGE;
	bool found = false;

	if (!name || !name[0]) {
		*ret = (uint32_t)-1;
		return 0;
	}
	if (parse_id(name, ret))
		return 0;
	for (size_t size = 1024; error_number == ERANGE && size <= ENTRY_MAX; size *= 4) {
		char *buffer = talloc_size(NULL, size);

		if (!buffer)
			return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory looking up %s '%s'", kind,
				certctl_shown(name));
		error_number = lookup(name, buffer, size, &found, ret);
		talloc_free(buffer);
	}
	if (found)
		return 0;
	/* "Not found" is 0 or any of these, says getpwnam(3). */
	if (error_number == 0 || error_number == ENOENT || error_number == ESRCH || error_number == EBADF ||
		error_number == EPERM)
		return certctl_fail(err, CERTCTL_E_NOT_FOUND, "no %s '%s' on this host", kind, certctl_shown(name));
	return certctl_fail_errno(err, error_number, "looking up %s '%s'", kind, certctl_shown(name));
}

int certctl_owner_lookup(const char *user, const char *group, uid_t *ret_uid, gid_t *ret_gid, struct certctl_error *err)
{
	uint32_t uid, gid;
	int rc = find_id(lookup_user, "user", user, &uid, err);

	if (rc == 0)
		rc = find_id(lookup_group, "group", group, &gid, err);
	if (rc < 0)
		return rc;
	*ret_uid = uid;
	*ret_gid = gid;
	return 0;
}
