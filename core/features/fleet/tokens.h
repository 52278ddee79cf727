/* Inside fleet: enrolment tokens, for operators. */
#ifndef CORE_FLEET_TOKENS_H
#define CORE_FLEET_TOKENS_H

#include "core/platform/resource/declare.h"
#include "fleet.h"

extern const struct resource fleet_tokens;
extern const struct http_body fleet_token_body;

int fleet_create_token(struct http_request *request, struct http_reply *reply, struct certctl_error *err);
/** It enrols nobody any more; CONFLICT when it has. */
int fleet_revoke_token(struct http_request *request, struct http_reply *reply, struct certctl_error *err);

#endif
