/* Which reads an operator may leave out of the trail.  Pure. */
#include "calls.h"

#include <string.h>

/* Everything about certificates, and the trail itself, is recorded whoever asks. */
static const char *const never[] = { "/api/v1/certificates", "/api/v1/audit" };

static const char *item(const struct certctl_list *list, size_t i)
{
	return ((const char *const *)list->items)[i];
}

static bool matches(const char *pattern, const char *path)
{
	size_t len = strlen(pattern);

	if (len > 0 && pattern[len - 1] == '*')
		return strncmp(pattern, path, len - 1) == 0;
	return strcmp(pattern, path) == 0;
}

/* Would the pattern leave out anything at or below this path? */
static bool touches(const char *pattern, const char *path)
{
	size_t len = strcspn(pattern, "*"), path_len = strlen(path);

	if (strncmp(pattern, path, path_len) == 0)
		return len == path_len || pattern[path_len] == '/' || pattern[path_len] == '*';
	return pattern[len] == '*' && strncmp(pattern, path, len) == 0;
}

int audit_exclude_check(const struct certctl_list *exclude, struct certctl_error *err)
{
	for (size_t i = 0; i < exclude->count; i++) {
		const char *pattern = item(exclude, i);
		size_t star = strcspn(pattern, "*");

		if (pattern[0] != '/' || (pattern[star] && pattern[star + 1]))
			return certctl_fail(err, CERTCTL_E_INVALID,
				"audit.exclude_paths: '%s': a path expected, with * at its end or without", pattern);
		for (size_t j = 0; j < CERTCTL_COUNT(never); j++)
			if (touches(pattern, never[j]))
				return certctl_fail(err, CERTCTL_E_INVALID,
					"audit.exclude_paths: '%s': calls of %s are always recorded", pattern,
					never[j]);
	}
	return 0;
}

bool audit_exclude_matches(const struct certctl_list *exclude, const char *path)
{
	for (size_t i = 0; i < exclude->count; i++)
		if (matches(item(exclude, i), path))
			return true;
	return false;
}
