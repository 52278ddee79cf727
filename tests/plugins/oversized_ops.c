/* Says our ABI, but has more operations than it knows. */
#include "zoo.h"

ZOO_PLUGIN("oversized-ops", .size = sizeof(struct certctl_issuer_ops) + 64);
