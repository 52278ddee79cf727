/* Looks around while it is being loaded, and dies of what it finds open. */
#include "zoo.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

__attribute__((constructor)) static void wake(void)
{
	if (open("/etc/hostname", O_RDONLY) >= 0 || open("/proc/self/environ", O_RDONLY) >= 0 ||
		socket(AF_INET, SOCK_STREAM, 0) >= 0 || fork() >= 0)
		abort();
}

ZOO_PLUGIN("constructor-spies", .caps = 0);
