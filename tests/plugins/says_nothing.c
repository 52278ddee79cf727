/* Fails without a reason, and succeeds with a result that makes no sense. */
#include "zoo.h"

static int test(struct certctl_issuer *self, const struct certctl_host *host, struct certctl_error *err)
{
	(void)self, (void)host, (void)err;
	return CERTCTL_E_DENIED;
}

static int issue(struct certctl_issuer *self, const struct certctl_host *host, const struct certctl_order *order,
	TALLOC_CTX *mem, struct certctl_issued *ret, struct certctl_error *err)
{
	(void)self, (void)host, (void)order, (void)mem, (void)err;
	ret->outcome = CERTCTL_ISSUED;
	ret->serial = "\xff\xfe";
	return 0;
}

ZOO_PLUGIN("says-nothing", .test = test, .issue = issue);
