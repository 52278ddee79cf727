/**
 * The tables of all features, gathered for those who walk them: listeners, job engine.
 */
#ifndef CORE_WIRING_H
#define CORE_WIRING_H

#include "core/features/feature.h"

#define WIRING_FEATURES_MAX 64

/** NULL-terminated tables, each. */
struct wiring {
	const struct http_route *routes[WIRING_FEATURES_MAX + 1], *agent_routes[WIRING_FEATURES_MAX + 1];
	const struct job_step *steps[WIRING_FEATURES_MAX + 1];
	const struct job_timer *timers[WIRING_FEATURES_MAX + 1];
	http_finished_fn *finished; /* NULL: nobody's */
	http_handler_fn *around;    /* NULL: nobody's */
};

/** Fills `ret` and core->resources; what it needs is on `mem`. */
int wiring_collect(TALLOC_CTX *mem, struct core *core, struct wiring *ret, struct certctl_error *err) CERTCTL_CHECKED;

/** Start and stop of the features that have threads of their own; what was not started may be stopped. */
int wiring_start(TALLOC_CTX *mem, struct core *core, struct certctl_error *err) CERTCTL_CHECKED;
void wiring_stop(struct core *core);

/** jobs_options.woken and .ended: every feature hears of it.  @param context  the struct core */
void wiring_woken(void *context);
void wiring_ended(void *context, const char *job_id);

#endif
