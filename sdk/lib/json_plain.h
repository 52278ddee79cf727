/* The quick way through JSON that programs write. */
#ifndef CERTCTL_LIB_JSON_PLAIN_H
#define CERTCTL_LIB_JSON_PLAIN_H

#include <certctl/json.h>

/**
 * The tree of a text that is plain throughout: no `\u`, no fractions or exponents, short keys without escapes, at most
 * `max_depth` deep.  NULL: it is not, or it is no JSON, or memory is short; others find out which.
 */
json_t *certctl_json_read_plain(const char *text, size_t len, size_t max_depth);

#endif
