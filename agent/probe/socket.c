/* Connect, read and write under a deadline.  Knows nothing of TLS or of the protocols in front of it. */
#include "socket.h"

#include <certctl/time.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int probe_socket_wait(const struct probe_socket *sock, short events, struct certctl_error *err)
{
	for (;;) {
		struct pollfd wait = { .fd = sock->fd, .events = events };
		int64_t left_ms = sock->deadline_ms - certctl_monotonic_ms();
		int ready = left_ms > 0 ? poll(&wait, 1, left_ms < 60000 ? (int)left_ms : 60000) : 0;

		if (ready > 0)
			return 0;
		if (ready < 0 && errno != EINTR)
			return certctl_fail_errno(err, errno, "poll");
		if (left_ms <= 0)
			return certctl_fail(err, CERTCTL_E_TIMEOUT, "no answer in time");
	}
}

static int connect_one(const struct addrinfo *address, int64_t deadline_ms, struct probe_socket *ret,
	struct certctl_error *err)
{
	int rc, failure = 0;
	socklen_t size = sizeof(failure);

	ret->deadline_ms = deadline_ms;
	ret->fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
	if (ret->fd < 0)
		return certctl_fail_errno(err, errno, "socket");
	rc = connect(ret->fd, address->ai_addr, address->ai_addrlen);
	if (rc < 0 && errno == EINPROGRESS) {
		rc = probe_socket_wait(ret, POLLOUT, err);
		if (rc == 0 && getsockopt(ret->fd, SOL_SOCKET, SO_ERROR, &failure, &size) < 0)
			failure = errno;
	} else if (rc < 0) {
		failure = errno;
	}
	if (failure)
		rc = certctl_fail(err, CERTCTL_E_UNAVAILABLE, "%s",
			failure == ECONNREFUSED ? "connection refused" : "cannot connect");
	if (rc < 0) {
		close(ret->fd);
		ret->fd = -1;
	}
	return rc;
}

int probe_socket_connect(const char *address, uint16_t port, int64_t deadline_ms, struct probe_socket *ret,
	struct certctl_error *err)
{
	/* Addresses first: asking for names costs a look at every interface, and at files. */
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV },
			*all = NULL;
	char service[8];
	int rc;

	snprintf(service, sizeof(service), "%u", port);
	rc = getaddrinfo(address, service, &hints, &all);
	hints.ai_flags = AI_NUMERICSERV;
	if (rc == EAI_NONAME)
		rc = getaddrinfo(address, service, &hints, &all);
	if (rc != 0)
		return certctl_fail(err, CERTCTL_E_UNAVAILABLE, "%s: %s", address, gai_strerror(rc));
	rc = certctl_fail(err, CERTCTL_E_UNAVAILABLE, "%s: no address", address);
	for (const struct addrinfo *next = all; next && rc < 0; next = next->ai_next)
		rc = connect_one(next, deadline_ms, ret, err);
	freeaddrinfo(all);
	return rc;
}

int probe_socket_write(const struct probe_socket *sock, const void *data, size_t len, struct certctl_error *err)
{
	const char *at = data;

	while (len > 0) {
		int rc = probe_socket_wait(sock, POLLOUT, err);
		ssize_t sent = rc == 0 ? send(sock->fd, at, len, MSG_NOSIGNAL) : -1;

		if (rc < 0)
			return rc;
		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return certctl_fail(err, CERTCTL_E_UNAVAILABLE, "the peer closed the connection");
		if (sent > 0) {
			at += sent;
			len -= (size_t)sent;
		}
	}
	return 0;
}

int probe_socket_read(const struct probe_socket *sock, void *data, size_t len, struct certctl_error *err)
{
	char *at = data;

	while (len > 0) {
		int rc = probe_socket_wait(sock, POLLIN, err);
		ssize_t got = rc == 0 ? recv(sock->fd, at, len, 0) : -1;

		if (rc < 0)
			return rc;
		if (got == 0)
			return certctl_fail(err, CERTCTL_E_PROTOCOL, "the peer ended the connection before TLS");
		if (got < 0 && errno != EAGAIN && errno != EINTR)
			return certctl_fail(err, CERTCTL_E_UNAVAILABLE, "the peer closed the connection");
		if (got > 0) {
			at += got;
			len -= (size_t)got;
		}
	}
	return 0;
}

int probe_socket_read_line(const struct probe_socket *sock, char *line, size_t size, struct certctl_error *err)
{
	size_t len = 0;

	/* A byte at a time: what follows the line may be TLS already and belongs to GnuTLS. */
	for (;;) {
		char byte = 0;
		int rc = probe_socket_read(sock, &byte, 1, err);

		if (rc < 0)
			return rc;
		if (byte == '\n')
			break;
		if (len + 1 >= size)
			return certctl_fail(err, CERTCTL_E_PROTOCOL, "a line of more than %zu bytes before TLS", size);
		line[len++] = byte;
	}
	if (len > 0 && line[len - 1] == '\r')
		len--;
	line[len] = 0;
	return 0;
}
