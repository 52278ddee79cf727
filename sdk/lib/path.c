/* Paths as texts.  Opens nothing: that is files.c. */
#include "names.h"
#include "utf8.h"

#include <limits.h>
#include <string.h>

static bool is_dots(const char *part, size_t len)
{
	return (len == 1 && part[0] == '.') || (len == 2 && part[0] == '.' && part[1] == '.');
}

int certctl_path_check(const char *path, struct certctl_error *err)
{
	size_t len = strlen(path);
	uint32_t character;

	if (path[0] != '/' || !path[1])
		return certctl_name_fail(err, path, "an absolute path expected");
	if (len >= PATH_MAX)
		return certctl_name_fail(err, path, "longer than %d bytes", PATH_MAX - 1);
	for (size_t at = 0, step; at < len; at += step) {
		step = certctl_utf8_next(path + at, len - at, &character);
		if (step == 0 || certctl_utf8_is_hidden(character))
			return certctl_name_fail(err, path, "control characters or bytes that are not UTF-8");
	}
	for (const char *part = path + 1; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL) {
		size_t part_len = strcspn(part, "/");

		if (part_len == 0 || is_dots(part, part_len))
			return certctl_name_fail(err, path, "empty, \".\" and \"..\" parts are not allowed");
	}
	return 0;
}
