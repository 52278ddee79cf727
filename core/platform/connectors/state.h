/* Inside platform/connectors: durable values of instances. */
#ifndef CORE_CONNECTORS_STATE_H
#define CORE_CONNECTORS_STATE_H

#include "connectors.h"

/**
 * What answers host->state_get and host->state_put of one instance, whoever calls it and why.  Each takes a connection of the
 * pool for one statement: nothing is held while the plugin goes on.
 * @param instance  "issuers/corp": the same on every server
 * @param ret       lives as long as `mem`
 */
int connector_state_init(TALLOC_CTX *mem, const struct connectors_options *options, const char *instance,
	struct certctl_connector_state *ret, struct certctl_error *err) CERTCTL_CHECKED;

#endif
