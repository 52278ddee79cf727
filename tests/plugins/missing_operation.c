/* An issuer that cannot issue. */
#include "zoo.h"

ZOO_PLUGIN("missing-operation", .issue = NULL);
