/* Settings that follow from others or from where this program stands. */
#include "load.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Programs find each other in one folder of the build tree, as they do once
 * installed. */
static const char *beside(TALLOC_CTX *mem, const char *name, const char *installed)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len <= 0)
		return installed;
	self[len] = '\0';
	char *slash = strrchr(self, '/');

	if (!slash)
		return installed;
	*slash = '\0';
	char *path = talloc_asprintf(mem, "%s/%s", self, name), real[PATH_MAX];

	return path && realpath(path, real) ? talloc_strdup(mem, real) : installed;
}

int settings_complete(TALLOC_CTX *mem, struct settings *settings, struct certctl_error *err)
{
	struct certctl_list *dirs = &settings->plugins.dirs;

	if (!settings->plugins.host_program)
		settings->plugins.host_program =
			beside(mem, "certctl-plugin-host", CERTCTL_LIBEXECDIR "/certctl-plugin-host");
	if (dirs->count == 0) {
		const char **items = talloc_array(mem, const char *, 1);

		if (items)
			items[0] = beside(mem, "../plugins", CERTCTL_PLUGINDIR);
		*dirs = (struct certctl_list){ .count = items && items[0], .items = items };
	}
	if (!settings->connectors.directory)
		settings->connectors.directory = talloc_asprintf(mem, "%s/connectors.d", settings->state_dir);
	return settings->plugins.host_program && dirs->count > 0 && settings->connectors.directory
		       ? 0
		       : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}
