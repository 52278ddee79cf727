/* Can be looked at, cannot be opened. */
#include "zoo.h"

static int fail(const struct certctl_host *host, const void *config, struct certctl_issuer **ret,
	struct certctl_error *err)
{
	(void)host, (void)config, (void)ret;
	return certctl_fail(err, CERTCTL_E_INVALID, "name: this animal opens for nobody");
}

ZOO_PLUGIN("open-fails", .open = fail);
