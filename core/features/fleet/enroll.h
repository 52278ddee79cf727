/* Inside fleet: enrolling, and client certificates. */
#ifndef CORE_FLEET_ENROLL_H
#define CORE_FLEET_ENROLL_H

#include "core/platform/resource/resource.h"
#include "fleet.h"

extern const struct http_body fleet_enrolment_body, fleet_renewal_body, fleet_credential_body;

int fleet_enroll(struct http_request *request, struct http_reply *reply, struct certctl_error *err);
int fleet_renew(struct http_request *request, struct http_reply *reply, struct certctl_error *err);

#endif
