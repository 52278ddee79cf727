/* Where plugins and their host program are, and finding the plugin that the command line names. */
#include "check.h"

#include "sdk/host/wire.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *kind_name(enum certctl_plugin_kind kind)
{
	return kind > 0 && kind < CERTCTL_PLUGIN_KIND_COUNT ? certctl_wire_kinds[kind] : "unknown";
}

void print_error(const struct certctl_error *err)
{
	fprintf(stderr, "certctl-plugin: %s\n", err->what);
	if (err->hint[0])
		fprintf(stderr, "  %s\n", err->hint);
}

static void log_plugin(void *arg, enum certctl_log_level level, const char *event, const char *const *pairs,
	size_t count)
{
	(void)arg;
	certctl_log_pairs(level, event, pairs, count);
}

int open_pool(TALLOC_CTX *mem, const struct arguments *arguments, struct certctl_pool **ret, struct certctl_error *err)
{
	const char *dirs[] = { arguments->plugin_dir ? arguments->plugin_dir : certctl_plugin_folder(mem), NULL };
	const char *host = arguments->host_program ? arguments->host_program : certctl_host_program(mem);

	if (!host || access(host, X_OK) < 0)
		return certctl_fail(err, CERTCTL_E_NOT_FOUND,
			"certctl-plugin-host is not beside this program: say --host-program");
	return certctl_pool_new(mem,
		&(struct certctl_pool_options){ .plugin_dirs = dirs, .host_program = host, .log = log_plugin }, ret,
		err);
}

int find_plugin(struct certctl_pool *pool, const char *plugin, const struct certctl_description **ret,
	struct certctl_error *err)
{
	for (int kind = 1; kind < CERTCTL_PLUGIN_KIND_COUNT; kind++) {
		size_t len = strlen(certctl_wire_kinds[kind]);

		if (strncmp(plugin, certctl_wire_kinds[kind], len) == 0 && plugin[len] == '/' &&
			certctl_id_is_valid(plugin + len + 1) && access(plugin, F_OK) != 0)
			return certctl_plugin_describe(pool, (enum certctl_plugin_kind)kind, plugin + len + 1, ret,
				err);
	}
	return certctl_plugin_describe_file(pool, plugin, ret, err);
}
