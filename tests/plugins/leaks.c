/* Loses a kilobyte each time an instance is opened. */
#include "zoo.h"

#include <stdlib.h>
#include <string.h>

static int open_and_lose(const struct certctl_host *host, const void *config, struct certctl_issuer **ret,
	struct certctl_error *err)
{
	void *volatile lost = malloc(1024);

	memset(lost, 1, 1024);
	return zoo_open(host, config, ret, err);
}

ZOO_PLUGIN("leaks", .open = open_and_lose);
