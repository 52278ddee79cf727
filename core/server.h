/** The control plane as a whole: everything up in order, everything down in the other. */
#ifndef CORE_SERVER_H
#define CORE_SERVER_H

#include "core/platform/config/settings.h"

struct server;

/**
 * Start it: database, migrations, connectors, listeners, job engine.  SIGTERM and SIGINT must be blocked by the caller.
 * @param ret_admin_key  the key of the very first start, to be shown once; NULL later.  On `mem`
 */
int server_start(TALLOC_CTX *mem, const struct settings *settings, struct server **ret, const char **ret_admin_key,
	struct certctl_error *err) CERTCTL_CHECKED;

/** "https://127.0.0.1:8443", for operators and for agents. */
const char *server_url(const struct server *server);
const char *server_agents_url(const struct server *server);
/** Where the CA of our own certificate and the admin key are. */
const char *server_ca_file(const struct server *server);
const char *server_admin_key_file(const struct server *server);

/** Is what the settings name there and well-formed?  Certificate and connectors are read, nothing is started. */
int server_check(const struct settings *settings, struct certctl_error *err) CERTCTL_CHECKED;

/** Take over the certificate and the connectors that `settings` name.  What cannot be read is logged, and stays as it was. */
void server_reload(struct server *server, const struct settings *settings);
/** From time to time, every minute or so: our own certificates are renewed before they end. */
void server_tick(struct server *server);

/** Stop and free it; the private database too. */
void server_stop(struct server *server);

#endif
