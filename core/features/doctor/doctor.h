/** Is everything as it must be, and if not, what is broken?  And of one certificate: what happens next, and why. */
#ifndef CORE_DOCTOR_H
#define CORE_DOCTOR_H

#include "core/features/feature.h"

extern const struct feature doctor_feature;

#endif
