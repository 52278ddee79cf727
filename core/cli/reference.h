/** The generated part of the manuals: resources, verbs and what they take, from a document. */
#ifndef CORE_CLI_REFERENCE_H
#define CORE_CLI_REFERENCE_H

#include "api.h"

#include <certctl/buffer.h>

/** For docs/reference/cli.md. */
void reference_markdown(const struct api *api, struct certctl_buffer *out);
/** For certctl(1), in the language of scdoc(5). */
void reference_manual(const struct api *api, struct certctl_buffer *out);

#endif
