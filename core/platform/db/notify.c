/* LISTEN and NOTIFY: hints that something changed.  Nothing may depend on one arriving. */
#include "connection.h"

#include <certctl/time.h>
#include <poll.h>

static int run_on_channel(struct db *db, const char *verb, const char *channel, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	char *name = db->conn ? PQescapeIdentifier(db->conn, channel, 63) : NULL;
	const char *sql = mem && name ? talloc_asprintf(mem, "%s %s", verb, name) : NULL;
	int rc = sql ? db_run_text(db, mem, sql, NULL, err)
		     : certctl_fail(err, CERTCTL_E_UNAVAILABLE, "database: connection lost");

	PQfreemem(name);
	talloc_free(mem);
	return rc;
}

int db_listen(struct db *db, const char *channel, struct certctl_error *err)
{
	return run_on_channel(db, "LISTEN", channel, err);
}

int db_notify(struct db *db, const char *channel, struct certctl_error *err)
{
	return run_on_channel(db, "NOTIFY", channel, err);
}

static bool take_notifications(struct db *db)
{
	bool any = false;
	PGnotify *notification;

	while ((notification = PQnotifies(db->conn)) != NULL) {
		any = true;
		PQfreemem(notification);
	}
	return any;
}

int db_wait(struct db *db, int wake_fd, int64_t timeout_ms, bool *ret_notified, struct certctl_error *err)
{
	if (!db->conn)
		return certctl_fail(err, CERTCTL_E_UNAVAILABLE, "database: connection lost");
	struct pollfd fds[] = { { .fd = PQsocket(db->conn), .events = POLLIN }, { .fd = wake_fd, .events = POLLIN } };

	/* One may have come along with the answer to an earlier statement. */
	if (!take_notifications(db)) {
		poll(fds, 2, (int)timeout_ms);
		if (PQconsumeInput(db->conn) == 0) {
			db_close(db);
			return certctl_fail(err, CERTCTL_E_UNAVAILABLE, "database: connection lost");
		}
		*ret_notified = take_notifications(db);
	} else {
		*ret_notified = true;
	}
	return 0;
}
