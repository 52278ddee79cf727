/* Inside fleet: agents as operators see them. */
#ifndef CORE_FLEET_AGENTS_H
#define CORE_FLEET_AGENTS_H

#include "core/platform/resource/resource.h"
#include "fleet.h"

extern const struct http_body fleet_agent_body, fleet_agent_summary_body;
/** Query parameters of the list. */
extern const char *const fleet_agent_filters[];

int fleet_list_agents(struct http_request *request, struct http_reply *reply, struct certctl_error *err);
int fleet_get_agent(struct http_request *request, struct http_reply *reply, struct certctl_error *err);
int fleet_summarize_agents(struct http_request *request, struct http_reply *reply, struct certctl_error *err);
/** For good: its jobs end, its credential is refused, it stops by itself.  Repeating is success. */
int fleet_retire_agent(struct http_request *request, struct http_reply *reply, struct certctl_error *err);
/** Out of sight, when it is retired and no target names it; what it did stays in the trail. */
int fleet_delete_agent(struct http_request *request, struct http_reply *reply, struct certctl_error *err);

#endif
