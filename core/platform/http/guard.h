/* Inside platform/http: refuses what libmicrohttpd lets through.  See security.md and the README. */
#ifndef CORE_HTTP_GUARD_H
#define CORE_HTTP_GUARD_H

#include "http.h"

#define GUARD_TARGET_MAX  8192
#define GUARD_HEADERS_MAX 64
#define GUARD_SIZE_MAX    32768

/** A request as far as it was parsed; what it must obey before anything looks at it. */
struct guard_request {
	const char *method, *target, *version;
	const struct http_pair *headers;
	size_t header_count;
	size_t header_size; /* octets from the request line to the empty line, as they were received */
};

/** 0, or INVALID with the rule that was broken (LIMIT: too large): answer and close. */
int guard_check(const struct guard_request *request, struct certctl_error *err) CERTCTL_CHECKED;

/** Decode the path of a target, which the guard let pass.  INVALID: `%00`, encoded slash or dot, "//", "/../". */
int guard_path(TALLOC_CTX *mem, const char *target, char **ret, struct certctl_error *err) CERTCTL_CHECKED;
/** The pairs behind the question mark, decoded.  INVALID: twice the same name, a control character, bad UTF-8. */
int guard_query(TALLOC_CTX *mem, const char *target, struct http_pair **ret, size_t *ret_count,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
