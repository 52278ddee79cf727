/** Values between command lines, documents and cells: typed by the schema of the member, read and compared as what they mean. */
#ifndef CORE_CLI_VALUES_H
#define CORE_CLI_VALUES_H

#include "api.h"

/**
 * What a word of the command line stands for.  "8" is a number where the schema says so, "a,b" a list, YAML (or JSON) an object;
 * `@FILE` is the content of a file (`@@` a plain @).  A secret must come from a file.
 * @param flag  as it is called in messages
 * @param text  NULL: an option without a value, true
 */
int value_from_text(const struct api *api, json_t *schema, const char *flag, const char *text, json_t **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** The reference goes when `mem` goes.  Returns `value`. */
json_t *value_keep(TALLOC_CTX *mem, json_t *value);

/** Put `value` at "options.path" of an object, making what is between; takes the reference. */
int value_put(json_t *object, const char *path, json_t *value, struct certctl_error *err) CERTCTL_CHECKED;
/** Schema of "options.path" below an object's; NULL: not named. */
json_t *value_schema(const struct api *api, json_t *schema, const char *path);

/** Do both mean the same?  Times, durations and sizes may be written in several ways; null and absent are the same. */
bool value_equal(const struct api *api, json_t *schema, const json_t *a, const json_t *b);

/** Is it the mask that stands for a secret?  `value` may be NULL. */
bool value_is_mask(const json_t *value);
/** Is it, or is anything in it, the mask of a secret? */
bool value_has_mask(const json_t *value);
/**
 * Has what is there everything that is wanted?  Members that `wanted` does not name do not count.
 * @param ignore_secrets  take what the server masks for what is wanted
 */
bool value_is_met(const struct api *api, json_t *schema, const json_t *wanted, const json_t *there,
	bool ignore_secrets);

/**
 * A copy to be shown, with the mask in the place of secrets: by the schema; by their names where the schema says nothing, as
 * of plugins' options; and where `there` (may be NULL) has a mask.
 */
json_t *value_masked(const struct api *api, json_t *schema, json_t *value, json_t *there);

/** One line for a cell: texts as they are, lists with commas, the rest as JSON; "" for null.  On `mem`. */
const char *value_cell(TALLOC_CTX *mem, const json_t *value);

#endif
