/* Inside deployment: deployments that an operator asks for. */
#ifndef CORE_DEPLOYMENT_DEMAND_H
#define CORE_DEPLOYMENT_DEMAND_H

#include "core/platform/http/http.h"

/** What it takes: target_ids, version_id. */
extern const struct http_body deployment_demand_body, deployment_demand_any_body;

/** POST /api/v1/certificates/{id}/deploy */
int deployment_demand(struct http_request *request, struct http_reply *reply,
	struct certctl_error *err) CERTCTL_CHECKED;
/** POST /api/v1/deployments */
int deployment_demand_any(struct http_request *request, struct http_reply *reply,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
