/** What there is and how it goes: counts and trends for people, metrics for Prometheus. */
#ifndef CORE_STATISTICS_H
#define CORE_STATISTICS_H

#include "core/features/feature.h"

extern const struct feature statistics_feature;

#endif
