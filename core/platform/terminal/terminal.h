/**
 * Commands beside the server, from a terminal of its machine: the settings it would have, and its database, whether it
 * runs or not.  One thread.
 */
#ifndef CORE_TERMINAL_H
#define CORE_TERMINAL_H

#include "core/platform/config/settings.h"
#include "core/platform/db/cluster.h"
#include "core/platform/db/db.h"

#include <argp.h>

/** Which server: filled by terminal_argp, the child parser of every such command, whose input this is. */
struct terminal_server {
	const char *config, *dir, *database_url;
};
extern const struct argp terminal_argp;

/** Its settings, on `mem`. */
int terminal_settings(TALLOC_CTX *mem, const struct terminal_server *server, const struct settings **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

struct terminal_database {
	const char *url;            /* somebody else's database; NULL: the private cluster */
	struct db_cluster *cluster; /* NULL: somebody else's */
	int lock_fd;                /* ours when no server runs here: then the cluster is ours to stop; -1 */
};

/**
 * The database of these settings.  A private cluster that does not run is started for as long as we need it.
 * @param may_make  false: NOT_FOUND when there is no private cluster yet; making one would only hide that
 */
int terminal_database_open(TALLOC_CTX *mem, const struct settings *settings, bool may_make,
	struct terminal_database *ret, struct certctl_error *err) CERTCTL_CHECKED;
/** The cluster is stopped when it was ours to start. */
void terminal_database_close(struct terminal_database *database);

/** "certctld: what", and the hint on a line of its own, on standard error. */
void terminal_say_error(const struct certctl_error *err);

/** `certctld psql ...` and `certctld db dump|restore ...`: argv[0] is the command.  The program's exit status. */
int terminal_psql(int argc, char **argv);
int terminal_db(int argc, char **argv);

#endif
