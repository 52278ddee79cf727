/* Inside statistics: what its files share. */
#ifndef CORE_STATISTICS_ROUTES_H
#define CORE_STATISTICS_ROUTES_H

#include "cache.h"
#include "core/features/feature.h"

/** struct core.statistics */
struct statistics {
	struct cache *cache;
};

/** GET /metrics */
int metrics_get(struct http_request *request, struct http_reply *reply, struct certctl_error *err);
/** Of the platform, which knows no feature: HTTP, database, timers, the process itself. */
extern const struct metric platform_metrics[];
/** Of the inventory. */
extern const struct metric inventory_metrics[];

extern const struct http_route statistics_routes[];

#endif
