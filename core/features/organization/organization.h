/** Teams and owners: who a certificate belongs to, and who hears of it. */
#ifndef CORE_ORGANIZATION_H
#define CORE_ORGANIZATION_H

#include "core/features/feature.h"

extern const struct feature organization_feature;

#endif
