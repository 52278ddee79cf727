/**
 * YAML 1.2 as operators write it, read into the same JSON tree that requests are: one document, mappings with unique text
 * keys, lists and scalars of the core schema.  Anchors and aliases are expanded within the node limit; tags are refused.
 */
#ifndef CERTCTL_YAML_H
#define CERTCTL_YAML_H

#include <certctl/json.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A document and where each of its members stands.  Freed with talloc_free. */
struct certctl_yaml {
	char *file; /* as it is called in messages */
	json_t *root;
	struct certctl_yaml_places *places;
};

/** Read a text.  INVALID "<file>:3:7: ..."; LIMIT; `limits` as for JSON. */
CERTCTL_API int certctl_yaml_parse(TALLOC_CTX *mem, const char *file, const char *text, size_t len,
	const struct certctl_json_limits *limits, struct certctl_yaml **ret, struct certctl_error *err) CERTCTL_CHECKED;
CERTCTL_API int certctl_yaml_read_file(TALLOC_CTX *mem, const char *path, const struct certctl_json_limits *limits,
	struct certctl_yaml **ret, struct certctl_error *err) CERTCTL_CHECKED;

/**
 * Where the member with this path ("issuers.corp.timeout_s", "targets[2].path") stands; the nearest parent that exists
 * when it does not.  Lines and columns count from 1.
 */
CERTCTL_API void certctl_yaml_locate(const struct certctl_yaml *yaml, const char *path, int *ret_line, int *ret_column);

/** Emit a tree as block YAML with stable order: what `-o yaml` and samples print. */
CERTCTL_API int certctl_yaml_write(TALLOC_CTX *mem, const json_t *value, char **ret_text,
	struct certctl_error *err) CERTCTL_CHECKED;

#ifdef __cplusplus
}
#endif
#endif
