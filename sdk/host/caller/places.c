/* Where the host program and the plugins are, seen from the program that wants them.  Knows no plugin. */
#include "connector.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The first of these that is there, relative to this program; else the last one as it stands. */
static const char *find(TALLOC_CTX *mem, const char *const *candidates)
{
	char self[PATH_MAX], real[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *last = NULL;

	self[len > 0 ? len : 0] = '\0';
	char *slash = strrchr(self, '/');

	if (slash)
		*slash = '\0';
	for (; *candidates; candidates++) {
		char *path = **candidates == '/' ? talloc_strdup(mem, *candidates)
						 : talloc_asprintf(mem, "%s/%s", self, *candidates);

		if (path && realpath(path, real))
			return talloc_strdup(mem, real);
		last = path;
	}
	return last;
}

const char *certctl_host_program(TALLOC_CTX *mem)
{
	static const char *const candidates[] = { "certctl-plugin-host",
		CERTCTL_LIBEXEC_FROM_BIN "/certctl-plugin-host", CERTCTL_LIBEXECDIR "/certctl-plugin-host", NULL };

	return find(mem, candidates);
}

const char *certctl_plugin_folder(TALLOC_CTX *mem)
{
	static const char *const candidates[] = { "../plugins", CERTCTL_PLUGINS_FROM_BIN, CERTCTL_PLUGINDIR, NULL };

	return find(mem, candidates);
}
