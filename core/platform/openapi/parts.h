/* Inside platform/openapi. */
#ifndef CORE_OPENAPI_PARTS_H
#define CORE_OPENAPI_PARTS_H

#include "openapi.h"

#include <certctl/field.h>

/** The schemas of a document under their names, each made once. */
struct openapi_bodies {
	json_t *schemas; /* components/schemas; borrowed */
	const struct http_body *seen[256];
	size_t count;
};

/** {"$ref": ...} to the body as it is sent, or as it is replied.  NULL: out of memory, or another body has this name. */
json_t *openapi_body_sent(struct openapi_bodies *bodies, const struct http_body *body);
/** The same as a merge patch (RFC 7396): nothing is asked for, null resets. */
json_t *openapi_body_patched(struct openapi_bodies *bodies, const struct http_body *body);
json_t *openapi_body_replied(struct openapi_bodies *bodies, const struct http_body *body);
/** Schema of one row alone, for a parameter. */
json_t *openapi_row_schema(const struct certctl_field *row);

/** Who may call, as a sentence on `mem`: "For everyone." */
const char *openapi_callers(TALLOC_CTX *mem, const struct openapi_source *source, const struct http_route *route);
/** Was this table described in an earlier section? */
bool openapi_is_repeated(const struct openapi_source *source, size_t section);

#endif
