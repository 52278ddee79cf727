/* The settings of certctl-agent-worker. */
#include "agent/shared/settings.h"
#include "worker.h"

#define T struct certctl_worker_settings

const struct certctl_field certctl_worker_fields[] = {
	CERTCTL_OPTION(T, socket, CERTCTL_PATH, .fallback = "/run/certctl-agent-worker/socket",
		.help = "Where certctl-agent finds this worker: a Unix socket."),
	CERTCTL_OPTION(T, user, CERTCTL_TEXT, .fallback = "certctl-agent", .min = 1, .max = 64,
		.help = "The only user that may talk to this worker: the one certctl-agent runs as."),
	CERTCTL_OPTION(T, key_dir, CERTCTL_PATH, .fallback = "/var/lib/certctl/keys", .env = "CERTCTL_KEY_DIR",
		.help = "Private keys of this host: <certificate>.key is the one in use."),
	CERTCTL_OPTION(T, state_dir, CERTCTL_PATH, .fallback = "/var/lib/certctl/worker",
		.help = "Journal and generations of deployments."),
	CERTCTL_OPTION(T, plugin_dirs, CERTCTL_LIST, .item_type = CERTCTL_PATH, .max = 16,
		.help = "Where target plugins are looked for; empty: where certctl installs them."),
	CERTCTL_OPTION(T, host_program, CERTCTL_PATH, .advanced = true,
		.help = "The program that a plugin runs in; when absent, the one that was installed."),
	CERTCTL_OPTION(T, paths, CERTCTL_LIST, .item_type = CERTCTL_PATH, .max = 1000,
		.help = "Certificate and key files may be written at or below these paths, and nowhere else."),
	CERTCTL_OPTION(T, commands, CERTCTL_LIST, .item_type = CERTCTL_TEXT, .max = 1000,
		.help = "Commands that may be run, as words; \"*\" stands for one argument, a last \"...\" for any number."),
	CERTCTL_OPTION(T, rollback_hours, CERTCTL_INTEGER, .fallback = "24", .max = 8760,
		.help = "How long the previous key and files are kept for a roll-back; 0: until the new ones are served."),
	CERTCTL_OPTION(T, staged_hours, CERTCTL_INTEGER, .fallback = "720", .min = 1, .max = 8760, .advanced = true,
		.help = "How long a new key waits for its certificate before it is dropped."),
	CERTCTL_OPTION(T, log_level, CERTCTL_ENUM, .fallback = "info", .choices = certctl_settings_log_levels,
		.help = "What is logged: this level and above."),
	CERTCTL_OPTION(T, log_format, CERTCTL_ENUM, .fallback = "logfmt", .choices = certctl_settings_log_formats,
		.help = "How a log record looks."),
	{ 0 },
};
