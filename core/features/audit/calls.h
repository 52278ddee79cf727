/**
 * Calls of the API as events: one writer commits all that wait, and only then do their replies leave, so a read costs a
 * share of one commit.
 */
#ifndef CORE_AUDIT_CALLS_H
#define CORE_AUDIT_CALLS_H

#include "core/features/feature.h"

struct audit_calls;
/** `exclude` are paths whose reads are not recorded; `*` at the end stands for anything. Borrowed. */
int audit_calls_start(TALLOC_CTX *mem, struct db_pool *db, const struct certctl_list *exclude, struct audit_calls **ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** http_finished_fn of one server. */
bool audit_calls_take(struct audit_calls *calls, struct http_request *request, const struct http_reply *reply,
	bool can_hold);
/** Calls that are missing in the trail, ever since the start. */
uint64_t audit_calls_dropped(const struct audit_calls *calls);

/** INVALID: one of them would leave something out that is always recorded. */
int audit_exclude_check(const struct certctl_list *exclude, struct certctl_error *err) CERTCTL_CHECKED;
/** Does one of them name this path? */
bool audit_exclude_matches(const struct certctl_list *exclude, const char *path);

#endif
