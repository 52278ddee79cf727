/** The inventory: what operators want, and what was issued for it. */
#ifndef CORE_CERTIFICATES_H
#define CORE_CERTIFICATES_H

#include "core/features/feature.h"

extern const struct feature certificates_feature;

#endif
