/* Inside deployment: deployments and bindings as operators see them. */
#ifndef CORE_DEPLOYMENT_DEPLOYMENTS_H
#define CORE_DEPLOYMENT_DEPLOYMENTS_H

#include "core/platform/http/http.h"

extern const struct http_body deployment_body, binding_body;
extern const char *const deployment_filters[];

int deployments_list(struct http_request *request, struct http_reply *reply, struct certctl_error *err);
int deployments_get(struct http_request *request, struct http_reply *reply, struct certctl_error *err);
/** Of the certificate {id}. */
int deployments_of_certificate(struct http_request *request, struct http_reply *reply, struct certctl_error *err);
int bindings_of_certificate(struct http_request *request, struct http_reply *reply, struct certctl_error *err);

#endif
