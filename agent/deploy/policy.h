/** What this host permits: paths and commands, checked before anything is touched and again before anything is recovered. */
#ifndef CERTCTL_DEPLOY_POLICY_H
#define CERTCTL_DEPLOY_POLICY_H

#include <agent/deploy/deploy.h>

struct deploy_entry;

/** Every configured path, the store and both commands of the entry.  DENIED names the first that is not permitted. */
int deploy_policy_check(const struct certctl_deploy_policy *policy, const struct deploy_entry *entry,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
