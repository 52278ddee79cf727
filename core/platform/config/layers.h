/* Inside platform/config: the places settings come from, as documents one above
 * the other. */
#ifndef CORE_CONFIG_LAYERS_H
#define CORE_CONFIG_LAYERS_H

#include "settings.h"

#include <certctl/yaml.h>

/** One document: a file with the places of its members, or a single setting
 * with its label. */
struct settings_layer {
	struct settings_layer *next; /* the one above, which wins */
	const char *label;           /* "environment CERTCTL_HTTP_LISTEN"; NULL: a file */
	bool is_built_in;
	json_t *document;
	struct certctl_yaml *yaml; /* NULL: no file */
};

/** Told of what is wrong with a layer, or with one setting of it. */
struct settings_problems {
	settings_problem_fn *tell;
	void *arg;
	struct certctl_error *err; /* gets the first one */
	int rc;                    /* 0: none so far */
};
void settings_problem(struct settings_problems *problems, int code, const char *format, ...) CERTCTL_PRINTF(3, 4);

/** From the lowest to the highest, on `mem`.  What cannot be read is a problem,
 * and left out. */
struct settings_layer *settings_layers(TALLOC_CTX *mem, const struct settings_source *source,
	struct settings_problems *problems);

/** Does the layer say something about `path`? */
bool settings_layer_has(const struct settings_layer *layer, const char *path);
/** Where it does: "/etc/certctl/certctld.yaml:3:7", "--listen".  With `column`
 * or without. */
const char *settings_layer_place(TALLOC_CTX *mem, const struct settings_layer *layer, const char *path,
	bool with_column);

/** The value of a variable; NULL: not set, or empty. */
const char *settings_environment(const char *const *environment, const char *name);

#endif
