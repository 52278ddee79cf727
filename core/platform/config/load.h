/* Inside platform/config: what was read, and from where. */
#ifndef CORE_CONFIG_LOAD_H
#define CORE_CONFIG_LOAD_H

#include "layers.h"

struct settings_loaded {
	struct settings settings;
	struct settings_layer *layers;
};

/** Fill in what follows from other settings, or from where this program stands.
 */
int settings_complete(TALLOC_CTX *mem, struct settings *settings, struct certctl_error *err) CERTCTL_CHECKED;

/** What no row can say alone: pairs, addresses, priority strings. `where` gives
 * the place of a setting. */
void settings_check(const struct settings_loaded *loaded, struct settings_problems *problems);
/** The highest layer that says something about `path`; NULL: it is the default.
 */
const struct settings_layer *settings_origin(const struct settings_loaded *loaded, const char *path);

#endif
