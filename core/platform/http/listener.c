/*
 * One libmicrohttpd daemon: its options and callbacks.  Runs on I/O threads, which never wait: everything but inline
 * routes is suspended and handed on.  Knows nothing of what a request means.
 */
#include "guard.h"
#include "server.h"

#include <arpa/inet.h>
#include <certctl/log.h>
#include <certctl/name.h>
#include <certctl/time.h>
#include <certctl/x509.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX     65536
#define STREAM_BLOCK 32768

/* --- From the library's request to ours ------------------------------------------------------------------------------ */

/* Called with the target as it was sent, before anything else of the request is known. */
static void *begin(void *arg, const char *target, struct MHD_Connection *handle)
{
	struct exchange *exchange = talloc_zero(NULL, struct exchange);

	if (!exchange)
		return NULL;
	exchange->magic = EXCHANGE_MAGIC;
	exchange->state = EXCHANGE_NEW;
	exchange->listener = arg;
	exchange->lane = exchange->listener->lane;
	exchange->handle = handle;
	exchange->request.context = exchange->listener->server->options.context;
	exchange->request.target = talloc_strdup(exchange, target);
	exchange->request.received_ms = certctl_monotonic_ms();
	exchange->began_us = measure_now_us();
	certctl_buffer_init(&exchange->reply.body, exchange, 64 << 20);
	return exchange;
}

/* The texts are the library's, which keeps them until the request is completed: a poll that waits has them once. */
static enum MHD_Result add_header(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct http_request *request = arg;

	(void)kind;
	if (request->header_count == talloc_array_length(request->headers))
		return MHD_NO;
	request->headers[request->header_count++] = (struct http_pair){ name, value ? value : "" };
	return MHD_YES;
}

static int take_header_list(struct exchange *exchange, struct certctl_error *err)
{
	struct http_request *request = &exchange->request;
	int count = MHD_get_connection_values(exchange->handle, MHD_HEADER_KIND, NULL, NULL);

	/* One more than allowed is enough for the guard to see that there are too many. */
	request->headers = talloc_array(request, struct http_pair,
		(unsigned)(count < 0                   ? 0
			   : count > GUARD_HEADERS_MAX ? GUARD_HEADERS_MAX + 1
						       : count));
	if (!request->headers)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	MHD_get_connection_values(exchange->handle, MHD_HEADER_KIND, add_header, request);
	return 0;
}

static const char *address_text(TALLOC_CTX *mem, const struct sockaddr *address)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (address->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr, text, sizeof(text));
	else if (address->sa_family == AF_INET6)
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, text,
			sizeof(text));
	return talloc_strdup(mem, text);
}

/* The client's id when it is harmless, else one of ours: it goes into logs and replies. */
static const char *request_id(struct http_request *request)
{
	const char *given = http_header(request, "X-Request-ID");
	unsigned char random[8];

	if (given && *given && strlen(given) <= 64 &&
		given[strspn(given, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")] == '\0')
		return given;
	return certctl_random(random, sizeof(random), NULL) == 0 ? certctl_hex(request, random, sizeof(random)) : "";
}

static int take_headers(struct exchange *exchange, const char *method, const char *version, struct certctl_error *err)
{
	struct http_request *request = &exchange->request;
	const union MHD_ConnectionInfo *size =
		MHD_get_connection_info(exchange->handle, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	const union MHD_ConnectionInfo *peer =
		MHD_get_connection_info(exchange->handle, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	int rc = request->target && size ? take_header_list(exchange, err)
					 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	if (rc < 0)
		return rc;
	request->method = method;
	request->id = request_id(request);
	request->source_ip = peer ? address_text(request, peer->client_addr) : "";
	struct guard_request seen = { .method = request->method,
		.target = request->target,
		.version = version,
		.headers = request->headers,
		.header_count = request->header_count,
		.header_size = size->header_size };
	char *path = NULL;

	rc = guard_check(&seen, err);
	if (rc == 0)
		rc = guard_path(request, request->target, &path, err);
	if (rc == 0)
		rc = guard_query(request, request->target, &request->query, &request->query_count, err);
	request->path = path;
	return rc;
}

/* Once a connection. */
static void identify(struct exchange *exchange)
{
	struct http_connection *connection = exchange->connection;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(exchange->handle, MHD_CONNECTION_INFO_GNUTLS_SESSION);

	if (!connection->is_identified && info)
		connection->certificate = sessions_certificate(exchange->listener->sessions, info->tls_session,
			&connection->certificate_len);
	connection->is_identified = true;
	exchange->request.certificate = connection->certificate;
	exchange->request.certificate_len = connection->certificate_len;
}

static int answer_options(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	(void)request, (void)err;
	return http_reply_empty(reply, 204);
}

/* Of every path that has another one; Allow is on the reply already. */
static const struct http_route options_route = { "OPTIONS", "", HTTP_PERMISSION_PUBLIC, answer_options, HTTP_INLINE,
	.summary = "Ask for the methods" };

static int find_route(struct exchange *exchange, struct certctl_error *err)
{
	struct http_request *request = &exchange->request;
	const char *length = http_header(request, "Content-Length"), *allow = NULL;

	if (strcmp(request->method, "HEAD") == 0)
		request->method = "GET";
	int rc = router_find(exchange->listener->router, request, &allow, err);

	if (allow)
		http_reply_header(&exchange->reply, "Allow", allow);
	if (allow && strcmp(request->method, "OPTIONS") == 0) {
		request->route = &options_route;
		rc = 0;
	} else if (allow) {
		exchange->reply.status = 405;
	}
	if (rc < 0)
		return rc;
	/* What is small on the way must not be large in here. */
	if (http_header(request, "Content-Encoding")) {
		exchange->reply.status = 415;
		return certctl_fail(err, CERTCTL_E_INVALID, "Content-Encoding: bodies are taken as they are only");
	}
	exchange->body_max = request->route->body_max ? request->route->body_max : BODY_MAX;
	if (length && strtoull(length, NULL, 10) > exchange->body_max)
		return certctl_fail(err, CERTCTL_E_LIMIT, "body: at most %zu octets", exchange->body_max);
	return 0;
}

/* --- From our reply to the library's --------------------------------------------------------------------------------- */

static bool must_close(const struct exchange *exchange)
{
	const struct http_listener *listener = exchange->listener;

	return exchange->must_close || watch_is_crowded(listener->watch) ||
	       sessions_is_old(listener->sessions, exchange->connection, certctl_monotonic_ms());
}

static enum MHD_Result send_reply(struct exchange *exchange)
{
	struct http_reply *reply = &exchange->reply;
	struct MHD_Response *response =
		reply->more
			? MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, stream_read, exchange, NULL)
			: MHD_create_response_from_buffer(reply->body.len, reply->body.data, MHD_RESPMEM_PERSISTENT);

	if (!response)
		return MHD_NO;
	if (reply->content_type)
		MHD_add_response_header(response, "Content-Type", reply->content_type);
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	if (exchange->request.id)
		MHD_add_response_header(response, "X-Request-ID", exchange->request.id);
	for (size_t i = 0; i < reply->header_count; i++)
		MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
	cors_add_headers(&exchange->listener->cors, &exchange->request, response);
	if (must_close(exchange))
		MHD_add_response_header(response, "Connection", "close");
	enum MHD_Result result = MHD_queue_response(exchange->handle, reply->status, response);

	MHD_destroy_response(response);
	return result;
}

/* Refused before its body was read: nothing behind it on this connection can be trusted. */
static enum MHD_Result refuse(struct exchange *exchange, int code, const struct certctl_error *err)
{
	exchange->state = EXCHANGE_DONE;
	exchange->must_close = true;
	reply_problem(exchange, code, err);
	if (exchange->listener->server->options.finished && exchange->request.path)
		exchange->listener->server->options.finished(&exchange->request, &exchange->reply, false);
	return send_reply(exchange);
}

/* --- Callbacks ------------------------------------------------------------------------------------------------------- */

static enum MHD_Result on_headers(struct exchange *exchange, const char *method, const char *version)
{
	struct certctl_error err = { 0 };
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(exchange->handle, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	exchange->connection = info ? info->socket_context : NULL;
	if (!exchange->connection)
		return MHD_NO;
	watch_set(exchange->listener->watch, exchange->connection, WATCH_BODY_MS);
	int rc = take_headers(exchange, method, version, &err);

	/* The path was asked for with what the guard refused: say 400, whatever the rule's own code is. */
	if (rc < 0) {
		exchange->reply.status = rc == CERTCTL_E_LIMIT ? 431 : 400;
		return refuse(exchange, rc, &err);
	}
	if (exchange->listener->asks_certificate)
		identify(exchange);
	rc = find_route(exchange, &err);
	if (rc < 0)
		return refuse(exchange, rc, &err);
	exchange->state = EXCHANGE_BODY;
	return MHD_YES;
}

static void on_body(struct exchange *exchange, const char *data, size_t len)
{
	struct http_request *request = &exchange->request;

	if (exchange->is_body_too_large || len > exchange->body_max - request->body_len) {
		exchange->is_body_too_large = true;
		return;
	}
	request->body = talloc_realloc_size(exchange, request->body, request->body_len + len + 1);
	if (!request->body) {
		exchange->is_body_too_large = true;
		return;
	}
	memcpy(request->body + request->body_len, data, len);
	request->body_len += len;
	request->body[request->body_len] = '\0';
}

static enum MHD_Result on_complete(struct exchange *exchange)
{
	struct certctl_error err = { 0 };

	watch_set(exchange->listener->watch, exchange->connection, 0);
	if (exchange->is_body_too_large)
		return refuse(exchange, CERTCTL_E_LIMIT,
			(certctl_fail(&err, CERTCTL_E_LIMIT, "body: at most %zu octets", exchange->body_max), &err));
	if (exchange->request.route->flags & HTTP_INLINE) {
		server_run_inline(exchange);
		return send_reply(exchange);
	}
	exchange->state = EXCHANGE_WORK;
	exchange->is_counted = true;
	atomic_fetch_add(&exchange->listener->server->working, 1);
	MHD_suspend_connection(exchange->handle);
	if (workers_submit(exchange->listener->server->workers, exchange, false))
		return MHD_YES;
	certctl_fail(&err, CERTCTL_E_UNAVAILABLE, "too many requests are waiting");
	reply_problem(exchange, CERTCTL_E_UNAVAILABLE, &err);
	exchange->state = EXCHANGE_DONE;
	MHD_resume_connection(exchange->handle);
	return MHD_YES;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *handle, const char *url, const char *method,
	const char *version, const char *data, size_t *len, void **context)
{
	struct exchange *exchange = *context;

	(void)arg, (void)handle, (void)url;
	if (!exchange)
		return MHD_NO;
	switch (exchange->state) {
	case EXCHANGE_NEW:
		return on_headers(exchange, method, version);
	case EXCHANGE_BODY:
		if (*len == 0)
			return on_complete(exchange);
		on_body(exchange, data, *len);
		*len = 0;
		return MHD_YES;
	case EXCHANGE_DONE:
		return send_reply(exchange);
	case EXCHANGE_WORK:
	case EXCHANGE_STREAM:
		break;
	}
	return MHD_NO;
}

static void on_completed(void *arg, struct MHD_Connection *handle, void **context, enum MHD_RequestTerminationCode why)
{
	struct exchange *exchange = *context;

	(void)arg, (void)handle, (void)why;
	*context = NULL;
	if (!exchange)
		return;
	if (exchange->connection)
		watch_set(exchange->listener->watch, exchange->connection, WATCH_IDLE_MS);
	measure_add(exchange->listener->measure, exchange->request.route, exchange->reply.status, exchange->began_us);
	if (exchange->is_counted)
		atomic_fetch_sub(&exchange->listener->server->working, 1);
	json_decref(exchange->reply.problems);
	talloc_free(exchange);
}

static void on_connection(void *arg, struct MHD_Connection *handle, void **context,
	enum MHD_ConnectionNotificationCode what)
{
	struct http_listener *listener = arg;
	const union MHD_ConnectionInfo *info;

	if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (*context) {
			watch_remove(listener->watch, *context);
			talloc_free(*context);
		}
		*context = NULL;
		return;
	}
	struct http_connection *connection = talloc_zero(NULL, struct http_connection);

	info = MHD_get_connection_info(handle, MHD_CONNECTION_INFO_CONNECTION_FD);
	*context = connection;
	if (!connection || !info)
		return;
	connection->listener = listener;
	connection->socket = info->connect_fd;
	connection->began_ms = certctl_monotonic_ms();
	watch_add(listener->watch, connection);
	info = MHD_get_connection_info(handle, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	if (info)
		sessions_begin(listener->sessions, info->tls_session);
}

static void CERTCTL_PRINTF(2, 0) on_log(void *arg, const char *format, va_list args)
{
	const struct http_listener *listener = arg;
	char text[256];

	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\r\n")] = '\0';
	certctl_log(CERTCTL_LOG_DEBUG, "http.library", "listener", listener->name, "text", text, NULL);
}

/* Targets are decoded by guard.c, which refuses what this one would take. */
static size_t leave_escaped(void *arg, struct MHD_Connection *handle, char *text)
{
	(void)arg, (void)handle;
	return strlen(text);
}

/* --- Opening --------------------------------------------------------------------------------------------------------- */

union socket_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

int http_address_parse(TALLOC_CTX *mem, const char *text, char **ret_host, uint16_t *ret_port,
	struct certctl_error *err)
{
	const char *colon = strrchr(text, ':');
	bool has_brackets = text[0] == '[' && colon && colon > text + 1 && colon[-1] == ']';
	char *end = NULL, *host = NULL;
	unsigned long port = colon && colon[1] ? strtoul(colon + 1, &end, 10) : 65536;
	struct in6_addr any;

	if (colon)
		host = talloc_strndup(mem, text + has_brackets, (size_t)(colon - text) - 2 * (size_t)has_brackets);
	if (!host || !end || *end || port > 65535 || inet_pton(has_brackets ? AF_INET6 : AF_INET, host, &any) != 1)
		return certctl_fail(err, CERTCTL_E_INVALID,
			"%s: an IP address and a port expected, such as 0.0.0.0:8443", text);
	*ret_host = host;
	*ret_port = (uint16_t)port;
	return 0;
}

static int parse_address(TALLOC_CTX *mem, const char *text, union socket_address *ret, struct certctl_error *err)
{
	union socket_address address = { 0 };
	char *host = NULL;
	uint16_t port = 0;
	int rc = http_address_parse(mem, text, &host, &port, err);

	if (rc < 0)
		return rc;
	if (inet_pton(AF_INET, host, &address.v4.sin_addr) == 1) {
		address.v4.sin_family = AF_INET;
		address.v4.sin_port = htons(port);
	} else {
		inet_pton(AF_INET6, host, &address.v6.sin6_addr);
		address.v6.sin6_family = AF_INET6;
		address.v6.sin6_port = htons(port);
	}
	*ret = address;
	return 0;
}

/* SHA-256 before SHA-384, which costs a handshake a tenth more: what is left of both ciphers is out of everybody's reach. */
#define PRIORITIES                                                                                                     \
	"NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-SHA1:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-"       \
	"POLY1305:%SERVER_PRECEDENCE"

static char *choose_priorities(TALLOC_CTX *mem, const struct http_listener_options *options)
{
	/* A ticket of TLS 1.2 has the keys of what was said before: whoever gets our key could read that. */
	return talloc_asprintf(mem, "%s:-VERS-TLS1.1:-VERS-TLS1.0:%%NO_TICKETS_TLS12%s",
		options->tls_priority ? options->tls_priority : PRIORITIES,
		options->is_tls_1_3_only ? ":-VERS-TLS1.2" : "");
}

static int open_identity(struct http_listener *listener, const char *key_pem, const char *certificate_pem,
	struct certctl_error *err)
{
	struct identity *identity = NULL;
	int rc = identity_new(listener, key_pem, certificate_pem, &identity, err);

	if (rc == 0)
		atomic_store(&listener->identity, identity);
	return rc;
}

int listener_open(struct http_listener *listener, const struct http_listener_options *options, const char *key_pem,
	const char *certificate_pem, uint16_t *ret_port, struct certctl_error *err)
{
	union socket_address address;
	char *priorities = choose_priorities(listener, options);
	int rc = priorities ? parse_address(listener, options->address, &address, err)
			    : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	if (rc == 0)
		rc = open_identity(listener, key_pem, certificate_pem, err);
	if (rc < 0)
		return rc;
	struct MHD_OptionItem trust[] = { { options->client_ca_pem ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0,
						  (void *)(uintptr_t)options->client_ca_pem },
		{ MHD_OPTION_END, 0, NULL } };
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TLS | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
			 (address.any.sa_family == AF_INET6 ? MHD_USE_IPv6 : 0U);

	listener->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, listener, MHD_OPTION_EXTERNAL_LOGGER,
		on_log, listener, MHD_OPTION_SOCK_ADDR, &address.any, MHD_OPTION_THREAD_POOL_SIZE,
		options->threads ? options->threads : 2U, MHD_OPTION_CONNECTION_LIMIT,
		options->connections_max ? options->connections_max : HTTP_CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		options->memory_a_connection ? options->memory_a_connection : (size_t)GUARD_SIZE_MAX + 8192,
		MHD_OPTION_CONNECTION_TIMEOUT, 120U, MHD_OPTION_URI_LOG_CALLBACK, begin, listener,
		MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, listener, MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_HTTPS_CERT_CALLBACK2, identity_retrieve,
		MHD_OPTION_HTTPS_PRIORITIES, priorities, MHD_OPTION_ARRAY, trust, MHD_OPTION_END);
	if (!listener->daemon)
		return certctl_fail_errno(err, errno, "%s: cannot listen", options->address);
	*ret_port = MHD_get_daemon_info(listener->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
	return 0;
}
