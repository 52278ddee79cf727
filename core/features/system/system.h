/** How the server itself is: health, readiness, version.  Answers from memory. */
#ifndef CORE_SYSTEM_H
#define CORE_SYSTEM_H

#include "core/features/feature.h"

extern const struct feature system_feature;

#endif
