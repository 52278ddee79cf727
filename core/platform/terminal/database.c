/* `certctld psql` and `certctld db dump|restore`: PostgreSQL's own programs on the private cluster.  Knows no table of ours. */
#include "core/platform/terminal/terminal.sql.h"
#include "terminal.h"

#include <certctl/files.h>
#include <certctl/log.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS_MAX 64

struct line {
	struct terminal_server server;
	const char *role, *action, *file;
	char **rest; /* arguments of psql */
	int rest_count;
};

static error_t give_server(struct line *line, struct argp_state *state)
{
	state->child_inputs[0] = &line->server;
	return 0;
}

static const struct argp_child children[] = { { &terminal_argp, 0, NULL, 0 }, { 0 } };

/* --- A program ------------------------------------------------------------------------------------------------------- */

/* Of the cluster's own version; in front of somebody else's database, the one that is installed. */
static const char *program_path(TALLOC_CTX *mem, const struct terminal_database *database, const char *name)
{
	return talloc_asprintf(mem, "%s/%s", database->cluster ? db_cluster_binaries(database->cluster) : "/usr/bin",
		name);
}

/* On this terminal, to its end.  A key that interrupts is for the program, not for us. */
static int run_program(const char *const *argv, int output_fd, int *ret_status, struct certctl_error *err)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int status = 0;

	posix_spawn_file_actions_init(&actions);
	if (output_fd >= 0)
		posix_spawn_file_actions_adddup2(&actions, output_fd, STDOUT_FILENO);
	signal(SIGINT, SIG_IGN);
	int error_number = posix_spawn(&pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);

	posix_spawn_file_actions_destroy(&actions);
	if (error_number)
		return certctl_fail_errno(err, error_number, "%s", argv[0]);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return certctl_fail_errno(err, errno, "%s", argv[0]);
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return 0;
}

/* A step that must end well. */
static int run_step(const char *const *argv, int output_fd, struct certctl_error *err)
{
	int status = 0, rc = run_program(argv, output_fd, &status, err);

	if (rc == 0 && status != 0)
		rc = certctl_fail(err, CERTCTL_E_IO, "%s ended with status %d", argv[0], status);
	return rc;
}

/* --- psql ------------------------------------------------------------------------------------------------------------ */

static const struct argp_option psql_options[] = {
	{ "role", 'r', "ROLE", 0,
		"In the private cluster: certctl_read_only (default), certctl (the server), certctl_owner (the schema)",
		0 },
	{ 0 },
};

static error_t parse_psql(int key, char *text, struct argp_state *state)
{
	struct line *line = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		return give_server(line, state);
	case 'r':
		if (strcmp(text, "certctl_read_only") != 0 && strcmp(text, "certctl") != 0 &&
			strcmp(text, "certctl_owner") != 0)
			argp_error(state, "--role=%s: certctl_read_only, certctl or certctl_owner expected", text);
		line->role = text;
		return 0;
	case ARGP_KEY_ARGS:
		line->rest = state->argv + state->next;
		line->rest_count = state->argc - state->next;
		if (line->rest_count > ARGUMENTS_MAX)
			argp_error(state, "at most %d arguments", ARGUMENTS_MAX);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp psql_parser = { psql_options, parse_psql, "[-- PSQL-ARGUMENT...]",
	"psql on the server's database.\vReading only, unless --role says otherwise. The private cluster is started for it "
	"when no server runs.",
	children, NULL, NULL };

static int run_psql(TALLOC_CTX *mem, const struct line *line, const struct terminal_database *database, int *ret_status,
	struct certctl_error *err)
{
	const char *argv[ARGUMENTS_MAX + 4];
	int count = 0;

	argv[count++] = program_path(mem, database, "psql");
	argv[count++] = "--dbname";
	argv[count++] = database->cluster ? db_cluster_conninfo_as(database->cluster, mem, line->role) : database->url;
	for (int i = 0; i < line->rest_count; i++)
		argv[count++] = line->rest[i];
	argv[count] = NULL;
	if (!argv[0] || !argv[2])
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	return run_program(argv, -1, ret_status, err);
}

int terminal_psql(int argc, char **argv)
{
	struct line line = { .role = "certctl_read_only" };
	struct terminal_database database = { .lock_fd = -1 };
	const struct settings *settings = NULL;
	struct certctl_error err = { 0 };
	int status = 1;

	argp_parse(&psql_parser, argc, argv, ARGP_IN_ORDER, NULL, &line);
	TALLOC_CTX *mem = talloc_new(NULL);

	certctl_log_setup(&(struct certctl_log_options){
		.level = CERTCTL_LOG_WARNING, .fd = 2, .program = "certctld" });
	int rc = terminal_settings(mem, &line.server, &settings, &err);

	if (rc == 0)
		rc = terminal_database_open(mem, settings, false, &database, &err);
	if (rc == 0) {
		rc = run_psql(mem, &line, &database, &status, &err);
		terminal_database_close(&database);
	}
	if (rc < 0)
		terminal_say_error(&err);
	talloc_free(mem);
	return status;
}

/* --- dump ------------------------------------------------------------------------------------------------------------ */

/* Complete or not there: written beside its place, made durable, then given its name. */
static int write_dump(TALLOC_CTX *mem, const struct terminal_database *database, const char *file,
	struct certctl_error *err)
{
	const char *partial = talloc_asprintf(mem, "%s.partial", file), *folder = dirname(talloc_strdup(mem, file));
	const char *argv[] = { program_path(mem, database, "pg_dump"), "--format=custom", "--dbname",
		db_cluster_conninfo_as(database->cluster, mem, "postgres"), NULL };
	CERTCTL_AUTO_CLOSE int fd = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	CERTCTL_AUTO_CLOSE int folder_fd = -1;

	if (fd < 0)
		return certctl_fail_errno(err, errno, "%s", partial);
	int rc = run_step(argv, fd, err);

	if (rc == 0 && fsync(fd) < 0)
		rc = certctl_fail_errno(err, errno, "%s", partial);
	/* link, not rename: what got that name meanwhile is somebody's dump. */
	if (rc == 0 && link(partial, file) < 0)
		rc = certctl_fail_errno(err, errno, "%s", file);
	unlink(partial);
	if (rc == 0)
		rc = certctl_dir_open(folder, &folder_fd, err);
	return rc < 0 ? rc : certctl_dir_sync(folder_fd, err);
}

static int dump(TALLOC_CTX *mem, const struct settings *settings, const char *file, struct certctl_error *err)
{
	struct terminal_database database = { .lock_fd = -1 };

	if (access(file, F_OK) == 0)
		return certctl_fail(err, CERTCTL_E_CONFLICT, "%s is there already", file);
	int rc = terminal_database_open(mem, settings, false, &database, err);

	if (rc < 0)
		return rc;
	rc = write_dump(mem, &database, file, err);
	terminal_database_close(&database);
	if (rc == 0)
		printf("The database is in %s. Keep it with %s: the dump has no file of it.\n", file,
			settings->state_dir);
	return rc;
}

/* --- restore --------------------------------------------------------------------------------------------------------- */

static int check_empty(TALLOC_CTX *mem, const struct db_cluster *cluster, const char *state_dir,
	struct certctl_error *err)
{
	struct db_pool_options options = {
		.conninfo = db_cluster_conninfo(cluster), .program = "certctld restore", .size = 1
	};
	struct db_pool *pool = NULL;
	struct db_result *rows = NULL;
	int rc = db_pool_new(mem, &options, &pool, err);

	if (rc == 0)
		rc = db_once(pool, mem, &query_database_is_empty, DB_NO_VALUES, &rows, err);
	talloc_free(pool);
	bool is_empty = rc == 0 && db_get_boolean(rows, 0, "is_empty");

	if (rc < 0 || is_empty)
		return rc;
	certctl_fail(err, CERTCTL_E_CONFLICT, "%s/postgres has a database with content", state_dir);
	return certctl_hint(err, "Move that folder away; a new one is made.");
}

static int restore(TALLOC_CTX *mem, const struct settings *settings, const char *file, struct certctl_error *err)
{
	struct terminal_database database = { .lock_fd = -1 };
	int rc = access(file, R_OK) < 0 ? certctl_fail_errno(err, errno, "%s", file)
					: terminal_database_open(mem, settings, true, &database, err);

	if (rc < 0)
		return rc;
	if (database.lock_fd < 0)
		rc = certctl_fail(err, CERTCTL_E_CONFLICT, "a server runs in %s: stop it first", settings->state_dir);
	if (rc == 0)
		rc = check_empty(mem, database.cluster, settings->state_dir, err);
	if (rc == 0) {
		const char *argv[] = { program_path(mem, &database, "pg_restore"), "--exit-on-error",
			"--single-transaction", "--dbname", db_cluster_conninfo_as(database.cluster, mem, "postgres"),
			file, NULL };

		rc = run_step(argv, -1, err);
	}
	terminal_database_close(&database);
	if (rc == 0)
		printf("Restored from %s. Start the server, then say `certctld audit link --reason ...`: the audit trail goes "
		       "on in a new cluster.\n",
			file);
	return rc;
}

/* --- db -------------------------------------------------------------------------------------------------------------- */

static error_t parse_db(int key, char *text, struct argp_state *state)
{
	struct line *line = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		return give_server(line, state);
	case ARGP_KEY_ARG:
		if (state->arg_num > 1)
			return ARGP_ERR_UNKNOWN;
		*(state->arg_num == 0 ? &line->action : &line->file) = text;
		return 0;
	case ARGP_KEY_END:
		if (!line->action || (strcmp(line->action, "dump") != 0 && strcmp(line->action, "restore") != 0))
			argp_error(state, "a command is needed: dump or restore");
		if (!line->file)
			argp_error(state, "%s: a file is needed", line->action);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp db_parser = { NULL, parse_db, "dump|restore FILE",
	"The private database in a file, and back.\v"
	"`dump` may be done while the server runs. `restore` wants a state directory without a database, of any version of "
	"PostgreSQL, and no running server. A database that is not the private one is its administrator's: use pg_dump.",
	children, NULL, NULL };

int terminal_db(int argc, char **argv)
{
	struct line line = { 0 };
	const struct settings *settings = NULL;
	struct certctl_error err = { 0 };

	argp_parse(&db_parser, argc, argv, 0, NULL, &line);
	TALLOC_CTX *mem = talloc_new(NULL);

	certctl_log_setup(&(struct certctl_log_options){
		.level = CERTCTL_LOG_WARNING, .fd = 2, .program = "certctld" });
	int rc = terminal_settings(mem, &line.server, &settings, &err);

	if (rc == 0 && settings->database.url.data)
		rc = certctl_fail(&err, CERTCTL_E_UNSUPPORTED,
			"database.url is set: that database is its administrator's, who uses pg_dump and pg_restore");
	if (rc == 0)
		rc = (strcmp(line.action, "dump") == 0 ? dump : restore)(mem, settings, line.file, &err);
	if (rc < 0)
		terminal_say_error(&err);
	talloc_free(mem);
	return rc < 0;
}
