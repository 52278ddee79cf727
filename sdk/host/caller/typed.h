/** What typed calls share: struct to argument, call, reply to struct. */
#ifndef CERTCTL_CALLER_TYPED_H
#define CERTCTL_CALLER_TYPED_H

#include "caller.h"

/** {"<name>": struct, "item": item}. */
int typed_argument(const char *name, const struct certctl_wire *wire, const void *value, const json_t *item,
	json_t **ret, struct certctl_error *err) CERTCTL_CHECKED;
/** Takes `argument`.  `wire` NULL: success says it all.  What makes no sense in the reply is PROTOCOL. */
int typed_call(struct certctl_connector *connector, const char *operation, json_t *argument,
	const struct certctl_call *call, TALLOC_CTX *mem, const struct certctl_wire *wire, void *ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** A reply that is one text, under `name`. */
int typed_call_for_text(struct certctl_connector *connector, const char *operation, json_t *argument,
	const struct certctl_call *call, TALLOC_CTX *mem, const char *name, const char **ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** A reply that could not be read, `err` saying why, as PROTOCOL with instance and operation in front. */
int typed_nonsense(const struct certctl_connector *connector, const char *operation, int rc, struct certctl_error *err);

#endif
