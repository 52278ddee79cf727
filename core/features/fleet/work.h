/* Inside fleet: the routes of enrolled agents. */
#ifndef CORE_FLEET_WORK_H
#define CORE_FLEET_WORK_H

#include "core/platform/resource/resource.h"
#include "fleet.h"

extern const struct http_body fleet_heartbeat_body, fleet_work_body, fleet_csr_body, fleet_status_body,
	fleet_state_body;
extern const struct certctl_field fleet_work_parameters[];

int fleet_heartbeat(struct http_request *request, struct http_reply *reply, struct certctl_error *err);
int fleet_work(struct http_request *request, struct http_reply *reply, struct certctl_error *err);
int fleet_csr(struct http_request *request, struct http_reply *reply, struct certctl_error *err);
int fleet_status(struct http_request *request, struct http_reply *reply, struct certctl_error *err);
/** Wake those whose wait is over. */
void fleet_woken(struct core *core);

#endif
