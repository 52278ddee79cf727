/* Says our ABI, but its descriptor is larger than ours: one of the two is not true. */
#include "zoo.h"

static const struct certctl_issuer_ops ops = { ZOO_OPS };

CERTCTL_PLUGIN(CERTCTL_ISSUER, "oversized", ZOO_DESCRIPTOR, .ops = &ops, .size = sizeof(struct certctl_plugin) + 64);
