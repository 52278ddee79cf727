/* Calls a function that no library has.  Bound lazily, this would be found out in the middle of a call. */
#include "zoo.h"

int certctl_function_of_next_year(void);

static int test(struct certctl_issuer *self, const struct certctl_host *host, struct certctl_error *err)
{
	(void)self, (void)host, (void)err;
	return certctl_function_of_next_year();
}

ZOO_PLUGIN("undefined-symbol", .test = test);
