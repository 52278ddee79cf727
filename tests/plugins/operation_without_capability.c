/* Can revoke and does not say so. */
#include "zoo.h"

static int revoke(struct certctl_issuer *self, const struct certctl_host *host, const char *certificate_pem, int reason,
	struct certctl_error *err)
{
	(void)self, (void)host, (void)certificate_pem, (void)reason, (void)err;
	return 0;
}

ZOO_PLUGIN("operation-without-capability", .revoke = revoke);
