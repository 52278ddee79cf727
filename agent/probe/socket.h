/** A TCP connection whose every step ends at one deadline. */
#ifndef CERTCTL_PROBE_SOCKET_H
#define CERTCTL_PROBE_SOCKET_H

#include <certctl/error.h>
#include <stddef.h>
#include <stdint.h>

struct probe_socket {
	int fd;              /* non-blocking */
	int64_t deadline_ms; /* of certctl_monotonic_ms() */
};

/** Try every address of the host in turn.  The caller close()s ret->fd. */
int probe_socket_connect(const char *address, uint16_t port, int64_t deadline_ms, struct probe_socket *ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** Wait for POLLIN or POLLOUT; TIMEOUT at the deadline. */
int probe_socket_wait(const struct probe_socket *sock, short events, struct certctl_error *err) CERTCTL_CHECKED;
/** All of it. */
int probe_socket_write(const struct probe_socket *sock, const void *data, size_t len,
	struct certctl_error *err) CERTCTL_CHECKED;
/** Exactly `len` bytes; PROTOCOL when the peer ends before. */
int probe_socket_read(const struct probe_socket *sock, void *data, size_t len,
	struct certctl_error *err) CERTCTL_CHECKED;
/** One line without its CRLF; PROTOCOL when it is longer than `size`. Takes nothing behind the line. */
int probe_socket_read_line(const struct probe_socket *sock, char *line, size_t size,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
