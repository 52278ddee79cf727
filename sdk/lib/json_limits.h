/* The limits of a document, with defaults where the caller said nothing: the same for JSON and YAML. */
#ifndef CERTCTL_LIB_JSON_LIMITS_H
#define CERTCTL_LIB_JSON_LIMITS_H

#include <certctl/json.h>

struct certctl_json_limits certctl_json_limits_full(const struct certctl_json_limits *limits);

#endif
