/* Both sides of the bare round trip.  They wait in poll(), as the best do: recv() wakes once more for nothing. */
#include "echo.h"

#include "bench.h"

#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static bool receive(int fd, size_t len)
{
	char buffer[ECHO_BYTES_MAX];
	struct pollfd poller = { .fd = fd, .events = POLLIN };

	return poll(&poller, 1, -1) == 1 && recv(fd, buffer, len, MSG_WAITALL) == (ssize_t)len;
}

static bool transmit(int fd, size_t len)
{
	static const char message[ECHO_BYTES_MAX];

	return send(fd, message, len, MSG_NOSIGNAL) == (ssize_t)len;
}

void echo_start(struct echo *echo, size_t request, size_t reply)
{
	int fds[2];

	if (request > ECHO_BYTES_MAX || reply > ECHO_BYTES_MAX ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		bench_die("socketpair", "cannot be made");
	*echo = (struct echo){ .fd = fds[0], .request = request, .reply = reply };
	echo->pid = fork();
	if (echo->pid == 0) {
		close(fds[0]);
		while (receive(fds[1], request) && transmit(fds[1], reply))
			;
		_exit(0);
	}
	close(fds[1]);
}

void echo_round_trip(const struct echo *echo)
{
	if (!transmit(echo->fd, echo->request) || !receive(echo->fd, echo->reply))
		bench_die("echo", "lost");
}

void echo_stop(struct echo *echo)
{
	close(echo->fd);
	waitpid(echo->pid, NULL, 0);
}
