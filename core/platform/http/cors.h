/* Inside platform/http: which pages may read replies. */
#ifndef CORE_HTTP_CORS_H
#define CORE_HTTP_CORS_H

#include "http.h"

#include <microhttpd.h>

struct cors {
	const char *const *origins;
	size_t count;
};

/** "https://host:port", as a browser's Origin header has it? */
bool cors_is_origin(const char *text);
void cors_add_headers(const struct cors *cors, const struct http_request *request, struct MHD_Response *response);

#endif
