/* The encoder of JSON strings for those who must know whether it changed something. */
#ifndef CERTCTL_LIB_BUFFER_PRIVATE_H
#define CERTCTL_LIB_BUFFER_PRIVATE_H

#include <certctl/buffer.h>

/** certctl_buffer_json_string(); false when bytes were not UTF-8 and something else stands in their place. */
bool certctl_buffer_json_exactly(struct certctl_buffer *buffer, const char *text, size_t len);

#endif
