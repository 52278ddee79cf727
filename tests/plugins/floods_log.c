/* Logs as if nobody had to read it. */
#include "zoo.h"

#include <string.h>

static int test(struct certctl_issuer *self, const struct certctl_host *host, struct certctl_error *err)
{
	char text[20000];

	(void)self, (void)err;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	for (int i = 0; i < 100000; i++)
		host->log(host, CERTCTL_LOG_WARNING, "zoo.flood", "text", text, NULL);
	return 0;
}

ZOO_PLUGIN("floods-log", .test = test);
