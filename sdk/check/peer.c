/* A program that plays the other side of a plugin: started, asked for its address, ended with all it started. */
#include "setup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PEER_START_MS 30000
#define PEER_LINE_MAX 1024

struct peer {
	pid_t pid; /* leads its own group */
	int output;
	char *address;
};

const char *peer_address(const struct peer *peer)
{
	return peer->address;
}

static int peer_end(struct peer *peer)
{
	if (peer->output >= 0)
		close(peer->output);
	if (peer->pid > 0) {
		kill(-peer->pid, SIGTERM);
		/* What does not end on request has no second chance: it is a test's. */
		for (int tries = 0; tries < 50 && waitpid(peer->pid, NULL, WNOHANG) == 0; tries++)
			poll(NULL, 0, 20);
		kill(-peer->pid, SIGKILL);
		while (waitpid(peer->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	return 0;
}

static int spawn(char *const *argv, int output, pid_t *ret, struct certctl_error *err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
	int rc = posix_spawnp(ret, argv[0], &actions, &attributes, argv, environ);

	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return rc ? certctl_fail_errno(err, rc, "peer: %s", argv[0]) : 0;
}

/* Its first line, without the newline. */
static int read_address(struct peer *peer, const char *program, struct certctl_error *err)
{
	int64_t deadline_ms = certctl_monotonic_ms() + PEER_START_MS;
	char line[PEER_LINE_MAX];
	size_t len = 0;

	while (len < sizeof(line)) {
		int64_t left_ms = deadline_ms - certctl_monotonic_ms();
		struct pollfd ready = { .fd = peer->output, .events = POLLIN };

		if (left_ms <= 0 || poll(&ready, 1, (int)left_ms) == 0)
			return certctl_fail(err, CERTCTL_E_TIMEOUT, "peer: %s printed no line in %d s", program,
				PEER_START_MS / 1000);
		ssize_t got = read(peer->output, line + len, 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return certctl_fail(err, CERTCTL_E_UNAVAILABLE, "peer: %s ended before it printed a line",
				program);
		if (line[len] == '\n') {
			peer->address = talloc_strndup(peer, line, len);
			return 0;
		}
		len++;
	}
	return certctl_fail(err, CERTCTL_E_LIMIT, "peer: the first line of %s is too long", program);
}

int peer_start(TALLOC_CTX *mem, char *const *argv, struct peer **ret, struct certctl_error *err)
{
	struct peer *peer = talloc_zero(mem, struct peer);
	int ends[2];

	peer->output = -1;
	talloc_set_destructor(peer, peer_end);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return certctl_fail_errno(err, errno, "peer");
	peer->output = ends[0];
	int rc = spawn(argv, ends[1], &peer->pid, err);

	close(ends[1]);
	if (rc < 0 || read_address(peer, argv[0], err) < 0)
		return err->code;
	*ret = peer;
	return 0;
}
