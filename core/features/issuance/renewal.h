/* Inside issuance: renewal, by itself and on demand. */
#ifndef CORE_ISSUANCE_RENEWAL_H
#define CORE_ISSUANCE_RENEWAL_H

#include "core/platform/http/http.h"
#include "core/platform/jobs/jobs.h"

extern const struct job_timer renewal_timers[];
/** POST /api/v1/certificates/{id}/renew: the same live jobs are answered again while there are any. */
int renewal_demand(struct http_request *request, struct http_reply *reply, struct certctl_error *err) CERTCTL_CHECKED;

/** POST /api/v1/certificates/bulk-renew: one statement, a job for each placement, counts and reasons. */
int renewal_bulk(struct http_request *request, struct http_reply *reply, struct certctl_error *err) CERTCTL_CHECKED;
extern const struct http_body renewal_bulk_body, renewal_counts_body;
/* Ids of 100,000 certificates. */
#define RENEWAL_BULK_BODY_MAX (8 * 1024 * 1024)

#endif
