/* Inside jobs: what operators decide about one. */
#ifndef CORE_JOBS_DECISIONS_H
#define CORE_JOBS_DECISIONS_H

#include "core/platform/http/http.h"
#include "core/platform/jobs/jobs.h"

/**
 * POST /api/v1/jobs/{id}/approve, /reject, /cancel, /retry.  Legal in the state the job is in, or 409 that says the state.
 * DENIED: who asked for a job does not approve it.
 */
int jobs_approve(struct http_request *request, struct http_reply *reply, struct certctl_error *err) CERTCTL_CHECKED;
int jobs_reject(struct http_request *request, struct http_reply *reply, struct certctl_error *err) CERTCTL_CHECKED;
int jobs_cancel(struct http_request *request, struct http_reply *reply, struct certctl_error *err) CERTCTL_CHECKED;
int jobs_retry(struct http_request *request, struct http_reply *reply, struct certctl_error *err) CERTCTL_CHECKED;

/** {"reason": "..."} */
extern const struct http_body jobs_reason_body;
extern const struct job_timer jobs_timers[];

#endif
