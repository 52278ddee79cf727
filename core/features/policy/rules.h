/* Inside policy: its resources. */
#ifndef CORE_POLICY_RULES_H
#define CORE_POLICY_RULES_H

#include "core/features/access/access.h"
#include "policy.h"

extern const struct resource policy_profiles, policy_policies, policy_agent_groups;

/* Is it a network, "10.1.0.0/16" or "fd00::/8", without bits behind its prefix? */
bool policy_is_network(const char *text);
/* Is it a version's beginning, "1.4", or a comparison, ">=1.4"? */
bool policy_is_version_condition(const char *text);

/* Agents of a group now. */
http_handler_fn policy_list_members;
extern const struct http_body policy_member_body;

#define POLICY_SHOWN RESOURCE_READ_ONLY | RESOURCE_FILTERED | RESOURCE_SORTED
#define POLICY_NAMED RESOURCE_FILTERED | RESOURCE_SORTED | RESOURCE_SEARCHED

#endif
