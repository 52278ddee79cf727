/** What must hold of a plugin's file before anybody opens it, and what its name says. */
#ifndef CERTCTL_PLUGIN_FILE_H
#define CERTCTL_PLUGIN_FILE_H

#include <certctl/plugin.h>

/**
 * A plain file, in a directory, both owned by root or by who runs this, writable by nobody else.
 * @return 0; NOT_FOUND; DENIED, naming what is wrong and how to put it right; IO
 */
int certctl_plugin_file_check(const char *path, struct certctl_error *err) CERTCTL_CHECKED;

/** "certctl-<kind>-<id>.so": kind and id on `mem`.  INVALID when the name is not of that form. */
int certctl_plugin_file_name(TALLOC_CTX *mem, const char *path, enum certctl_plugin_kind *ret_kind, char **ret_id,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
