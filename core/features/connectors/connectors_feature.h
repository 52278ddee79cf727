/** Issuers and notifiers as operators configure them, the plugins there are, and the configuration as one document. */
#ifndef CORE_CONNECTORS_FEATURE_H
#define CORE_CONNECTORS_FEATURE_H

#include "core/features/feature.h"

extern const struct feature connectors_feature;

#endif
