/* Inside fleet: the routes of enrolled agents. */
#ifndef CORE_FLEET_WORK_H
#define CORE_FLEET_WORK_H

#include "core/platform/resource/resource.h"
#include "fleet.h"

extern const struct http_body fleet_heartbeat_body, fleet_work_body, fleet_csr_body, fleet_status_body,
	fleet_state_body, fleet_outcome_body, fleet_plan_body, fleet_observations_body, fleet_destroyed_keys_body;
extern const struct certctl_field fleet_work_parameters[];
extern const char *const fleet_plan_filters[];

int fleet_heartbeat(struct http_request *request, struct http_reply *reply, struct certctl_error *err);
int fleet_work(struct http_request *request, struct http_reply *reply, struct certctl_error *err);
int fleet_plan(struct http_request *request, struct http_reply *reply, struct certctl_error *err);
int fleet_observe(struct http_request *request, struct http_reply *reply, struct certctl_error *err);
int fleet_keys_destroyed(struct http_request *request, struct http_reply *reply, struct certctl_error *err);
int fleet_csr(struct http_request *request, struct http_reply *reply, struct certctl_error *err);
int fleet_status(struct http_request *request, struct http_reply *reply, struct certctl_error *err);
/** Wake those whose wait is over. */
void fleet_woken(struct core *core);
/** A job has ended here: whoever waits for its end is answered. */
void fleet_job_ended(struct core *core, const char *job_id);

#endif
