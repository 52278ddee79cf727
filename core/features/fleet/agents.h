/* Inside fleet: agents as operators see them. */
#ifndef CORE_FLEET_AGENTS_H
#define CORE_FLEET_AGENTS_H

#include "core/platform/resource/declare.h"
#include "fleet.h"

/** Read, and deleted when it is retired and no target names it. */
extern const struct resource fleet_agents;
extern const struct http_body fleet_agent_body, fleet_agent_summary_body;

int fleet_summarize_agents(struct http_request *request, struct http_reply *reply, struct certctl_error *err);
/** For good: its jobs end, its credential is refused, it stops by itself.  Repeating is success. */
int fleet_retire_agent(struct http_request *request, struct http_reply *reply, struct certctl_error *err);

#endif
