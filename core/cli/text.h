/** Texts of a server, made fit to be looked at. */
#ifndef CORE_CLI_TEXT_H
#define CORE_CLI_TEXT_H

#include <certctl/buffer.h>
#include <jansson.h>

/**
 * Control and bidirectional characters, and bytes that are not UTF-8, as visible escapes (\x1b, \u202e): what a terminal or a
 * reader would obey.  On `mem`; NULL when out of memory.
 * @param keep_lines  line ends and tabs stay
 */
char *text_plain(TALLOC_CTX *mem, const char *text, bool keep_lines);

/** Indented JSON of the same characters, with the encoder of logs and replies; `indent` is where the value begins. */
void text_json(struct certctl_buffer *out, const json_t *value, int indent);
/** The same in one line. */
void text_json_line(struct certctl_buffer *out, const json_t *value);

/** One cell of RFC 4180, quoted; what a spreadsheet would take for a formula begins with an apostrophe. */
void text_csv_cell(struct certctl_buffer *out, const char *text, bool is_first);

#endif
