/* Inside issuance. */
#ifndef CORE_ISSUERS_HTTP_H
#define CORE_ISSUERS_HTTP_H

#include "core/features/feature.h"

extern const struct http_route issuer_routes[];

#endif
