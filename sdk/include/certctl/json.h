/**
 * Strict JSON reading on Jansson.  For everything that comes from outside: bodies, files, frames, replies.
 */
#ifndef CERTCTL_JSON_H
#define CERTCTL_JSON_H

#include <certctl/error.h>
#include <jansson.h>
#include <talloc.h>

#ifdef __cplusplus
extern "C" {
#endif

CERTCTL_DEFINE_AUTO(json_t, json_decref);

struct certctl_json_limits {
	size_t max_bytes; /* 0: 1 MiB */
	size_t max_depth; /* 0: 32 */
	size_t max_nodes; /* 0: 10,000 */
};

/**
 * Parse one JSON text (RFC 8259): UTF-8, no duplicate members, no `\u0000`, integers within 64 bits, nothing behind it.
 * What is deeper or has more nodes than the limits say is refused before it is built.
 * @return 0 (*ret is the caller's to json_decref), INVALID with line and column, LIMIT
 */
CERTCTL_API int certctl_json_parse(const char *text, size_t len, const struct certctl_json_limits *limits, json_t **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

struct certctl_buffer;
/** Append a tree as compact text; false when a string in it is not UTF-8: the buffer is of no use then. */
CERTCTL_API bool certctl_json_append(struct certctl_buffer *buffer, const json_t *value);

/** Compact text on `mem`; NULL when out of memory or not to be written.  `ret_len` may be NULL. */
CERTCTL_API char *certctl_json_text(TALLOC_CTX *mem, const json_t *value, size_t *ret_len);

/** Members of an object by type; INVALID "<key>: text expected" when it is another.  Absent: NOT_FOUND. Texts are borrowed. */
CERTCTL_API int certctl_json_get_text(const json_t *object, const char *key, const char **ret,
	struct certctl_error *err);
CERTCTL_API int certctl_json_get_integer(const json_t *object, const char *key, int64_t min, int64_t max, int64_t *ret,
	struct certctl_error *err);

/** Absent or null gives the fallback; a wrong type too.  For documents we wrote ourselves. */
CERTCTL_API const char *certctl_json_text_or(const json_t *object, const char *key, const char *fallback);
CERTCTL_API int64_t certctl_json_integer_or(const json_t *object, const char *key, int64_t fallback);

#ifdef __cplusplus
}
#endif
#endif
