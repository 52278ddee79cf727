/* UTF-8, one character at a time.  Private to the library; certctl_utf8_is_valid() is the public part. */
#ifndef CERTCTL_LIB_UTF8_H
#define CERTCTL_LIB_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Bytes of the character that begins at `text` (1 to 4), or 0 when it is not UTF-8 (RFC 3629).  `left` is at least 1. */
size_t certctl_utf8_next(const char *text, size_t left, uint32_t *ret_character);

/** Length of the run of printable ASCII without quote and backslash: what stands as it is in any JSON string. */
size_t certctl_utf8_plain_run(const char *text, size_t len);

/** Would show as nothing, move the cursor or reorder its neighbours: C0, C1, separators, bidi controls, BOM. */
bool certctl_utf8_is_hidden(uint32_t character);

/** The longest prefix of at most `max` bytes that does not cut a character in two. */
size_t certctl_utf8_cut(const char *text, size_t len, size_t max);

/**
 * `text` as it may stand in a message: at most size - 1 bytes, hidden characters and bad bytes as "?", "..." when cut.
 * Returns `out`.
 */
const char *certctl_utf8_show(const char *text, size_t len, char *out, size_t size);

/** A NUL-terminated text, shown as above, within a call's arguments: at most 120 bytes, there until the block ends. */
#define certctl_shown(text) certctl_utf8_show((text), strlen(text), (char[121]){ 0 }, 121)

#endif
