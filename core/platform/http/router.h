/* Inside platform/http: from method and path to a route. */
#ifndef CORE_HTTP_ROUTER_H
#define CORE_HTTP_ROUTER_H

#include "http.h"

struct http_router;

/** Check the tables and sort them in.  INVALID names the route that is wrong. */
int router_new(TALLOC_CTX *mem, const struct http_route *const *tables, struct http_router **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/**
 * Fill request->route and path_values.  NOT_FOUND: no such path; UNSUPPORTED: the path is there, the method is not;
 * then *ret_allow (on the request) is the value of the Allow header.
 */
int router_find(const struct http_router *router, struct http_request *request, const char **ret_allow,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
