/* Inside platform/http: how many requests of a listener there were, and how long they took. */
#ifndef CORE_HTTP_MEASURE_H
#define CORE_HTTP_MEASURE_H

#include "http.h"

struct measure;

/** @param tables  of the listener's routes, NULL-terminated */
int measure_new(TALLOC_CTX *mem, const struct http_route *const *tables, struct measure **ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** A request has ended.  Takes no lock. @param route  NULL: there was none; status 0: no reply was sent */
void measure_add(struct measure *measure, const struct http_route *route, unsigned status, int64_t began_us);
/** Monotonic, in microseconds. */
int64_t measure_now_us(void);

/** Every route and class of status that there was. */
void measure_each(const struct measure *measure, const char *listener, http_duration_fn *each, void *arg);
/** Replies 429. */
uint64_t measure_rate_limited(const struct measure *measure);

#endif
