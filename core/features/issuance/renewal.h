/* Inside issuance: renewal, by itself and on demand. */
#ifndef CORE_ISSUANCE_RENEWAL_H
#define CORE_ISSUANCE_RENEWAL_H

#include "core/platform/http/http.h"
#include "core/platform/jobs/jobs.h"

extern const struct job_timer renewal_timers[];
/** POST /api/v1/certificates/{id}/renew: the same live jobs are answered again while there are any. */
int renewal_demand(struct http_request *request, struct http_reply *reply, struct certctl_error *err) CERTCTL_CHECKED;

/**
 * POST /api/v1/certificates/bulk-renew: a job for each placement, counts and reasons.  As far as it came when the reply leaves; the rest is
 * done whoever waits for it, and GET /api/v1/bulk-renewals/{id} tells.
 */
int renewal_bulk(struct http_request *request, struct http_reply *reply, struct certctl_error *err) CERTCTL_CHECKED;
int renewal_bulk_get(struct http_request *request, struct http_reply *reply, struct certctl_error *err) CERTCTL_CHECKED;
int renewal_bulk_list(struct http_request *request, struct http_reply *reply,
	struct certctl_error *err) CERTCTL_CHECKED;
extern const struct http_body renewal_bulk_body, renewal_progress_body;
extern const char *const renewal_bulk_filters[];

#endif
