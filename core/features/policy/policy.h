/** Rules that certificates live by: profiles (what may be issued), policies (when it is renewed), and groups of agents. */
#ifndef CORE_POLICY_H
#define CORE_POLICY_H

#include "core/features/feature.h"

extern const struct feature policy_feature;

#endif
