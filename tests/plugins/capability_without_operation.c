/* Promises to revoke and has nothing to do it with. */
#include "zoo.h"

ZOO_PLUGIN("capability-without-operation", .caps = CERTCTL_ISSUER_CAN_REVOKE);
