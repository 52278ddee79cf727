/**
 * The deployments and tests of targets this agent holds, and the thread that makes them.  While it works, polls go on: they tell the control plane what
 * is held, which keeps the leases, and bring requests that need not wait for a slow server to reload.
 */
#ifndef CERTCTL_AGENT_DEPLOYMENTS_H
#define CERTCTL_AGENT_DEPLOYMENTS_H

#include <certctl/json.h>

struct certctl_agent;
struct certctl_spool;

struct certctl_deployments;
int certctl_deployments_start(struct certctl_agent *agent, struct certctl_spool *spool,
	struct certctl_deployments **ret, struct certctl_error *err) CERTCTL_CHECKED;
/** After the stop is wanted: waits for the thread, not for the worker.  NULL is allowed. */
void certctl_deployments_end(struct certctl_deployments *deployments);

/** Take deployment jobs in hand; one that is held already is passed over. */
void certctl_deployments_add(struct certctl_deployments *deployments, const json_t *jobs);
/** "job-a,job-b"; "" when nothing is held; NULL when out of memory. */
char *certctl_deployments_held(struct certctl_deployments *deployments, TALLOC_CTX *mem);
/** How many are held. */
size_t certctl_deployments_count(struct certctl_deployments *deployments);

#endif
