/** The limit of any call to another process: bytes there and bytes back over a socket pair, to a process that does nothing else. */
#ifndef CERTCTL_BENCH_ECHO_H
#define CERTCTL_BENCH_ECHO_H

#include <stddef.h>
#include <sys/types.h>

#define ECHO_BYTES_MAX 4096

struct echo {
	int fd;
	pid_t pid;
	size_t request, reply; /* bytes */
};

/** Fork the other side; before any thread is started. */
void echo_start(struct echo *echo, size_t request, size_t reply);
/** There and back.  One thread at a time. */
void echo_round_trip(const struct echo *echo);
void echo_stop(struct echo *echo);

#endif
