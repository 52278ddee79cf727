/* Settings by name: dotted paths and the variables of the environment that
 * follow from them. */
#include "names.h"

#include <stdio.h>
#include <string.h>

static void visit_rows(const struct certctl_field *rows, const char *prefix, size_t offset, settings_leaf_fn *visit,
	void *arg)
{
	for (const struct certctl_field *row = rows; row->name; row++) {
		char path[SETTINGS_NAME_MAX];

		snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix ? "." : "", row->name);
		if (row->type == CERTCTL_OBJECT)
			visit_rows(row->nested, path, offset + row->offset, visit, arg);
		else
			visit(arg, &(struct settings_leaf){ .row = row, .path = path, .offset = offset + row->offset });
	}
}

void settings_each(settings_leaf_fn *visit, void *arg)
{
	visit_rows(settings_fields, "", 0, visit, arg);
}

const struct certctl_field *settings_find(const char *path)
{
	const struct certctl_field *rows = settings_fields;

	while (rows) {
		size_t len = strcspn(path, ".");
		const struct certctl_field *row = rows;

		while (row->name && (strncmp(row->name, path, len) != 0 || row->name[len]))
			row++;
		if (!row->name || !path[len])
			return row->name ? row : NULL;
		rows = row->nested;
		path += len + 1;
	}
	return NULL;
}

const char *settings_environment_name(const char *path, char name[SETTINGS_NAME_MAX])
{
	int len = snprintf(name, SETTINGS_NAME_MAX, "CERTCTL_%s", path);

	certctl_assert(len < SETTINGS_NAME_MAX);
	for (char *at = name; *at; at++) {
		if (*at >= 'a' && *at <= 'z')
			*at = (char)(*at - 'a' + 'A');
		else if (*at == '.')
			*at = '_';
	}
	return name;
}
