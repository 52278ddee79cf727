/* Writes frames of its own: a result for a call that is not there. */
#include "zoo.h"

#include <unistd.h>

static int test(struct certctl_issuer *self, const struct certctl_host *host, struct certctl_error *err)
{
	static const char text[] = "\0\0\0\x1b{\"result\":999,\"value\":true}";

	(void)self, (void)host;
	if (write(3, text, sizeof(text) - 1) < 0)
		return certctl_fail(err, CERTCTL_E_IO, "cannot write");
	return 0;
}

ZOO_PLUGIN("forges", .test = test);
