/**
 * Settings of certctld, declared once.  From the table in settings.c come the
 * configuration file and its drop-ins, the environment, --set, --print-config,
 * the sample and the reference page.
 *
 * Defaults < what the command itself brings along < file < conf.d/<name>.yaml
 * in the order of their names < environment < command line. Later ones win
 * member by member; a list is replaced as a whole; null puts the default back.
 */
#ifndef CORE_SETTINGS_H
#define CORE_SETTINGS_H

#include <certctl/buffer.h>
#include <certctl/field.h>

struct settings {
	const char *state_dir;
	const char *ready_file; /* NULL: none */
	struct settings_http {
		const char *listen, *agents_listen;
		int64_t workers;
		int64_t connections, key_rate, failure_rate;
		struct certctl_list cors_origins; /* of const char * */
	} http;
	struct settings_tls {
		const char *cert_path, *key_path; /* both NULL: issued by the fleet's CA */
		int min_version;                  /* enum settings_tls_version */
		const char *priority;             /* NULL: ours */
	} tls;
	struct settings_database {
		struct certctl_secret url, migration_url; /* not set: a private cluster in
                                                 state_dir; the same as url */
		int64_t connections;
	} database;
	struct settings_auth {
		int type;
		struct certctl_secret secret; /* not set: none from here */
	} auth;
	struct settings_api {
		struct certctl_secret key, keys_named; /* likewise */
	} api;
	struct settings_ca {
		const char *cert_path, *key_path; /* both NULL: no issuer from here */
	} ca;
	struct settings_connectors {
		const char *directory;
		const char *secrets_dir;          /* NULL: none */
		struct certctl_list api_networks; /* of const char * */
	} connectors;
	struct settings_plugins {
		struct certctl_list dirs; /* of const char * */
		const char *host_program;
	} plugins;
	struct settings_jobs {
		int64_t workers, lease_seconds;
	} jobs;
	struct settings_scheduler {
		struct certctl_duration renewal_check_interval;
	} scheduler;
	struct settings_keygen {
		int mode; /* enum settings_keygen_mode */
	} keygen;
	struct settings_allow {
		const char *server_keygen; /* "demo": yes; NULL: no */
	} allow;
	struct settings_audit {
		struct certctl_list exclude_paths; /* of const char * */
	} audit;
	struct settings_sealing {
		const char *key_file; /* NULL: made in state_dir */
	} sealing;
	struct settings_log {
		int level, format;
	} log;
};

enum settings_keygen_mode { SETTINGS_KEYGEN_AGENT = 1, SETTINGS_KEYGEN_SERVER };
enum settings_tls_version { SETTINGS_TLS_1_2 = 12, SETTINGS_TLS_1_3 = 13 };

/** In `flags` of a row: SIGHUP takes it over; every other one needs a restart.
 */
#define SETTINGS_RELOADED (UINT64_C(1) << 0)

extern const struct certctl_field settings_fields[];

/* --- Reading
 * ---------------------------------------------------------------------------------------------------------
 */

/** One setting as text, from an option of the command line or from the command
 * itself. */
struct settings_value {
	const char *label; /* how it is called in messages: "--listen" */
	const char *path;  /* "http.listen" */
	const char *text;
};

/** Told of every problem, one text each: "/etc/certctl/certctld.yaml:3:7:
 * http.workers: 1..256 expected, got 0". */
typedef void settings_problem_fn(void *arg, const char *text);

struct settings_source {
	const struct settings_value *built_in; /* instead of defaults */
	size_t built_in_count;
	const char *file;               /* NULL: none, and no drop-ins; these stand in conf.d beside it */
	bool is_file_required;          /* false: a file that is not there reads as empty */
	const char *const *environment; /* "NAME=value", NULL-terminated, as
                                     environ(7); NULL: none */
	const struct settings_value *flags;
	size_t flag_count;
	settings_problem_fn *problem; /* may be NULL */
	void *arg;
};

/** Settings and where each of them came from.  A talloc context: talloc_free
 * wipes the secrets. */
struct settings_loaded;

/**
 * Read everything.  Nothing is changed, made or started.
 * @return 0, or the first problem; `source->problem` is told of all of them
 */
int settings_load(TALLOC_CTX *mem, const struct settings_source *source, struct settings_loaded **ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** Borrowed. */
const struct settings *settings_of(const struct settings_loaded *loaded);

/* --- Comparing
 * -------------------------------------------------------------------------------------------------------
 */

typedef void settings_changed_fn(void *arg, const char *path, bool is_reloaded);
/** Call `changed` for every setting that differs. */
void settings_compare(const struct settings *before, const struct settings *after, settings_changed_fn *changed,
	void *arg);

/* --- Showing
 * ---------------------------------------------------------------------------------------------------------
 */

/** YAML that reads back, with the origin of every value as a comment; secrets
 * are masked. */
void settings_print(const struct settings_loaded *loaded, struct certctl_buffer *out);
/** Every setting for a terminal, as a Markdown table, and as a file with the
 * defaults. */
void settings_help(struct certctl_buffer *out);
void settings_reference(struct certctl_buffer *out);
void settings_sample(struct certctl_buffer *out);

#endif
