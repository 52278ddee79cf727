/* Inside platform/config: the table by its dotted names. */
#ifndef CORE_CONFIG_NAMES_H
#define CORE_CONFIG_NAMES_H

#include "settings.h"

#define SETTINGS_NAME_MAX 80

/** One setting, no section. */
struct settings_leaf {
	const struct certctl_field *row;
	const char *path; /* "http.listen" */
	size_t offset;    /* in struct settings */
};
typedef void settings_leaf_fn(void *arg, const struct settings_leaf *leaf);
/** Every setting, in the order of the table. */
void settings_each(settings_leaf_fn *visit, void *arg);

/** The row with this path; NULL: none. */
const struct certctl_field *settings_find(const char *path);
/** "http.listen" -> "CERTCTL_HTTP_LISTEN" */
const char *settings_environment_name(const char *path, char name[SETTINGS_NAME_MAX]);

#endif
