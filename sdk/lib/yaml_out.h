/* Scalars as YAML, for the writer and for sample configuration.  Private to the library. */
#ifndef CERTCTL_LIB_YAML_OUT_H
#define CERTCTL_LIB_YAML_OUT_H

#include <certctl/buffer.h>
#include <jansson.h>

/** A text, plain where it reads back as that text, else in double quotes. */
void certctl_yaml_put_text(struct certctl_buffer *out, const char *text, size_t len);
/** Any value on one line: scalars as block YAML writes them, lists and objects in flow style. */
void certctl_yaml_put_inline(struct certctl_buffer *out, const json_t *value);

#endif
