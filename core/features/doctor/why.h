/* Inside doctor. */
#ifndef CORE_DOCTOR_WHY_H
#define CORE_DOCTOR_WHY_H

#include "core/platform/http/http.h"

/** GET /api/v1/certificates/{id}/why */
int certificate_why(struct http_request *request, struct http_reply *reply, struct certctl_error *err) CERTCTL_CHECKED;
extern const struct http_body why_body;

#endif
