/* Inside platform/http: the threads that run handlers. */
#ifndef CORE_HTTP_WORKERS_H
#define CORE_HTTP_WORKERS_H

#include "exchange.h"

#define WORKERS_LANES 4 /* listeners at most */

struct workers;
typedef void workers_run_fn(void *arg, struct exchange *exchange);
/** @param queue_max  exchanges that wait in a lane */
int workers_new(TALLOC_CTX *mem, unsigned threads, unsigned queue_max, workers_run_fn *run, void *arg,
	struct workers **ret, struct certctl_error *err) CERTCTL_CHECKED;
/** False: its lane is full.  `is_known` exchanges were in it before and always fit. */
bool workers_submit(struct workers *workers, struct exchange *exchange, bool is_known);
/** How many threads there are, how many run something, how many exchanges wait, and for how many there is room. */
void workers_measure(struct workers *workers, struct http_measures *ret);
/** Finish the queue, end the threads. */
void workers_stop(struct workers *workers);

#endif
