/* Inside platform/http: exchanges that wait for something to happen. */
#ifndef CORE_HTTP_WAITS_H
#define CORE_HTTP_WAITS_H

#include "exchange.h"

struct waits;
/** `ready` gets an exchange whose wait is over, on the thread that ended it, without a lock held. */
typedef void waits_ready_fn(void *arg, struct exchange *exchange);
int waits_new(TALLOC_CTX *mem, waits_ready_fn *ready, void *arg, struct waits **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Before a handler runs: wake-ups from now on are seen by waits_add(). */
void waits_begin(struct waits *waits, struct exchange *exchange);
/** After it asked to wait.  Ready at once when a wake-up came meanwhile, or when waits_end_all() was called. */
void waits_add(struct waits *waits, struct exchange *exchange);
void waits_wake(struct waits *waits, const char *key);
/** Those whose time is up are ready, with is_time_up set. */
void waits_expire(struct waits *waits, int64_t now_ms);
/** All of them are ready with is_time_up set, now and from now on. */
void waits_end_all(struct waits *waits);
int waits_keys(struct waits *waits, const char *prefix, TALLOC_CTX *mem, const char ***ret, size_t *ret_count,
	struct certctl_error *err) CERTCTL_CHECKED;
/** How many of them there are. */
size_t waits_count(struct waits *waits, const char *prefix);

#endif
