/* The frame of a program of this room.  Knows nothing of what it does. */
#include "program.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

error_t certctl_program_option(struct certctl_program *program, int key, char *value)
{
	switch (key) {
	case 'c':
		program->config = value;
		return 0;
	case CERTCTL_PROGRAM_CHECK:
		program->is_check = true;
		return 0;
	case CERTCTL_PROGRAM_SAMPLE:
		program->is_sample = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

void certctl_program_keep_private(void)
{
	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	umask(0077);
}

/* One datagram.  libsystemd would do it too, and cost each host half a megabyte of memory with what it loads. */
void certctl_program_ready(void)
{
	static const char message[] = "READY=1";
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;

	if (len < 2 || len >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(address.sun_path, path, len);
	if (path[0] == '@')
		address.sun_path[0] = '\0'; /* abstract: not in the file system */
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	/* A manager that does not hear it says so itself. */
	(void)!sendto(fd, message, sizeof(message) - 1, MSG_NOSIGNAL, (const struct sockaddr *)&address,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

void certctl_program_say(const char *name, const struct certctl_error *err)
{
	fprintf(stderr, "%s: %s\n%s%s", name, err->what, err->hint, err->hint[0] ? "\n" : "");
}
