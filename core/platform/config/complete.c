/* Settings that follow from others or from where this program stands. */
#include "load.h"

#include "sdk/host/connector.h"

int settings_complete(TALLOC_CTX *mem, struct settings *settings, struct certctl_error *err)
{
	struct certctl_list *dirs = &settings->plugins.dirs;

	if (!settings->plugins.host_program)
		settings->plugins.host_program = certctl_host_program(mem);
	if (dirs->count == 0) {
		const char **items = talloc_array(mem, const char *, 1);

		if (items)
			items[0] = certctl_plugin_folder(mem);
		*dirs = (struct certctl_list){ .count = items && items[0], .items = items };
	}
	if (!settings->connectors.directory)
		settings->connectors.directory = talloc_asprintf(mem, "%s/connectors.d", settings->state_dir);
	return settings->plugins.host_program && dirs->count > 0 && settings->connectors.directory
		       ? 0
		       : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}
