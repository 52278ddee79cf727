/* `certctld audit verify|link|archive`: arguments, and which database they mean.  Knows nothing of hashes. */
#include "command.h"
#include "archive.h"
#include "check.h"
#include "core/platform/terminal/terminal.h"
#include "seal.h"

#include <certctl/files.h>
#include <certctl/log.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KEYS_MAX     16
#define KEY_SIZE_MAX 4096
#define LINK_WAIT_S  10

enum status { STATUS_GOOD = 0, STATUS_TAMPERED = 1, STATUS_FAILED = 2 };

struct arguments {
	struct terminal_server server;
	const char *action, *offline, *reason, *before, *file, *witness;
	const char *keys[KEYS_MAX];
	size_t key_count;
};

static const struct argp_option options[] = {
	{ "offline", 'o', "FILE", 0, "verify: look at an export with proof instead of the database", 0 },
	{ "pubkey", 'k', "FILE", 0,
		"verify: trust this public key (default: " AUDIT_PUBLIC_FILE " of the state directory)", 0 },
	{ "witness", 'w', "FILE", 0,
		"verify: hold the trail against these checkpoints (an agent's " AUDIT_WITNESS_FILE
		"), not the server's own",
		0 },
	{ "before", 'b', "DATE", 0, "archive: months that end by this day, at least twelve months ago", 0 },
	{ "file", 'f', "FILE", 0, "archive: where their events go; must not be there yet", 0 },
	{ "reason", 'r', "TEXT", 0, "link: why the trail goes on in another database", 0 },
	{ 0 },
};

struct database;
typedef enum status run_fn(TALLOC_CTX *mem, const struct arguments *arguments, const struct settings *settings,
	struct database *database);
struct action {
	const char *name;
	run_fn *run;
	bool needs_owner;
};
static const struct action *find_action(const char *name);

static void check_arguments(const struct arguments *arguments, struct argp_state *state)
{
	if (!arguments->action)
		argp_error(state, "a command is needed: verify, link or archive");
	if (strcmp(arguments->action, "link") == 0 && !arguments->reason)
		argp_error(state, "link: --reason is needed");
	if (strcmp(arguments->action, "archive") == 0 && (!arguments->before || !arguments->file))
		argp_error(state, "archive: --before and --file are needed");
	if (arguments->offline && arguments->key_count == 0)
		argp_error(state, "--offline: --pubkey is needed");
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &arguments->server;
		return 0;
	case 'o':
		arguments->offline = text;
		return 0;
	case 'b':
		arguments->before = text;
		return 0;
	case 'w':
		arguments->witness = text;
		return 0;
	case 'f':
		arguments->file = text;
		return 0;
	case 'r':
		arguments->reason = text;
		return 0;
	case 'k':
		if (arguments->key_count == KEYS_MAX)
			argp_error(state, "--pubkey: at most %d of them", KEYS_MAX);
		arguments->keys[arguments->key_count++] = text;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->action || !find_action(text))
			argp_error(state, "'%s': verify, link or archive expected", text);
		arguments->action = text;
		return 0;
	case ARGP_KEY_END:
		check_arguments(arguments, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = { { &terminal_argp, 0, NULL, 0 }, { 0 } };

static const struct argp parser = { options, parse_option, "verify|link|archive",
	"The audit trail.\v"
	"`verify` recomputes every hash and signature, in the database or, with --offline, in an export that was made with "
	"GET /api/v1/audit/export?format=jsonl&proof=true, for which the public key is all it needs. Exit status: 0 the trail is "
	"as it was sealed, 1 it is not, 2 it could not be looked at.\n\n"
	"`link` signs that the trail goes on in another database, after a dump was restored. Sealing waits for it.\n\n"
	"`archive` verifies the trail, writes the events of whole months into a file, verifies that, records both, and only then takes "
	"these months out of the database. Keep the file: it is the only copy.",
	children, NULL, NULL };

/* --- Database -------------------------------------------------------------------------------------------------------- */

struct database {
	struct terminal_database server;
	struct db_pool *pool;
};

/* The server's own role may not take anything out of the trail; the schema's owner may. */
static const char *owner_url(const struct settings *settings, const struct terminal_database *server)
{
	if (server->cluster)
		return db_cluster_owner_conninfo(server->cluster);
	return settings->database.migration_url.data ? (const char *)settings->database.migration_url.data
						     : server->url;
}

static int open_database(TALLOC_CTX *mem, const struct settings *settings, bool as_owner, struct database *ret,
	struct certctl_error *err)
{
	struct db_pool_options pool = { .program = "certctld audit", .size = 2, .statement_ms = 600000 };
	int rc = terminal_database_open(mem, settings, false, &ret->server, err);

	if (rc < 0)
		return rc;
	pool.conninfo = ret->server.url ? ret->server.url : db_cluster_conninfo(ret->server.cluster);
	if (as_owner)
		pool.conninfo = owner_url(settings, &ret->server);
	return db_pool_new(mem, &pool, &ret->pool, err);
}

static void close_database(struct database *database)
{
	TALLOC_FREE(database->pool);
	terminal_database_close(&database->server);
}

/* --- verify ---------------------------------------------------------------------------------------------------------- */

static int read_key(TALLOC_CTX *mem, struct audit_keys *keys, const char *path, struct certctl_error *err)
{
	char *pem = NULL;
	size_t len = 0;
	int rc = certctl_file_read_path(mem, path, KEY_SIZE_MAX, &pem, &len, err);

	if (rc == 0 && (rc = audit_keys_add(keys, pem, len, err)) < 0)
		certctl_error_prefix(err, "%s", path);
	return rc;
}

/* Those that were given, else the one beside the private key. */
static int read_keys(TALLOC_CTX *mem, const struct arguments *arguments, const struct settings *settings,
	struct audit_keys **ret, struct certctl_error *err)
{
	struct audit_keys *keys = NULL;
	int rc = audit_keys_new(mem, &keys, err);

	for (size_t i = 0; rc == 0 && i < arguments->key_count; i++)
		rc = read_key(mem, keys, arguments->keys[i], err);
	if (rc == 0 && arguments->key_count == 0)
		rc = read_key(mem, keys, talloc_asprintf(mem, "%s/" AUDIT_PUBLIC_FILE, settings->state_dir), err);
	if (rc == 0)
		*ret = keys;
	return rc;
}

static void print_report(const struct audit_report *report)
{
	if (report->is_selection)
		printf("A selection: its %lld events of %lld are as they were sealed. It says nothing of the others.\n",
			(long long)report->shown, (long long)report->events);
	else
		printf("The audit trail is as it was sealed: %lld events in %lld batches, head %s.\n",
			(long long)report->events, (long long)report->batches, report->head);
	if (report->archived)
		printf("%lld of them are in archives, which prove themselves.\n", (long long)report->archived);
	if (report->checkpoints)
		printf("%lld checkpoints are signed, the last one at %s over %lld events.\n",
			(long long)report->checkpoints, report->signed_at, (long long)report->signed_events);
	else
		printf("No checkpoint is signed yet: whoever wrote this may have made all of it up.\n");
}

static enum status say_result(int rc, const struct audit_report *report, const struct certctl_error *err)
{
	if (rc == 0) {
		print_report(report);
		return STATUS_GOOD;
	}
	if (rc == CERTCTL_E_INVALID) {
		printf("TAMPERED: %s\n", err->what);
		return STATUS_TAMPERED;
	}
	terminal_say_error(err);
	return STATUS_FAILED;
}

static enum status fail(const struct certctl_error *err)
{
	return say_result(CERTCTL_E_IO, NULL, err);
}

static enum status verify_offline(TALLOC_CTX *mem, const struct arguments *arguments)
{
	struct certctl_error err = { 0 };
	struct audit_report report = { 0 };
	struct audit_keys *keys = NULL;

	if (read_keys(mem, arguments, NULL, &keys, &err) < 0)
		return fail(&err);
	return say_result(audit_check_file(arguments->offline, keys, &report, &err), &report, &err);
}

static enum status verify_online(TALLOC_CTX *mem, const struct arguments *arguments, const struct settings *settings,
	struct database *database)
{
	struct certctl_error err = { 0 };
	struct audit_report report = { 0 };
	struct audit_keys *keys = NULL;
	const char *checkpoints = talloc_asprintf(mem, "%s/" AUDIT_CHECKPOINT_FILE, settings->state_dir);

	if (read_keys(mem, arguments, settings, &keys, &err) < 0)
		return fail(&err);
	if (arguments->witness && access(arguments->witness, R_OK) < 0)
		return certctl_fail_errno(&err, errno, "%s", arguments->witness), fail(&err);
	checkpoints = arguments->witness ? arguments->witness : checkpoints;
	return say_result(audit_check_database(database->pool, keys, checkpoints, &report, &err), &report, &err);
}

/* --- link ------------------------------------------------------------------------------------------------------------ */

/* A server that waits for the link does not hold the lock for long: it tries, fails and gives it back. */
static int wait_for_lock(struct db *db, struct certctl_error *err)
{
	bool is_ours = false;
	int rc = 0;

	for (int tries = 0; rc == 0 && !is_ours && tries < LINK_WAIT_S * 10; tries++) {
		if (tries)
			usleep(100000);
		rc = audit_seal_lock(db, &is_ours, err);
	}
	if (rc == 0 && !is_ours)
		rc = certctl_fail(err, CERTCTL_E_CONFLICT, "the trail is being sealed: there is nothing to link");
	return rc;
}

static int link_trail(TALLOC_CTX *mem, struct db *db, const struct settings *settings, const char *reason,
	struct audit_position *ret, struct certctl_error *err)
{
	struct audit_signer *signer = NULL;
	int64_t sealed = 1;
	int rc = audit_signer_open(mem, settings->state_dir, &signer, err);

	if (rc == 0)
		rc = wait_for_lock(db, err);
	if (rc == 0)
		rc = audit_position_load(db, ret, err);
	/* What the epoch before left unsealed comes first; DENIED says that it is all sealed, and that a link is wanted. */
	while (rc == 0 && sealed > 0)
		rc = audit_seal_step(db, signer, ret, &sealed, err);
	if (rc == 0)
		return certctl_fail(err, CERTCTL_E_CONFLICT,
			"the trail is in its own database: there is nothing to link");
	return rc == CERTCTL_E_DENIED ? audit_link(db, signer, ret, reason, err) : rc;
}

static enum status run_link(TALLOC_CTX *mem, const struct arguments *arguments, const struct settings *settings,
	struct database *database)
{
	struct certctl_error err = { 0 };
	struct audit_position position = { 0 };
	CERTCTL_AUTO(db_release) struct db *db = NULL;

	if (db_acquire(database->pool, &db, &err) < 0 ||
		link_trail(mem, db, settings, arguments->reason, &position, &err) < 0)
		return fail(&err);
	printf("Epoch %lld follows batch %lld with %lld events. Sealing goes on.\n", (long long)position.epoch,
		(long long)position.batch, (long long)position.size);
	return STATUS_GOOD;
}

/* --- archive --------------------------------------------------------------------------------------------------------- */

static int archive(TALLOC_CTX *mem, const struct arguments *arguments, const struct settings *settings,
	struct db_pool *db, struct audit_archived *ret, struct certctl_error *err)
{
	struct audit_archiving how = { .db = db,
		.checkpoints = talloc_asprintf(mem, "%s/" AUDIT_CHECKPOINT_FILE, settings->state_dir),
		.before = arguments->before,
		.file = arguments->file };
	struct audit_signer *signer = NULL;
	struct audit_keys *keys = NULL;
	int rc = audit_signer_open(mem, settings->state_dir, &signer, err);

	if (rc == 0)
		rc = read_keys(mem, arguments, settings, &keys, err);
	how.signer = signer;
	how.keys = keys;
	return rc < 0 ? rc : audit_archive(mem, &how, ret, err);
}

static enum status run_archive(TALLOC_CTX *mem, const struct arguments *arguments, const struct settings *settings,
	struct database *database)
{
	struct certctl_error err = { 0 };
	struct audit_archived archived = { 0 };
	int rc = archive(mem, arguments, settings, database->pool, &archived, &err);

	if (rc < 0)
		return say_result(rc, NULL, &err);
	if (archived.months == 0)
		return printf("That was done before: %lld events are in %s and no longer in the database.\nIts SHA-256 is on record: %s\n",
			       (long long)archived.events, arguments->file, archived.file_sha256),
		       STATUS_GOOD;
	printf("%lld months with %lld events are in %s and no longer in the database.\nIts SHA-256, which is on record: %s\n",
		(long long)archived.months, (long long)archived.events, arguments->file, archived.file_sha256);
	return STATUS_GOOD;
}

static const struct action actions[] = {
	{ "verify", verify_online, false },
	{ "link", run_link, false },
	{ "archive", run_archive, true },
};

static const struct action *find_action(const char *name)
{
	for (size_t i = 0; i < CERTCTL_COUNT(actions); i++)
		if (strcmp(actions[i].name, name) == 0)
			return &actions[i];
	return NULL;
}

/* --- In and out ------------------------------------------------------------------------------------------------------ */

static enum status run_on_database(TALLOC_CTX *mem, const struct arguments *arguments)
{
	const struct settings *settings = NULL;
	struct database database = { .server.lock_fd = -1 };
	struct certctl_error err = { 0 };
	enum status status;

	if (terminal_settings(mem, &arguments->server, &settings, &err) < 0)
		return fail(&err);
	const struct action *action = find_action(arguments->action);

	if (open_database(mem, settings, action->needs_owner, &database, &err) < 0)
		status = fail(&err);
	else
		status = action->run(mem, arguments, settings, &database);
	close_database(&database);
	return status;
}

int audit_command(int argc, char **argv)
{
	struct arguments arguments = { 0 };
	enum status status;

	argp_parse(&parser, argc, argv, 0, NULL, &arguments);
	TALLOC_CTX *mem = talloc_new(NULL);

	certctl_log_setup(&(struct certctl_log_options){
		.level = CERTCTL_LOG_WARNING, .fd = 2, .program = "certctld" });
	status = arguments.offline ? verify_offline(mem, &arguments) : run_on_database(mem, &arguments);
	talloc_free(mem);
	return (int)status;
}
