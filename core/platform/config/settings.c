/* The table of settings.  To add one: a member in settings.h, a row here, its
 * use.  Knows nothing of what they do. */
#include "settings.h"

#include <certctl/log.h>

static const struct certctl_choice tls_versions[] = {
	{ "TLSv1.2", SETTINGS_TLS_1_2, "and up; 1.3 is preferred" },
	{ "TLSv1.3", SETTINGS_TLS_1_3, "nothing else" },
	{ "1.2", SETTINGS_TLS_1_2, "the same; a number in a file, unless in quotes" },
	{ "1.3", SETTINGS_TLS_1_3, "likewise" },
	{ 0 },
};

/* One choice: a file or variable that asks for anything else, such as none, is
 * refused. */
static const struct certctl_choice auth_types[] = {
	{ "api-key", 1, "API keys; nothing turns authentication off" },
	{ 0 },
};

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

static const struct certctl_field http_fields[] = {
	CERTCTL_OPTION(struct settings_http, listen, CERTCTL_TEXT, .fallback = "0.0.0.0:8443",
		.help = "IP address and port of the HTTPS API; port 0 takes a free one."),
	CERTCTL_OPTION(struct settings_http, agents_listen, CERTCTL_TEXT, .fallback = "0.0.0.0:8444",
		.help = "IP address and port for agents, which show a client certificate there."),
	CERTCTL_OPTION(struct settings_http, workers, CERTCTL_INTEGER, .fallback = "8", .min = 1, .max = 256,
		.advanced = true, .help = "Threads that answer requests."),
	CERTCTL_OPTION(struct settings_http, connections, CERTCTL_INTEGER, .fallback = "10000", .min = 16,
		.max = 1000000, .advanced = true,
		.help = "Connections to the HTTPS API that may be open; when seven eighths are, none is kept after its reply."),
	CERTCTL_OPTION(struct settings_http, key_rate, CERTCTL_INTEGER, .fallback = "1000", .min = 0, .max = 1000000,
		.advanced = true,
		.help = "Requests a second that an API key may make, after a burst of twice as many; 429 beyond that; 0: any number."),
	CERTCTL_OPTION(struct settings_http, failure_rate, CERTCTL_INTEGER, .fallback = "50", .min = 0, .max = 1000000,
		.advanced = true,
		.help = "Requests a second without a valid key that an address may make, after a burst of ten times as many; 429 beyond that; 0: any number."),
	CERTCTL_OPTION(struct settings_http, cors_origins, CERTCTL_LIST, .item_type = CERTCTL_TEXT, .max = 32,
		.advanced = true,
		.help = "Origins, such as https://dashboard.example.com, whose pages may call the API from a browser; empty: none."),
	{ 0 },
};

static const struct certctl_field tls_fields[] = {
	CERTCTL_OPTION(struct settings_tls, cert_path, CERTCTL_PATH, .flags = SETTINGS_RELOADED,
		.help = "Certificate of the HTTPS API in PEM, leaf first, with its chain; when absent, the fleet's own CA issues one and renews it. Agents are always shown one of the fleet's CA."),
	CERTCTL_OPTION(struct settings_tls, key_path, CERTCTL_PATH, .flags = SETTINGS_RELOADED,
		.help = "Its private key in PEM."),
	CERTCTL_OPTION(struct settings_tls, min_version, CERTCTL_ENUM, .fallback = "TLSv1.2", .choices = tls_versions,
		.help = "Oldest version of TLS that is spoken, on both addresses."),
	CERTCTL_OPTION(struct settings_tls, priority, CERTCTL_TEXT, .max = 1024, .advanced = true,
		.help = "GnuTLS priority string in place of ours; versions below 1.2 stay off."),
	{ 0 },
};

static const struct certctl_field database_fields[] = {
	CERTCTL_OPTION(struct settings_database, url, CERTCTL_SECRET,
		.help = "libpq connection string or URL, several hosts and TLS included; when absent, certctld runs a PostgreSQL of its own in state_dir."),
	CERTCTL_OPTION(struct settings_database, migration_url, CERTCTL_SECRET,
		.help = "The same as the schema's owner, for migrations; when absent, url is used."),
	CERTCTL_OPTION(struct settings_database, connections, CERTCTL_INTEGER, .fallback = "20", .min = 4, .max = 500,
		.advanced = true, .help = "Connections to the database at most."),
	{ 0 },
};

static const struct certctl_field auth_fields[] = {
	CERTCTL_OPTION(struct settings_auth, type, CERTCTL_ENUM, .fallback = "api-key", .choices = auth_types,
		.advanced = true, .help = "How operators prove who they are."),
	CERTCTL_OPTION(struct settings_auth, secret, CERTCTL_SECRET, .min = 32, .max = 4096,
		.help = "API keys with the role admin, separated by commas, the current one first; one that is left out is withdrawn at the next start, so that a key is replaced without a gap."),
	{ 0 },
};

static const struct certctl_field api_fields[] = {
	CERTCTL_OPTION(struct settings_api, key, CERTCTL_SECRET, .min = 32, .max = 128,
		.help = "An API key with the role admin: letters, digits and hyphens; recorded at start. Revoked, it stays so until it is another one."),
	CERTCTL_OPTION(struct settings_api, keys_named, CERTCTL_SECRET, .max = 65536,
		.help = "API keys as name:key:role, separated by commas; one that is left out is withdrawn at the next start."),
	{ 0 },
};

static const struct certctl_field ca_fields[] = {
	CERTCTL_OPTION(struct settings_ca, cert_path, CERTCTL_PATH,
		.help = "Certificate of an existing CA in PEM: makes the issuer iss-local, in place of one of that name in connectors.directory."),
	CERTCTL_OPTION(struct settings_ca, key_path, CERTCTL_PATH, .help = "Its private key."),
	{ 0 },
};

static const struct certctl_field connectors_fields[] = {
	CERTCTL_OPTION(struct settings_connectors, directory, CERTCTL_PATH,
		.help = "Folder whose *.yaml files configure connectors, read again at SIGHUP; when absent, connectors.d in state_dir."),
	CERTCTL_OPTION(struct settings_connectors, secrets_dir, CERTCTL_PATH,
		.help = "Folder whose files connectors made over the API may name as their secrets, secret:NAME; when absent, none."),
	CERTCTL_OPTION(struct settings_connectors, api_networks, CERTCTL_LIST, .item_type = CERTCTL_TEXT, .max = 64,
		.help = "Networks, such as 10.1.0.0/16, that connectors made over the API may open for themselves with allow_networks; empty: public addresses only."),
	{ 0 },
};

static const struct certctl_field plugins_fields[] = {
	CERTCTL_OPTION(struct settings_plugins, dirs, CERTCTL_LIST, .item_type = CERTCTL_PATH, .max = 8,
		.advanced = true, .help = "Folders of plugins, each owned by root; empty: where they were installed."),
	CERTCTL_OPTION(struct settings_plugins, host_program, CERTCTL_PATH, .advanced = true,
		.help = "The program that runs a plugin; when absent, the one that was installed."),
	{ 0 },
};

static const struct certctl_field jobs_fields[] = {
	CERTCTL_OPTION(struct settings_jobs, workers, CERTCTL_INTEGER, .fallback = "4", .min = 1, .max = 256,
		.advanced = true, .help = "Threads that run jobs."),
	CERTCTL_OPTION(struct settings_jobs, lease_seconds, CERTCTL_INTEGER, .fallback = "300", .min = 5, .max = 3600,
		.advanced = true, .help = "How long a job is held before somebody else may take it up."),
	{ 0 },
};

static const struct certctl_field scheduler_fields[] = {
	CERTCTL_OPTION(struct settings_scheduler, renewal_check_interval, CERTCTL_DURATION, .fallback = "5s", .min = 1,
		.max = 86400, .advanced = true,
		.help = "How often certificates are looked for whose time has come. Looking costs one probe of an index: longer spares nothing, and is too late for certificates that live for minutes."),
	{ 0 },
};

static const struct certctl_choice keygen_modes[] = {
	{ "agent", SETTINGS_KEYGEN_AGENT, "on the agent that uses it, which it never leaves" },
	{ "server", SETTINGS_KEYGEN_SERVER, "not in this version: refused at the start" },
	{ 0 },
};

static const struct certctl_field keygen_fields[] = {
	CERTCTL_OPTION(struct settings_keygen, mode, CERTCTL_ENUM, .fallback = "agent", .choices = keygen_modes,
		.advanced = true, .help = "Where private keys are made."),
	{ 0 },
};

static const struct certctl_field allow_fields[] = {
	CERTCTL_OPTION(struct settings_allow, server_keygen, CERTCTL_TEXT, .advanced = true,
		.help = "What keygen.mode server asks for as well; demo is the only word that counts."),
	{ 0 },
};

static const struct certctl_field log_fields[] = {
	CERTCTL_OPTION(struct settings_log, level, CERTCTL_ENUM, .fallback = "info", .choices = log_levels,
		.flags = SETTINGS_RELOADED, .help = "How much is logged."),
	CERTCTL_OPTION(struct settings_log, format, CERTCTL_ENUM, .fallback = "logfmt", .choices = log_formats,
		.flags = SETTINGS_RELOADED, .help = "What a log record looks like."),
	{ 0 },
};

static const struct certctl_field audit_fields[] = {
	CERTCTL_OPTION(struct settings_audit, exclude_paths, CERTCTL_LIST, .item_type = CERTCTL_TEXT, .max = 64,
		.advanced = true, .help = "Paths of calls that only read and are not recorded."),
	{ 0 },
};

static const struct certctl_field sealing_fields[] = {
	CERTCTL_OPTION(struct settings_sealing, key_file, CERTCTL_PATH,
		.help = "File with the keys of stored secrets, 64 hexadecimal digits a line, the first of which seals; when absent, sealing.key in state_dir, made at the first start."),
	{ 0 },
};

#define SECTION(member) CERTCTL_OPTION(struct settings, member, CERTCTL_OBJECT, .nested = member##_fields, .nested_size = sizeof(struct settings_##member)
const struct certctl_field settings_fields[] = {
	CERTCTL_OPTION(struct settings, state_dir, CERTCTL_PATH, .fallback = "/var/lib/certctl",
		.help = "Where the private database, the fleet's CA and the admin key live."),
	CERTCTL_OPTION(struct settings, ready_file, CERTCTL_PATH, .advanced = true,
		.help = "Written, as JSON, when everything is up; removed at the end."),
	SECTION(http), .help = "Addresses."),
	SECTION(tls), .help = "What the addresses speak."),
	SECTION(database), .help = "PostgreSQL."),
	SECTION(auth), .advanced = true, .help = "Authentication."),
	SECTION(api), .help = "Keys of the API that are there from the start."),
	SECTION(ca), .help = "An issuer from two files."),
	SECTION(connectors), .help = "CAs, servers and channels."),
	SECTION(plugins), .advanced = true, .help = "Where connectors come from."),
	SECTION(jobs), .advanced = true, .help = "The queue."),
	SECTION(scheduler), .advanced = true, .help = "What is looked after again and again."),
	SECTION(keygen), .advanced = true, .help = "Private keys."),
	SECTION(allow), .advanced = true, .help = "What is refused unless it is asked for twice."),
	SECTION(audit), .advanced = true, .help = "The trail."),
	SECTION(sealing), .help = "Secrets at rest."),
	SECTION(log), .help = "The log, on standard error."),
	{ 0 },
};
