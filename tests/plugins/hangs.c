/* Never comes back, and does not ask whether it should. */
#include "zoo.h"

static int test(struct certctl_issuer *self, const struct certctl_host *host, struct certctl_error *err)
{
	volatile bool goes_on = true;

	(void)self, (void)host, (void)err;
	while (goes_on)
		;
	return 0;
}

ZOO_PLUGIN("hangs", .test = test);
