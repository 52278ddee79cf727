/* Which paths a configuration names, for the sandbox: a walk over the table of options beside the parsed document.  And which
 * files those are now: the sandbox follows files, not names. */
#include "caller.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* A directory the plugin shall keep its files in may be new; its parent must be there, so that a typing error is none. */
static int make_directory(const char *path, struct certctl_error *err)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return 0;
	if (errno != ENOENT)
		return certctl_fail_errno(err, errno, "%s", path);
	certctl_fail(err, CERTCTL_E_INVALID, "%s: not there, and neither is the directory it would be made in", path);
	return certctl_hint(err, "Create the directory, or correct the path.");
}

static int add_path(const struct certctl_field *field, const json_t *path, json_t *read, json_t *write,
	struct certctl_error *err)
{
	bool is_written = field->path_access == CERTCTL_PATH_WRITE;
	int rc;

	if (!json_is_string(path) || field->path_access == CERTCTL_PATH_NONE)
		return 0;
	if (is_written && (rc = make_directory(json_string_value(path), err)) < 0)
		return certctl_error_prefix(err, "%s", field->name), rc;
	if (json_array_append_new(is_written ? write : read, json_string(json_string_value(path))) < 0)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "%s: no memory", field->name);
	return 0;
}

static int add_value(const struct certctl_field *field, uint32_t type, const json_t *value, json_t *read, json_t *write,
	struct certctl_error *err)
{
	if (type == CERTCTL_PATH)
		return add_path(field, value, read, write, err);
	if (type == CERTCTL_OBJECT && json_is_object(value))
		return connector_paths(field->nested, value, read, write, err);
	return 0;
}

int connector_paths(const struct certctl_field *fields, const json_t *config, json_t *read, json_t *write,
	struct certctl_error *err)
{
	for (const struct certctl_field *field = fields; field->name; field++) {
		const json_t *value = json_object_get(config, field->name);
		size_t count = field->type == CERTCTL_LIST ? json_array_size(value) : 1;

		for (size_t i = 0; i < count; i++) {
			bool is_list = field->type == CERTCTL_LIST;
			int rc = add_value(field, is_list ? field->item_type : field->type,
				is_list ? json_array_get(value, i) : value, read, write, err);

			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

static uint64_t mix(uint64_t stamp, uint64_t number)
{
	return (stamp ^ number) * UINT64_C(0x100000001b3);
}

uint64_t connector_paths_stamp(const json_t *hello)
{
	const char *const lists[] = { "read", "write" };
	uint64_t stamp = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < CERTCTL_COUNT(lists); i++) {
		const json_t *paths = json_object_get(hello, lists[i]);

		for (size_t j = 0; j < json_array_size(paths); j++) {
			struct stat status = { 0 };

			if (stat(json_string_value(json_array_get(paths, j)), &status) < 0)
				status = (struct stat){ 0 };
			stamp = mix(mix(stamp, (uint64_t)status.st_dev), (uint64_t)status.st_ino);
		}
	}
	return stamp;
}
