/* Where the members of a YAML document stand, by their path. */
#include "yaml_in.h"

#include <stdlib.h>
#include <string.h>

struct certctl_yaml_places *certctl_yaml_place_add(struct certctl_yaml_places *parent, const char *key, size_t index,
	int line, int column)
{
	struct certctl_yaml_places *place = talloc_zero(parent, struct certctl_yaml_places);

	if (!place || (key && !(place->key = talloc_strdup(place, key))))
		return NULL;
	place->index = index;
	place->line = line;
	place->column = column;
	if (parent->last)
		parent->last->next = place;
	else
		parent->first = place;
	parent->last = place;
	return place;
}

/* How much of `path` the child's own name takes; 0 when the path does not go through it. */
static size_t match(const struct certctl_yaml_places *child, const char *path)
{
	char item[32];
	const char *name = item;

	if (child->key) {
		path += path[0] == '.';
		name = child->key;
	} else
		snprintf(item, sizeof(item), "[%zu]", child->index);
	size_t len = strlen(name);

	/* A key may hold dots itself, so it ends where the path goes on, not at the first dot. */
	if (strncmp(path, name, len) != 0 || (path[len] && path[len] != '.' && path[len] != '['))
		return 0;
	return len;
}

void certctl_yaml_locate(const struct certctl_yaml *yaml, const char *path, int *ret_line, int *ret_column)
{
	const struct certctl_yaml_places *here = yaml->places;

	while (*path) {
		const struct certctl_yaml_places *child = here->first;
		size_t len = 0;

		while (child && (len = match(child, path)) == 0)
			child = child->next;
		if (!child)
			break;
		path += (child->key && path[0] == '.') + len;
		here = child;
	}
	*ret_line = here->line;
	*ret_column = here->column;
}
