/* Ends its process in the middle of a call, after having said why. */
#include "zoo.h"

#include <stdio.h>
#include <stdlib.h>

static int test(struct certctl_issuer *self, const struct certctl_host *host, struct certctl_error *err)
{
	(void)self, (void)err;
	host->log(host, CERTCTL_LOG_WARNING, "zoo.about_to_crash", "mood", "bad", NULL);
	fputs("the animal bit itself\n", stderr);
	abort();
}

ZOO_PLUGIN("crashes", .test = test);
