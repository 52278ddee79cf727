/** What typed calls share: structs straight into the frame, call, reply to struct. */
#ifndef CERTCTL_CALLER_TYPED_H
#define CERTCTL_CALLER_TYPED_H

#include "caller.h"

/** A member of an operation's argument: a struct (`wire` and `value`), a list of them, JSON, a text or a number. */
struct part {
	const char *name; /* NULL ends the argument */
	const struct certctl_wire *wire;
	const void *value;
	bool is_list;
	const json_t *json; /* NULL, without `wire` and `text`: left out */
	const char *text;
	const int *number;
};

/** `wire` NULL: success says it all.  What makes no sense in the reply is PROTOCOL. */
int typed_call(struct certctl_connector *connector, const char *operation, const struct part *parts,
	const struct certctl_call *call, TALLOC_CTX *mem, const struct certctl_wire *wire, void *ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** A reply that is one text, under `name`. */
int typed_call_for_text(struct certctl_connector *connector, const char *operation, const struct part *parts,
	const struct certctl_call *call, TALLOC_CTX *mem, const char *name, const char **ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** A reply that could not be read, `err` saying why, as PROTOCOL with instance and operation in front. */
int typed_nonsense(const struct certctl_connector *connector, const char *operation, int rc, struct certctl_error *err);

#endif
