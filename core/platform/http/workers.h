/* Inside platform/http: the threads that run handlers. */
#ifndef CORE_HTTP_WORKERS_H
#define CORE_HTTP_WORKERS_H

#include "exchange.h"

struct workers;
typedef void workers_run_fn(void *arg, struct exchange *exchange);
int workers_new(TALLOC_CTX *mem, unsigned threads, unsigned queue_max, workers_run_fn *run, void *arg,
	struct workers **ret, struct certctl_error *err) CERTCTL_CHECKED;
/** False: the queue is full.  `is_known` exchanges were in it before and always fit. */
bool workers_submit(struct workers *workers, struct exchange *exchange, bool is_known);
/** Finish the queue, end the threads. */
void workers_stop(struct workers *workers);

#endif
