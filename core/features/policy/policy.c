/* The routes of profiles, policies and groups. */
#include "rules.h"

static const struct resource *const resources[] = { &policy_profiles, &policy_policies, &policy_agent_groups, NULL };

static const struct http_route routes[] = {
	{ "GET", "/api/v1/agent-groups/{id}/agents", PERMISSION_AGENTS_READ, policy_list_members,
		.summary = "List the agents that belong to a group now", .gives = &policy_member_body,
		.is_list = true },
	{ 0 },
};

const struct feature policy_feature = { .name = "policy",
	.about = "Rules that certificates live by: what may be issued, when it is renewed, whose agents may have it.",
	.resources = resources,
	.routes = routes };
