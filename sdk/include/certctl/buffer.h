/**
 * A growing text with a maximum.  Out of memory or over the maximum latches: append freely, ask once at the end.
 */
#ifndef CERTCTL_BUFFER_H
#define CERTCTL_BUFFER_H

#include <certctl/error.h>
#include <talloc.h>

#ifdef __cplusplus
extern "C" {
#endif

struct certctl_buffer {
	TALLOC_CTX *mem;
	char *data; /* always NUL-terminated; NULL before the first append */
	size_t len, size, max;
	int32_t failed; /* enum certctl_code of what did not fit; 0: everything did */
};

/** Start empty; text is allocated on `mem`. `max` is in bytes and must not be 0. */
CERTCTL_API void certctl_buffer_init(struct certctl_buffer *buffer, TALLOC_CTX *mem, size_t max);
CERTCTL_API void certctl_buffer_append(struct certctl_buffer *buffer, const void *data, size_t len);
CERTCTL_API void certctl_buffer_puts(struct certctl_buffer *buffer, const char *text);
CERTCTL_API void certctl_buffer_printf(struct certctl_buffer *buffer, const char *format, ...) CERTCTL_PRINTF(2, 3);

CERTCTL_API void certctl_buffer_integer(struct certctl_buffer *buffer, int64_t number);

/**
 * Append `text` as a JSON string with its quotes (RFC 8259, section 7).  Control characters, U+2028, U+2029 and the
 * bidirectional controls are escaped; bytes that are not UTF-8 become U+FFFD.  The one encoder of logs and replies.
 */
CERTCTL_API void certctl_buffer_json_string(struct certctl_buffer *buffer, const char *text, size_t len);

/** 0 (`data` is a text now, "" at least), or NO_MEMORY / LIMIT when something did not fit; the text must not be used then. */
CERTCTL_API int certctl_buffer_finish(struct certctl_buffer *buffer, struct certctl_error *err) CERTCTL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
