/* The server: its listeners, the workers that run handlers, the clock that ends waits.  Knows no route. */
#include "server.h"

#include <certctl/log.h>
#include <certctl/time.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS  250
#define DRAIN_MS 10000

/* --- Running a request ----------------------------------------------------------------------------------------------- */

static int call_handler(struct exchange *exchange, struct certctl_error *err)
{
	struct http_request *request = &exchange->request;
	int rc = 0;

	if (!(request->route->permission & HTTP_PERMISSION_PUBLIC) && !request->actor)
		rc = exchange->listener->authenticate(request, &exchange->reply, err);
	if (rc == 0)
		rc = request_check_query(request, err);
	if (rc < 0)
		return rc;
	http_handler_fn *around = exchange->listener->server->options.around;

	return (around ? around : request->route->run)(request, &exchange->reply, err);
}

int server_run(struct exchange *exchange)
{
	struct certctl_error err = { 0 };
	int rc = call_handler(exchange, &err);

	if (rc == HTTP_DONE)
		rc = certctl_buffer_finish(&exchange->reply.body, &err);
	if (rc == HTTP_DONE && http_route_is_single(exchange->request.route))
		reply_tag(exchange);
	if (rc < 0) {
		reply_problem(exchange, rc, &err);
		if (exchange->reply.status >= 500)
			certctl_log_error(CERTCTL_LOG_ERROR, "http.failed", &err, "request", exchange->request.id,
				"method", exchange->request.method, "path", exchange->request.path, NULL);
	}
	return rc == HTTP_WAITING ? HTTP_WAITING : HTTP_DONE;
}

void server_run_inline(struct exchange *exchange)
{
	certctl_assert(server_run(exchange) == HTTP_DONE);
	exchange->state = EXCHANGE_DONE;
}

static void work(void *arg, struct exchange *exchange)
{
	struct http_server *server = arg;

	if (exchange->state == EXCHANGE_STREAM) {
		stream_fill(exchange);
		MHD_resume_connection(exchange->handle);
		return;
	}
	waits_begin(server->waits, exchange);
	if (server_run(exchange) == HTTP_WAITING) {
		waits_add(server->waits, exchange);
		return;
	}
	exchange->state = EXCHANGE_DONE;
	/* Counted before anybody can let it go; after that it is gone. */
	atomic_fetch_add(&server->held, 1);
	if (server->options.finished && server->options.finished(&exchange->request, &exchange->reply, true))
		return;
	atomic_fetch_sub(&server->held, 1);
	MHD_resume_connection(exchange->handle);
}

void http_finish(struct http_request *request, const struct certctl_error *failure)
{
	struct exchange *exchange = exchange_of(request);
	struct http_server *server = exchange->listener->server;

	if (failure) {
		exchange->reply.status = 0;
		exchange->reply.header_count = 0;
		exchange->reply.code = NULL;
		exchange->reply.more = NULL;
		reply_problem(exchange, failure->code, failure);
	}
	MHD_resume_connection(exchange->handle);
	atomic_fetch_sub(&server->held, 1);
}

static void continue_wait(void *arg, struct exchange *exchange)
{
	struct http_server *server = arg;

	workers_submit(server->workers, exchange, true);
}

int http_wait(struct http_request *request, const char *key, int64_t wait_ms)
{
	struct exchange *exchange = exchange_of(request);

	certctl_assert(!request->is_time_up);
	if (!request->wait_until_ms)
		request->wait_until_ms = request->received_ms + wait_ms;
	talloc_free(exchange->wait_key);
	exchange->wait_key = talloc_strdup(exchange, key);
	certctl_assert(exchange->wait_key);
	return HTTP_WAITING;
}

void http_wake(struct http_server *server, const char *key)
{
	waits_wake(server->waits, key);
}

int http_waiting(struct http_server *server, const char *prefix, TALLOC_CTX *mem, const char ***ret, size_t *ret_count,
	struct certctl_error *err)
{
	return waits_keys(server->waits, prefix, mem, ret, ret_count, err);
}

size_t http_waiting_count(struct http_server *server, const char *prefix)
{
	return waits_count(server->waits, prefix);
}

/* --- Measuring ------------------------------------------------------------------------------------------------------- */

void http_measure(struct http_server *server, struct http_measures *ret)
{
	workers_measure(server->workers, ret);
	ret->open = atomic_load(&server->working);
	ret->held = atomic_load(&server->held);
}

void http_each_listener(struct http_server *server, http_listener_fn *each, void *arg)
{
	pthread_mutex_lock(&server->lock);
	for (struct http_listener *listener = server->listeners; listener; listener = listener->next)
		each(arg, listener->name,
			MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections,
			measure_rate_limited(listener->measure));
	pthread_mutex_unlock(&server->lock);
}

void http_each_duration(struct http_server *server, http_duration_fn *each, void *arg)
{
	pthread_mutex_lock(&server->lock);
	for (struct http_listener *listener = server->listeners; listener; listener = listener->next)
		measure_each(listener->measure, listener->name, each, arg);
	pthread_mutex_unlock(&server->lock);
}

/* --- The clock ------------------------------------------------------------------------------------------------------- */

static void *tick(void *arg)
{
	struct http_server *server = arg;
	static const struct timespec pause = { .tv_nsec = TICK_MS * 1000000L };

	while (!atomic_load(&server->must_stop)) {
		int64_t now_ms = certctl_monotonic_ms();

		waits_expire(server->waits, now_ms);
		pthread_mutex_lock(&server->lock);
		for (struct http_listener *listener = server->listeners; listener; listener = listener->next)
			watch_expire(listener->watch, now_ms);
		pthread_mutex_unlock(&server->lock);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

/* --- In and out ------------------------------------------------------------------------------------------------------ */

/* Stopping the library while a connection is suspended aborts the program: first everyone gets an answer. */
static void drain(struct http_server *server)
{
	int64_t deadline_ms = certctl_monotonic_ms() + DRAIN_MS;
	static const struct timespec pause = { .tv_nsec = 5000000 };

	for (struct http_listener *listener = server->listeners; listener; listener = listener->next) {
		MHD_socket socket = listener->daemon ? MHD_quiesce_daemon(listener->daemon) : MHD_INVALID_SOCKET;

		if (socket != MHD_INVALID_SOCKET)
			close(socket);
	}
	waits_end_all(server->waits);
	while (atomic_load(&server->working) > 0 && certctl_monotonic_ms() < deadline_ms)
		nanosleep(&pause, NULL);
	/* What is still in the queue or running ends here: workers finish, then nothing is suspended. */
	workers_stop(server->workers);
	while (atomic_load(&server->held) > 0)
		nanosleep(&pause, NULL);
}

void http_server_stop(struct http_server *server)
{
	if (atomic_exchange(&server->must_stop, true))
		return;
	if (server->has_clock)
		pthread_join(server->clock, NULL);
	drain(server);
	for (struct http_listener *listener = server->listeners; listener; listener = listener->next) {
		if (listener->daemon)
			MHD_stop_daemon(listener->daemon);
		listener->daemon = NULL;
	}
}

static int destroy(struct http_server *server)
{
	if (server->workers)
		http_server_stop(server);
	pthread_mutex_destroy(&server->lock);
	return 0;
}

static int start_clock(struct http_server *server, struct certctl_error *err)
{
	int error_number = pthread_create(&server->clock, NULL, tick, server);

	if (error_number)
		return certctl_fail_errno(err, error_number, "http: thread");
	server->has_clock = true;
	return 0;
}

int http_server_new(TALLOC_CTX *mem, const struct http_options *options, struct http_server **ret,
	struct certctl_error *err)
{
	struct http_server *server = talloc_zero(mem, struct http_server);

	if (!server)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	server->options = *options;
	pthread_mutex_init(&server->lock, NULL);
	talloc_set_destructor(server, destroy);
	int rc = waits_new(server, continue_wait, server, &server->waits, err);

	if (rc == 0)
		rc = workers_new(server, options->workers ? options->workers : 8,
			options->queue_max ? options->queue_max : 1024, work, server, &server->workers, err);
	if (rc == 0)
		rc = start_clock(server, err);
	if (rc < 0) {
		talloc_free(server);
		return rc;
	}
	*ret = server;
	return 0;
}

static int check_options(const struct http_server *server, const struct http_listener_options *options,
	struct certctl_error *err)
{
	certctl_assert(server->listener_count < WORKERS_LANES);
	for (size_t i = 0; i < options->origin_count; i++)
		if (!cors_is_origin(options->origins[i]))
			return certctl_fail(err, CERTCTL_E_INVALID,
				"http.cors_origins: '%s': an origin expected, such as https://dashboard.example.com",
				options->origins[i]);
	for (size_t i = 0; options->routes[i]; i++)
		for (const struct http_route *route = options->routes[i]; route->path; route++)
			if (!(route->permission & HTTP_PERMISSION_PUBLIC) &&
				(!options->authenticate || route->flags & HTTP_INLINE))
				return certctl_fail(err, CERTCTL_E_INVALID,
					"route %s: nobody would authenticate its callers", route->path);
	return 0;
}

int http_listen(struct http_server *server, const struct http_listener_options *options, const char *key_pem,
	const char *certificate_pem, uint16_t *ret_port, struct certctl_error *err)
{
	struct http_listener *listener = talloc_zero(server, struct http_listener);
	int rc = listener ? check_options(server, options, err)
			  : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	if (rc == 0)
		rc = router_new(listener, options->routes, &listener->router, err);
	if (rc == 0)
		rc = watch_new(listener, options->connections_max ? options->connections_max : HTTP_CONNECTIONS_MAX,
			&listener->watch, err);
	if (rc == 0)
		rc = sessions_new(listener, options->ticket_key, &listener->sessions, err);
	if (rc == 0)
		rc = measure_new(listener, options->routes, &listener->measure, err);
	if (rc == 0) {
		listener->server = server;
		listener->name = talloc_strdup(listener, options->name);
		listener->authenticate = options->authenticate;
		listener->asks_certificate = options->client_ca_pem != NULL;
		listener->lane = server->listener_count++;
		listener->cors = (struct cors){ options->origins, options->origin_count };
		rc = listener_open(listener, options, key_pem, certificate_pem, ret_port, err);
	}
	if (rc < 0) {
		talloc_free(listener);
		return rc;
	}
	pthread_mutex_lock(&server->lock);
	listener->next = server->listeners;
	server->listeners = listener;
	pthread_mutex_unlock(&server->lock);
	return 0;
}
