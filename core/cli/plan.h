/** What a document asks for, against what is there: made, changed, or as it is.  Pure: knows no server. */
#ifndef CORE_CLI_PLAN_H
#define CORE_CLI_PLAN_H

#include "api.h"

enum plan_action { PLAN_CREATE = 1, PLAN_CHANGE, PLAN_NOTHING };

struct plan {
	enum plan_action action;
	bool is_secrets_only; /* CHANGE that only sends secrets again, which nobody can compare */
	json_t *body;         /* what to send; NULL for NOTHING; goes with the context */
	json_t *changes;      /* member: {"from", "to"} */
};

/** Kind and id of a document, and that both are known.  INVALID otherwise. */
int plan_subject(const struct api *api, json_t *document, const struct api_resource **ret_resource, const char **ret_id,
	struct certctl_error *err) CERTCTL_CHECKED;

/**
 * Plan one document.  A member that it does not name stays as it is; null clears.
 * @param there  what the server has; NULL: nothing of that id
 * @return 0; INVALID (a masked secret for a new thing); UNSUPPORTED (it cannot be changed over the API)
 */
int plan_make(TALLOC_CTX *mem, const struct api *api, const struct api_resource *resource, json_t *document,
	json_t *there, struct plan *ret, struct certctl_error *err) CERTCTL_CHECKED;

/** The body that turns `before` into `after`, two states of the members that `operation` takes; empty: nothing. */
json_t *plan_body(TALLOC_CTX *mem, const struct api *api, const struct api_operation *operation, json_t *before,
	json_t *after);

/** The members of a thing that the operation takes back: what export writes and an editor shows. */
json_t *plan_document(TALLOC_CTX *mem, const struct api_operation *operation, json_t *there);
/** The operation that makes one: create, else replace. */
const struct api_operation *plan_maker(const struct api_resource *resource);
/** Lay members over others, also inside of objects. */
void plan_overlay(json_t *base, json_t *over);

#endif
