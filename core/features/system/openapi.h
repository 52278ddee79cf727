/** The description of this server's API, made of every feature's tables. */
#ifndef CORE_SYSTEM_OPENAPI_H
#define CORE_SYSTEM_OPENAPI_H

#include "core/features/feature.h"
#include "core/platform/openapi/openapi.h"

/** The sections of every feature, at both doors.  Borrowed for ever. */
const struct openapi_source *openapi_source_of_features(void);

/** The document as YAML: what docs/reference/openapi.yaml is. */
int openapi_write(struct certctl_buffer *out, struct certctl_error *err) CERTCTL_CHECKED;

int openapi_json(struct http_request *request, struct http_reply *reply, struct certctl_error *err);
int openapi_yaml(struct http_request *request, struct http_reply *reply, struct certctl_error *err);

#endif
