/* Inside issuance: renewal, by itself and on demand. */
#ifndef CORE_ISSUANCE_RENEWAL_H
#define CORE_ISSUANCE_RENEWAL_H

#include "core/platform/http/http.h"
#include "core/platform/jobs/jobs.h"

extern const struct job_timer renewal_timers[];
/** POST /api/v1/certificates/{id}/renew: the same live jobs are answered again while there are any. */
int renewal_demand(struct http_request *request, struct http_reply *reply, struct certctl_error *err) CERTCTL_CHECKED;

#endif
