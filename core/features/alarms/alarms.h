/** What operators must hear of: ends that come near, jobs that failed, outcomes that nobody knows.  Told once, open until it is settled. */
#ifndef CORE_ALARMS_H
#define CORE_ALARMS_H

#include "core/features/feature.h"

extern const struct feature alarms_feature;

#endif
