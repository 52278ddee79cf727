/* Which server a command means, and how its database is reached.  Knows no command. */
#include "terminal.h"

#include <certctl/files.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define CONFIG "/etc/certctl/certctld.yaml"

static const struct argp_option options[] = {
	{ "config", 'c', "FILE", 0, "Settings of the server (default " CONFIG ")", 0 },
	{ "dir", 'd', "DIR", 0, "Its state directory", 0 },
	{ "database-url", 'u', "URL", 0, "Its database, when it is not the private one", 0 },
	{ 0 },
};

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	struct terminal_server *server = state->input;

	switch (key) {
	case 'c':
		server->config = text;
		return 0;
	case 'd':
		server->dir = text;
		return 0;
	case 'u':
		server->database_url = text;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp terminal_argp = { options, parse_option, NULL, NULL, NULL, NULL, NULL };

static const char *absolute(TALLOC_CTX *mem, const char *path)
{
	char real[PATH_MAX];

	return realpath(path, real) ? talloc_strdup(mem, real) : path;
}

int terminal_settings(TALLOC_CTX *mem, const struct terminal_server *server, const struct settings **ret,
	struct certctl_error *err)
{
	struct settings_value flags[2];
	struct settings_source source = { .file = server->config ? server->config
						  : server->dir  ? NULL
								 : CONFIG,
		.is_file_required = server->config != NULL,
		.environment = (const char *const *)environ,
		.flags = flags };
	struct settings_loaded *loaded = NULL;

	if (server->dir)
		flags[source.flag_count++] =
			(struct settings_value){ "--dir", "state_dir", absolute(mem, server->dir) };
	if (server->database_url)
		flags[source.flag_count++] =
			(struct settings_value){ "--database-url", "database.url", server->database_url };
	int rc = settings_load(mem, &source, &loaded, err);

	if (rc == 0)
		*ret = settings_of(loaded);
	return rc;
}

/* The server's own lock: who has it may start and stop the cluster. */
static int lock_server(const struct settings *settings)
{
	CERTCTL_AUTO_CLOSE int dir_fd = -1;
	int fd = -1;

	if (certctl_dir_open(settings->state_dir, &dir_fd, NULL) < 0 ||
		certctl_open_below(dir_fd, "certctld.lock", O_RDWR | O_CREAT, 0600, &fd, NULL) < 0)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	close(fd);
	return -1;
}

int terminal_database_open(TALLOC_CTX *mem, const struct settings *settings, bool may_make,
	struct terminal_database *ret, struct certctl_error *err)
{
	struct terminal_database database = { .url = (const char *)settings->database.url.data, .lock_fd = -1 };
	char *folder = talloc_asprintf(mem, "%s/postgres", settings->state_dir);
	struct db_cluster_options where = { .directory = folder };
	int rc = 0;

	if (!database.url) {
		if (!folder)
			return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
		if (!may_make && access(folder, F_OK) < 0)
			return certctl_fail_errno(err, errno, "%s", folder);
		database.lock_fd = lock_server(settings);
		rc = db_cluster_start(mem, &where, &database.cluster, err);
	}
	if (rc < 0)
		certctl_close_auto(&database.lock_fd);
	else
		*ret = database;
	return rc;
}

void terminal_database_close(struct terminal_database *database)
{
	struct certctl_error err = { 0 };

	if (database->cluster && database->lock_fd >= 0 && db_cluster_stop(database->cluster, &err) < 0)
		terminal_say_error(&err);
	TALLOC_FREE(database->cluster);
	certctl_close_auto(&database->lock_fd);
}

void terminal_say_error(const struct certctl_error *err)
{
	fprintf(stderr, "certctld: %s%s%s\n", err->what, err->hint[0] ? "\n" : "", err->hint);
}
