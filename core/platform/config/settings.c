/* The settings table and where it is filled from.  Knows nothing of what they do. */
#include "settings.h"

#include <certctl/log.h>
#include <certctl/yaml.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct certctl_choice log_levels[] = {
	{ "error", CERTCTL_LOG_ERROR, "only what needs somebody" },
	{ "warning", CERTCTL_LOG_WARNING, "and what may soon" },
	{ "notice", CERTCTL_LOG_NOTICE, "and what is worth knowing" },
	{ "info", CERTCTL_LOG_INFO, "and what happens" },
	{ "debug", CERTCTL_LOG_DEBUG, "everything" },
	{ 0 },
};

static const struct certctl_choice log_formats[] = {
	{ "logfmt", CERTCTL_LOG_LOGFMT, "key=value" },
	{ "json", CERTCTL_LOG_JSON, "one JSON object a line" },
	{ 0 },
};

const struct certctl_field settings_fields[] = {
	CERTCTL_OPTION(struct settings, state_dir, CERTCTL_PATH, .fallback = "/var/lib/certctl",
		.help = "Where the private database, the fleet's CA and the admin key live."),
	CERTCTL_OPTION(struct settings, listen, CERTCTL_TEXT, .fallback = "0.0.0.0:8443",
		.help = "Address and port of the HTTPS API."),
	CERTCTL_OPTION(struct settings, agents_listen, CERTCTL_TEXT, .fallback = "0.0.0.0:8444",
		.help = "Address and port for agents, which show a client certificate there."),
	CERTCTL_OPTION(struct settings, database_url, CERTCTL_TEXT, .env = "CERTCTL_DATABASE_URL",
		.help = "libpq connection string or URL; when absent, certctld runs a PostgreSQL of its own in state_dir."),
	CERTCTL_OPTION(struct settings, migration_url, CERTCTL_TEXT, .env = "CERTCTL_DATABASE_MIGRATION_URL",
		.help = "The same as the schema's owner, for migrations; when absent, database_url is used."),
	CERTCTL_OPTION(struct settings, connectors_dir, CERTCTL_PATH,
		.help = "Files that configure issuers; when absent, connectors.d in state_dir."),
	CERTCTL_OPTION(struct settings, plugin_dir, CERTCTL_PATH, .advanced = true,
		.help = "Where plugins are installed."),
	CERTCTL_OPTION(struct settings, plugin_host, CERTCTL_PATH, .advanced = true,
		.help = "The program that runs a plugin."),
	CERTCTL_OPTION(struct settings, ready_file, CERTCTL_PATH, .advanced = true,
		.help = "Written, as JSON, when everything is up."),
	CERTCTL_OPTION(struct settings, http_workers, CERTCTL_INTEGER, .fallback = "8", .min = 1, .max = 256,
		.advanced = true, .help = "Threads that answer requests."),
	CERTCTL_OPTION(struct settings, job_workers, CERTCTL_INTEGER, .fallback = "4", .min = 1, .max = 256,
		.advanced = true, .help = "Threads that run jobs."),
	CERTCTL_OPTION(struct settings, database_connections, CERTCTL_INTEGER, .fallback = "20", .min = 4, .max = 500,
		.advanced = true, .help = "Connections to the database at most."),
	CERTCTL_OPTION(struct settings, lease_seconds, CERTCTL_INTEGER, .fallback = "300", .min = 5, .max = 3600,
		.advanced = true, .help = "How long a job is held before somebody else may take it up."),
	CERTCTL_OPTION(struct settings, log_level, CERTCTL_ENUM, .fallback = "info", .choices = log_levels,
		.help = "How much is logged."),
	CERTCTL_OPTION(struct settings, log_format, CERTCTL_ENUM, .fallback = "logfmt", .choices = log_formats,
		.help = "What a log record looks like."),
	{ 0 },
};

static const char *environment(void *arg, const char *name)
{
	(void)arg;
	return getenv(name);
}

static int parse(TALLOC_CTX *mem, const json_t *document, struct settings *ret, struct certctl_error *err)
{
	struct settings settings = { 0 };
	struct certctl_field_reading how = { .env = environment };
	int rc = certctl_fields_parse(mem, settings_fields, sizeof(*settings_fields), document, &how, &settings, err);

	if (rc == 0)
		*ret = settings;
	return rc;
}

int settings_default(TALLOC_CTX *mem, struct settings *ret, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *nothing = json_object();

	return nothing ? parse(mem, nothing, ret, err) : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

/* "listen: ..." -> where `listen` stands in the file */
static int locate(const struct certctl_yaml *yaml, struct certctl_error *err)
{
	char path[64];
	int line = 0, column = 0;
	size_t len = strcspn(err->what, ":");

	snprintf(path, sizeof(path), "%.*s", (int)(len < sizeof(path) ? len : 0), err->what);
	certctl_yaml_locate(yaml, path, &line, &column);
	return certctl_error_prefix(err, "%s:%d:%d", yaml->file, line, column);
}

int settings_read(TALLOC_CTX *mem, const char *file, struct settings *ret, struct certctl_error *err)
{
	struct certctl_yaml *yaml = NULL;
	int rc = certctl_yaml_read_file(mem, file, NULL, &yaml, err);

	if (rc < 0)
		return rc;
	rc = parse(mem, yaml->root, ret, err);
	return rc < 0 ? locate(yaml, err) : 0;
}

/* Programs find each other in one folder of the build tree, as they do once installed. */
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

int settings_find_programs(TALLOC_CTX *mem, struct settings *settings, struct certctl_error *err)
{
	if (!settings->plugin_host)
		settings->plugin_host = beside(mem, "certctl-plugin-host", CERTCTL_LIBEXECDIR "/certctl-plugin-host");
	if (!settings->plugin_dir)
		settings->plugin_dir = beside(mem, "../plugins", CERTCTL_PLUGINDIR);
	if (!settings->connectors_dir)
		settings->connectors_dir = talloc_asprintf(mem, "%s/connectors.d", settings->state_dir);
	return settings->plugin_host && settings->plugin_dir && settings->connectors_dir
		       ? 0
		       : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}
