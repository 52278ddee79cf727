/* Inside deployment: targets. */
#ifndef CORE_DEPLOYMENT_TARGETS_H
#define CORE_DEPLOYMENT_TARGETS_H

#include "core/features/feature.h"

extern const struct resource deployment_targets;

#endif
