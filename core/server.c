/* Start-up and shutdown order.  Wires the rooms together and does nothing else. */
#include "core/server.h"
#include "core/features/access/access.h"
#include "core/features/audit/audit.h"
#include "core/features/feature.h"
#include "core/features/fleet/fleet.h"
#include "core/identity.h"
#include "core/platform/db/cluster.h"

#include <certctl/files.h>
#include <certctl/log.h>
#include <certctl/name.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FEATURES_MAX 64
#define ADMIN_KEY    "admin.key"
#define CA_FILE      "ca.pem"

struct server {
	struct settings settings;
	struct core core;
	struct db_cluster *cluster; /* NULL: somebody else's database */
	int lock_fd;
	const char *ca_pem, *url, *agents_url, *ca_file, *admin_key_file, *worker;
	struct own_identities *identities;
	const struct http_route *routes[FEATURES_MAX + 1], *agent_routes[FEATURES_MAX + 1];
	const struct job_step *steps[FEATURES_MAX + 1];
	const struct job_timer *timers[FEATURES_MAX + 1];
};

/* --- State directory ------------------------------------------------------------------------------------------------- */

/* Two servers on one directory would share a private cluster and a CA's files. */
static int lock_state(struct server *server, struct certctl_error *err)
{
	char *path = talloc_asprintf(server, "%s/certctld.lock", server->settings.state_dir);

	server->lock_fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
	if (server->lock_fd < 0)
		return certctl_fail_errno(err, errno, "%s", path ? path : "certctld.lock");
	if (flock(server->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return certctl_fail(err, CERTCTL_E_CONFLICT, "%s: another certctld runs here",
			server->settings.state_dir);
	return 0;
}

static int open_state(struct server *server, struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int fd = -1;
	/* Its database user must be able to pass through; what is private in it is so by its own mode. */
	int rc = certctl_dir_make(server->settings.state_dir, 0711, &fd, err);

	if (rc < 0)
		return certctl_error_prefix(err, "state_dir");
	server->ca_file = talloc_asprintf(server, "%s/" CA_FILE, server->settings.state_dir);
	server->admin_key_file = talloc_asprintf(server, "%s/" ADMIN_KEY, server->settings.state_dir);
	return lock_state(server, err);
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

/* --- Features -------------------------------------------------------------------------------------------------------- */

static struct db_pool *database_of(const struct http_request *request)
{
	return core_of(request)->db;
}

static int collect_routes(struct server *server, struct certctl_error *err)
{
	struct resource_services *services = &server->core.resources;
	struct feature_routes *tables = NULL;
	int rc = resource_services_init(server, services, err);

	if (rc < 0)
		return rc;
	services->db = database_of;
	services->record = audit_record_change;
	rc = features_routes(server, services, &tables, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; tables[i].feature; i++) {
		certctl_assert(i < FEATURES_MAX);
		server->routes[i] = tables[i].routes;
	}
	return 0;
}

static void collect_features(struct server *server)
{
	size_t agent_routes = 0, steps = 0, timers = 0;

	for (size_t i = 0; features[i]; i++) {
		certctl_assert(i < FEATURES_MAX);
		if (features[i]->agent_routes)
			server->agent_routes[agent_routes++] = features[i]->agent_routes;
		if (features[i]->steps)
			server->steps[steps++] = features[i]->steps;
		if (features[i]->timers)
			server->timers[timers++] = features[i]->timers;
	}
}

static int start_features(struct server *server, struct certctl_error *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && features[i]; i++)
		if (features[i]->start)
			rc = features[i]->start(&server->core, server, err);
	return rc;
}

static void stop_features(struct server *server)
{
	for (size_t i = 0; features[i]; i++)
		if (features[i]->stop)
			features[i]->stop(&server->core);
}

static http_finished_fn *finished_of_features(void)
{
	http_finished_fn *finished = NULL;

	for (size_t i = 0; features[i]; i++) {
		certctl_assert(!finished || !features[i]->finished);
		finished = features[i]->finished ? features[i]->finished : finished;
	}
	return finished;
}

static http_handler_fn *around_of_features(void)
{
	http_handler_fn *around = NULL;

	for (size_t i = 0; features[i]; i++) {
		certctl_assert(!around || !features[i]->around);
		around = features[i]->around ? features[i]->around : around;
	}
	return around;
}

static void woken(void *context)
{
	for (size_t i = 0; features[i]; i++)
		if (features[i]->woken)
			features[i]->woken(context);
}

static void ended(void *context, const char *job_id)
{
	for (size_t i = 0; features[i]; i++)
		if (features[i]->job_ended)
			features[i]->job_ended(context, job_id);
}

static int runners(void *context, TALLOC_CTX *mem, struct job_runner **ret, size_t *ret_count,
	struct certctl_error *err)
{
	return connectors_runners(((struct core *)context)->connectors, mem, ret, ret_count, err);
}

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
		.routes = server->routes,
		.authenticate = access_authenticate,
		.connections_max = (unsigned)settings->http.connections,
		.origins = settings->http.cors_origins.items,
		.origin_count = settings->http.cors_origins.count,
		.tls_priority = settings->tls.priority,
		.is_tls_1_3_only = settings->tls.min_version == SETTINGS_TLS_1_3 };
	/* Many connections that mostly wait: small pools. */
	struct http_listener_options agents = { .name = LISTENER_AGENTS,
		.address = settings->http.agents_listen,
		.routes = server->agent_routes,
		.authenticate = fleet_authenticate,
		.client_ca_pem = server->ca_pem,
		.tls_priority = settings->tls.priority,
		.is_tls_1_3_only = settings->tls.min_version == SETTINGS_TLS_1_3,
		.connections_max = 100000,
		.memory_a_connection = 4096 };
	int rc = listen_on(server, &operators, &identities[OWN_OPERATORS], &server->url, err);

	return rc < 0 ? rc : listen_on(server, &agents, &identities[OWN_AGENTS], &server->agents_url, err);
}

static int start_engine(struct server *server, struct certctl_error *err)
{
	struct jobs_options options = { .db = server->core.db,
		.worker = server->worker,
		.threads = (unsigned)server->settings.jobs.workers,
		.lease_s = server->settings.jobs.lease_seconds,
		.steps = server->steps,
		.timers = server->timers,
		.runners = runners,
		.woken = woken,
		.ended = ended,
		.context = &server->core };

	return jobs_start(server, &options, &server->core.jobs, err);
}

static int start_serving(struct server *server, struct certctl_error *err)
{
	struct http_options options = { .context = &server->core,
		.workers = (unsigned)server->settings.http.workers,
		.finished = finished_of_features(),
		.around = around_of_features() };
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
	char hostname[64] = "localhost";
	int rc = 0;

	gethostname(hostname, sizeof(hostname) - 1);
	server->worker = talloc_asprintf(server, "server/%s/%d", hostname, (int)getpid());
	server->core.settings = &server->settings;
	collect_features(server);
	rc = collect_routes(server, err);
	if (rc == 0)
		rc = open_state(server, err);
	if (rc == 0)
		rc = open_database(server, err);
	if (rc == 0)
		rc = start_features(server, err);
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
	stop_features(server);
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
