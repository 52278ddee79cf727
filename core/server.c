/* Start-up and shutdown order.  Wires the rooms together and does nothing else. */
#include "core/server.h"
#include "core/features/access/access.h"
#include "core/features/audit/audit.h"
#include "core/features/feature.h"
#include "core/features/fleet/fleet.h"
#include "core/identity.h"
#include "core/platform/db/cluster.h"
#include "core/state.h"
#include "core/wiring.h"

#include <certctl/files.h>
#include <certctl/log.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ADMIN_KEY "admin.key"
#define CA_FILE   "ca.pem"

struct server {
	struct settings settings;
	struct core core;
	struct db_cluster *cluster; /* NULL: somebody else's database */
	int lock_fd;
	const char *ca_pem, *url, *agents_url, *ca_file, *admin_key_file;
	const char *worker, *former_worker; /* in the column `worker` of jobs: ours, and that of who was here before */
	struct own_identities *identities;
	struct wiring wiring;
};

static int open_state(struct server *server, struct certctl_error *err)
{
	const char *dir = server->settings.state_dir;
	char hostname[64] = "localhost";

	gethostname(hostname, sizeof(hostname) - 1);
	server->worker = talloc_asprintf(server, "server/%s/%d", hostname, (int)getpid());
	server->ca_file = talloc_asprintf(server, "%s/" CA_FILE, dir);
	server->admin_key_file = talloc_asprintf(server, "%s/" ADMIN_KEY, dir);
	if (!server->worker || !server->ca_file || !server->admin_key_file)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	return state_open(server, dir, server->worker, &server->lock_fd, &server->former_worker, err);
}

/* --- Database -------------------------------------------------------------------------------------------------------- */

static int start_database(struct server *server, const char **ret_url, const char **ret_owner_url,
	struct certctl_error *err)
{
	const struct settings *settings = &server->settings;
	struct db_cluster_options options = { .directory =
						      talloc_asprintf(server, "%s/postgres", settings->state_dir) };

	if (settings->database.url.data) {
		*ret_url = (const char *)settings->database.url.data;
		*ret_owner_url = settings->database.migration_url.data
					 ? (const char *)settings->database.migration_url.data
					 : *ret_url;
		return 0;
	}
	int rc = db_cluster_start(server, &options, &server->cluster, err);

	if (rc < 0)
		return rc;
	*ret_url = db_cluster_conninfo(server->cluster);
	*ret_owner_url = db_cluster_owner_conninfo(server->cluster);
	return 0;
}

static int migrate(const char *url, struct certctl_error *err)
{
	/* A migration of a large table takes as long as it takes. */
	struct db_pool_options options = {
		.conninfo = url, .program = "certctld migrations", .size = 1, .statement_ms = INT64_C(86400000)
	};
	struct db_pool *pool = NULL;
	int rc = db_pool_new(NULL, &options, &pool, err);

	if (rc == 0)
		rc = db_migrate(pool, db_migrations, err);
	talloc_free(pool);
	return rc;
}

static int open_database(struct server *server, struct certctl_error *err)
{
	const char *url = NULL, *owner_url = NULL;
	struct db_pool_options options = {
		.program = "certctld", .size = (unsigned)server->settings.database.connections, .statement_ms = 10000
	};
	int rc = start_database(server, &url, &owner_url, err);

	if (rc == 0)
		rc = migrate(owner_url, err);
	options.conninfo = url;
	return rc < 0 ? rc : db_pool_new(server, &options, &server->core.db, err);
}

/* --- What features work with --------------------------------------------------------------------------------------------- */

/* A list of the settings as connectors want it. */
static const char *const *null_terminated(TALLOC_CTX *mem, const struct certctl_list *list)
{
	const char **texts = talloc_zero_array(mem, const char *, (unsigned)list->count + 1);

	for (size_t i = 0; texts && i < list->count; i++)
		texts[i] = ((const char *const *)list->items)[i];
	return texts;
}

/* Values of an older key are sealed anew at once: the log says when that key is needed no more. */
static int open_sealing(struct server *server, struct certctl_error *err)
{
	struct sealing_options options = { .state_dir = server->settings.state_dir,
		.key_file = server->settings.sealing.key_file };
	struct sealing *sealing = NULL;
	int rc = sealing_open(server, &options, &sealing, err);

	server->core.sealing = sealing;
	if (rc == 0)
		rc = connectors_state_reseal(server->core.db, sealing, err);
	return rc < 0 ? rc : connectors_rows_reseal(server->core.db, sealing, err);
}

static int open_connectors(struct server *server, struct certctl_error *err)
{
	const struct settings *settings = &server->settings;
	struct connectors_options options = { .db = server->core.db,
		.sealing = server->core.sealing,
		.plugin_dirs = null_terminated(server, &settings->plugins.dirs),
		.host_program = settings->plugins.host_program,
		.directory = settings->connectors.directory,
		.ca_cert_path = settings->ca.cert_path,
		.ca_key_path = settings->ca.key_path,
		.secrets_dir = settings->connectors.secrets_dir,
		.api_networks = null_terminated(server, &settings->connectors.api_networks) };
	int rc = options.plugin_dirs && options.api_networks
			 ? connectors_new(server, &options, &server->core.connectors, err)
			 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	return rc < 0 ? rc : connectors_load(server->core.connectors, err);
}

static int write_ca(struct server *server, struct certctl_error *err)
{
	static const struct certctl_file_attributes public = { .mode = 0644, .uid = (uid_t)-1, .gid = (gid_t)-1 };
	CERTCTL_AUTO_CLOSE int fd = -1;
	int rc = certctl_dir_open(server->settings.state_dir, &fd, err);

	return rc < 0 ? rc : certctl_file_replace(fd, CA_FILE, server->ca_pem, strlen(server->ca_pem), &public, err);
}

/* --- Listeners and engine -------------------------------------------------------------------------------------------- */

/* `address` with the port it got, as a URL. */
static const char *url_of(struct server *server, const char *address, uint16_t port)
{
	char *host = NULL;
	uint16_t wanted = 0;

	if (http_address_parse(server, address, &host, &wanted, NULL) < 0)
		return NULL;
	return talloc_asprintf(server, strchr(host, ':') ? "https://[%s]:%u" : "https://%s:%u", host, port);
}

/* Sessions are resumed at the same listener of every server that has this sealing key, and at no other listener. */
static int listen_on(struct server *server, struct http_listener_options *options, const struct own_identity *identity,
	const char **ret_url, struct certctl_error *err)
{
	char *purpose = talloc_asprintf(server, "certctl: TLS tickets of listener %s", options->name);
	unsigned char *key = certctl_secret_alloc(server, HTTP_TICKET_KEY_SIZE);
	uint16_t port = 0;
	int rc = purpose && key ? sealing_derive(server->core.sealing, purpose, key, HTTP_TICKET_KEY_SIZE, err)
				: certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	options->ticket_key = key;
	if (rc == 0)
		rc = http_listen(server->core.http, options, identity->key_pem, identity->certificate_pem, &port, err);
	talloc_free(key);
	talloc_free(purpose);
	if (rc < 0)
		return rc;
	*ret_url = url_of(server, options->address, port);
	return *ret_url ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

static int listen_all(struct server *server, const struct own_identity identities[OWN_COUNT], struct certctl_error *err)
{
	const struct settings *settings = &server->settings;
	struct http_listener_options operators = { .name = LISTENER_OPERATORS,
		.address = settings->http.listen,
		.routes = server->wiring.routes,
		.authenticate = access_authenticate,
		.connections_max = (unsigned)settings->http.connections,
		.origins = settings->http.cors_origins.items,
		.origin_count = settings->http.cors_origins.count,
		.tls_priority = settings->tls.priority,
		.is_tls_1_3_only = settings->tls.min_version == SETTINGS_TLS_1_3 };
	/* Many connections that mostly wait: small pools. */
	struct http_listener_options agents = { .name = LISTENER_AGENTS,
		.address = settings->http.agents_listen,
		.routes = server->wiring.agent_routes,
		.authenticate = fleet_authenticate,
		.client_ca_pem = server->ca_pem,
		.tls_priority = settings->tls.priority,
		.is_tls_1_3_only = settings->tls.min_version == SETTINGS_TLS_1_3,
		.connections_max = 100000,
		.memory_a_connection = 4096 };
	int rc = listen_on(server, &operators, &identities[OWN_OPERATORS], &server->url, err);

	return rc < 0 ? rc : listen_on(server, &agents, &identities[OWN_AGENTS], &server->agents_url, err);
}

static int runners(void *context, TALLOC_CTX *mem, struct job_runner **ret, size_t *ret_count,
	struct certctl_error *err)
{
	return connectors_runners(((struct core *)context)->connectors, mem, ret, ret_count, err);
}

static int start_engine(struct server *server, struct certctl_error *err)
{
	struct jobs_options options = { .db = server->core.db,
		.worker = server->worker,
		.former_worker = server->former_worker,
		.threads = (unsigned)server->settings.jobs.workers,
		.lease_s = server->settings.jobs.lease_seconds,
		.steps = server->wiring.steps,
		.timers = server->wiring.timers,
		.runners = runners,
		.woken = wiring_woken,
		.ended = wiring_ended,
		.context = &server->core };

	return jobs_start(server, &options, &server->core.jobs, err);
}

static int start_serving(struct server *server, struct certctl_error *err)
{
	struct http_options options = { .context = &server->core,
		.workers = (unsigned)server->settings.http.workers,
		.finished = server->wiring.finished,
		.around = server->wiring.around };
	struct own_identity identities[OWN_COUNT] = { 0 };
	TALLOC_CTX *secrets = talloc_new(server);
	int rc = own_identities_new(server, &server->core, server->ca_pem, secrets, &server->identities, identities,
		err);

	if (rc == 0)
		rc = http_server_new(server, &options, &server->core.http, err);
	if (rc == 0)
		rc = start_engine(server, err);
	if (rc == 0)
		rc = listen_all(server, identities, err);
	talloc_free(secrets);
	return rc;
}

/* The keys of the settings come first: with one of them, no other is made. */
static int set_up_access(struct server *server, TALLOC_CTX *mem, const char **ret_admin_key, struct certctl_error *err)
{
	const struct settings *settings = &server->settings;
	int rc = access_seed(server->core.db, settings, err);

	return rc < 0 ? rc : access_setup(server->core.db, settings->state_dir, ADMIN_KEY, mem, ret_admin_key, err);
}

/* --- In and out ------------------------------------------------------------------------------------------------------ */

static int start(struct server *server, TALLOC_CTX *mem, const char **ret_admin_key, struct certctl_error *err)
{
	int rc = 0;

	server->core.settings = &server->settings;
	rc = wiring_collect(server, &server->core, &server->wiring, err);
	if (rc == 0)
		rc = open_state(server, err);
	if (rc == 0)
		rc = open_database(server, err);
	if (rc == 0)
		rc = wiring_start(server, &server->core, err);
	if (rc == 0)
		rc = open_sealing(server, err);
	if (rc == 0)
		rc = open_connectors(server, err);
	if (rc == 0)
		rc = fleet_ca_open(&server->core, server, &server->ca_pem, err);
	if (rc == 0)
		rc = write_ca(server, err);
	if (rc == 0)
		rc = set_up_access(server, mem, ret_admin_key, err);
	return rc < 0 ? rc : start_serving(server, err);
}

int server_start(TALLOC_CTX *mem, const struct settings *settings, struct server **ret, const char **ret_admin_key,
	struct certctl_error *err)
{
	struct server *server = talloc_zero(mem, struct server);

	if (!server)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	server->settings = *settings;
	server->lock_fd = -1;
	int rc = start(server, mem, ret_admin_key, err);

	if (rc < 0) {
		server_stop(server);
		return rc;
	}
	*ret = server;
	return 0;
}

int server_check(const struct settings *settings, struct certctl_error *err)
{
	int rc = own_identity_check(&settings->tls, err);

	return rc < 0 ? rc : connectors_check(settings->connectors.directory, err);
}

void server_reload(struct server *server, const struct settings *settings)
{
	struct certctl_error err = { 0 };

	own_identities_reload(server->identities, &settings->tls);
	if (connectors_load(server->core.connectors, &err) < 0)
		certctl_log_error(CERTCTL_LOG_ERROR, "connectors.kept", &err, NULL);
}

void server_tick(struct server *server)
{
	own_identities_tick(server->identities);
}

void server_stop(struct server *server)
{
	struct certctl_error err = { 0 };

	/* Who asks first, then who works, then what they work with. */
	if (server->core.http)
		http_server_stop(server->core.http);
	TALLOC_FREE(server->core.jobs);
	wiring_stop(&server->core);
	TALLOC_FREE(server->core.http);
	TALLOC_FREE(server->core.connectors);
	TALLOC_FREE(server->core.db);
	if (server->cluster && db_cluster_stop(server->cluster, &err) < 0)
		certctl_log_error(CERTCTL_LOG_ERROR, "database.stop_failed", &err, NULL);
	if (server->lock_fd >= 0)
		close(server->lock_fd);
	talloc_free(server);
}

const char *server_url(const struct server *server)
{
	return server->url;
}

const char *server_agents_url(const struct server *server)
{
	return server->agents_url;
}

const char *server_ca_file(const struct server *server)
{
	return server->ca_file;
}

const char *server_admin_key_file(const struct server *server)
{
	return server->admin_key_file;
}
