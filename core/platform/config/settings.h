/** Settings of certctld, declared once: the configuration file, `certctld dev` and the reference page come from the table. */
#ifndef CORE_SETTINGS_H
#define CORE_SETTINGS_H

#include <certctl/field.h>

struct settings {
	const char *state_dir;
	const char *listen, *agents_listen;
	const char *database_url, *migration_url; /* NULL: a private cluster in state_dir */
	const char *connectors_dir;               /* NULL: connectors.d in state_dir */
	const char *plugin_dir, *plugin_host;     /* NULL: where this program was built or installed */
	const char *ready_file;                   /* NULL: none */
	int64_t http_workers, job_workers, database_connections;
	int64_t lease_seconds;
	int log_level, log_format;
};

extern const struct certctl_field settings_fields[];

/** The defaults.  On `mem`. */
int settings_default(TALLOC_CTX *mem, struct settings *ret, struct certctl_error *err) CERTCTL_CHECKED;
/** INVALID "file:line:column: ...". */
int settings_read(TALLOC_CTX *mem, const char *file, struct settings *ret, struct certctl_error *err) CERTCTL_CHECKED;
/** Plugin folder and host program beside the running program when they are there (a build tree), else the installed ones. */
int settings_find_programs(TALLOC_CTX *mem, struct settings *settings, struct certctl_error *err) CERTCTL_CHECKED;

#endif
