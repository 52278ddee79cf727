/* Accepts connections, one thread each, and answers one request on each.  Knows nothing of what the operations do. */
#include "server.h"

#include "agent/shared/link.h"

#include <certctl/files.h>
#include <certctl/log.h>
#include <certctl/time.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The agent needs two: one for work, one for what its heartbeat tells. */
#define CONNECTIONS_MAX 8
#define REQUEST_WAIT_MS 10000
#define REPLY_WAIT_MS   10000

struct server {
	struct certctl_worker *worker;
	uid_t user;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	int fds[CONNECTIONS_MAX]; /* -1: free */
	unsigned running;
};
struct connection {
	struct server *server;
	unsigned slot;
	int fd;
};

static void answer(struct server *server, int fd)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct certctl_link_request request = { 0 };
	CERTCTL_AUTO(json_decref) json_t *result = NULL;
	struct certctl_error failure = { 0 }, err;
	int rc = certctl_link_receive(fd, certctl_monotonic_ms() + REQUEST_WAIT_MS, &request, &failure);

	if (rc == 0)
		rc = certctl_worker_handle(server->worker, mem, request.operation, request.argument, &result, &failure);
	if (rc < 0)
		certctl_log_error(CERTCTL_LOG_WARNING, "request.refused", &failure, "operation", request.operation,
			NULL);
	if (certctl_link_reply(fd, result, &failure, certctl_monotonic_ms() + REPLY_WAIT_MS, &err) < 0)
		certctl_log_error(CERTCTL_LOG_INFO, "reply.lost", &err, "operation", request.operation, NULL);
	json_decref(request.frame);
	talloc_free(mem);
}

static void *serve_connection(void *arg)
{
	struct connection *connection = arg;
	struct server *server = connection->server;

	answer(server, connection->fd);
	pthread_mutex_lock(&server->lock);
	close(connection->fd);
	server->fds[connection->slot] = -1;
	server->running--;
	pthread_cond_signal(&server->ended);
	pthread_mutex_unlock(&server->lock);
	talloc_free(connection);
	return NULL;
}

/* The connection's thread, or a refusal.  `fd` is taken. */
static void start_connection(struct server *server, int fd)
{
	struct certctl_error failure, err;
	struct connection *connection = talloc(NULL, struct connection);
	pthread_attr_t attributes;
	pthread_t thread;
	unsigned slot = 0;

	pthread_mutex_lock(&server->lock);
	while (slot < CONNECTIONS_MAX && server->fds[slot] >= 0)
		slot++;
	bool is_started = false;

	if (connection && slot < CONNECTIONS_MAX) {
		*connection = (struct connection){ .server = server, .slot = slot, .fd = fd };
		pthread_attr_init(&attributes);
		pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
		is_started = pthread_create(&thread, &attributes, serve_connection, connection) == 0;
		pthread_attr_destroy(&attributes);
	}
	if (is_started) {
		server->fds[slot] = fd;
		server->running++;
	}
	pthread_mutex_unlock(&server->lock);
	if (is_started)
		return;
	talloc_free(connection);
	certctl_fail(&failure, CERTCTL_E_UNAVAILABLE, "worker: all %d connections are busy", CONNECTIONS_MAX);
	if (certctl_link_reply(fd, NULL, &failure, certctl_monotonic_ms(), &err) < 0)
		certctl_log_error(CERTCTL_LOG_INFO, "reply.lost", &err, NULL);
	close(fd);
}

static void accept_one(struct server *server, int listen_fd)
{
	struct certctl_error err;
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0) {
		if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
			certctl_fail_errno(&err, errno, "accept");
			certctl_log_error(CERTCTL_LOG_ERROR, "accept.failed", &err, NULL);
			poll(NULL, 0, 100); /* out of descriptors: do not spin */
		}
		return;
	}
	if (certctl_link_check_peer(fd, server->user, &err) < 0) {
		certctl_log_error(CERTCTL_LOG_WARNING, "peer.refused", &err, NULL);
		close(fd);
		return;
	}
	start_connection(server, fd);
}

/* Those that wait for a request see the end of their stream; those that work finish. */
static void drain(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	for (unsigned slot = 0; slot < CONNECTIONS_MAX; slot++)
		if (server->fds[slot] >= 0)
			shutdown(server->fds[slot], SHUT_RD);
	while (server->running > 0)
		pthread_cond_wait(&server->ended, &server->lock);
	pthread_mutex_unlock(&server->lock);
}

static int serve(struct server *server, int listen_fd, int stop_fd, struct certctl_error *err)
{
	struct pollfd pollers[] = { { .fd = listen_fd, .events = POLLIN }, { .fd = stop_fd, .events = POLLIN } };
	int64_t expire_ms = 0;

	for (;;) {
		int64_t left_ms = expire_ms - certctl_monotonic_ms();

		if (left_ms <= 0) {
			left_ms = certctl_worker_expire(server->worker) * 1000;
			expire_ms = certctl_monotonic_ms() + left_ms;
		}
		if (poll(pollers, CERTCTL_COUNT(pollers), (int)left_ms) < 0 && errno != EINTR)
			return certctl_fail_errno(err, errno, "poll");
		if (pollers[1].revents)
			return 0;
		if (pollers[0].revents)
			accept_one(server, listen_fd);
	}
}

int certctl_worker_serve(struct certctl_worker *worker, int listen_fd, int stop_fd, uid_t user,
	struct certctl_error *err)
{
	struct server server = { .worker = worker, .user = user };

	for (unsigned slot = 0; slot < CONNECTIONS_MAX; slot++)
		server.fds[slot] = -1;
	pthread_mutex_init(&server.lock, NULL);
	pthread_cond_init(&server.ended, NULL);
	int rc = serve(&server, listen_fd, stop_fd, err);

	drain(&server);
	pthread_cond_destroy(&server.ended);
	pthread_mutex_destroy(&server.lock);
	return rc;
}
