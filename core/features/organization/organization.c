/* Teams and owners, declared.  Knows nothing of what belongs to them but where it is. */
#include "organization.h"
#include "core/features/access/access.h"

struct team {
	const char *id, *name, *description;
	struct certctl_time created_at, updated_at;
};

#define SHOWN    RESOURCE_READ_ONLY | RESOURCE_FILTERED | RESOURCE_SORTED
#define NAMED    RESOURCE_FILTERED | RESOURCE_SORTED | RESOURCE_SEARCHED
#define NAME_MAX 200

static const struct certctl_field team_fields[] = {
	CERTCTL_OPTION(struct team, id, CERTCTL_REFERENCE, .refers_to = "team",
		.help = "Chosen by you, or made for you."),
	CERTCTL_OPTION(struct team, name, CERTCTL_TEXT, .required = true, .min = 1, .max = NAME_MAX, .flags = NAMED,
		.help = "For people; no two teams have the same."),
	CERTCTL_OPTION(struct team, description, CERTCTL_TEXT, .max = 2000, .flags = RESOURCE_SEARCHED,
		.help = "For people."),
	CERTCTL_OPTION(struct team, created_at, CERTCTL_TIME, .flags = SHOWN),
	CERTCTL_OPTION(struct team, updated_at, CERTCTL_TIME, .flags = SHOWN),
	{ 0 },
};

static const struct resource_use team_uses[] = {
	{ "owner", "owners", "owners", "team_id", NULL },
	{ "certificate", "certificates", "managed_certificates", "team_id", NULL },
	{ 0 },
};

static const struct resource teams = { .kind = "team",
	.body = "Team",
	.path = "/api/v1/teams",
	.id_prefix = "t-",
	.table = "teams",
	.fields = team_fields,
	.size = sizeof(struct team),
	.verbs = RESOURCE_ALL,
	.read = PERMISSION_ORGANIZATION_READ,
	.write = PERMISSION_ORGANIZATION_WRITE,
	.is_stamped = true,
	.uses = team_uses,
	.scope = { .team = "r.id" } };

struct owner {
	const char *id, *name, *email, *team_id;
	struct certctl_time created_at, updated_at;
};

static const struct certctl_field owner_fields[] = {
	CERTCTL_OPTION(struct owner, id, CERTCTL_REFERENCE, .refers_to = "owner",
		.help = "Chosen by you, or made for you."),
	CERTCTL_OPTION(struct owner, name, CERTCTL_TEXT, .required = true, .min = 1, .max = NAME_MAX, .flags = NAMED,
		.help = "For people; no two owners have the same."),
	CERTCTL_OPTION(struct owner, email, CERTCTL_EMAIL, .required = true, .flags = NAMED,
		.help = "Where notifications about their certificates go."),
	CERTCTL_OPTION(struct owner, team_id, CERTCTL_REFERENCE, .refers_to = "team",
		.flags = RESOURCE_FILTERED | RESOURCE_SORTED, .help = "The team that they are of."),
	CERTCTL_OPTION(struct owner, created_at, CERTCTL_TIME, .flags = SHOWN),
	CERTCTL_OPTION(struct owner, updated_at, CERTCTL_TIME, .flags = SHOWN),
	{ 0 },
};

static const struct resource_use owner_uses[] = {
	{ "certificate", "certificates", "managed_certificates", "owner_id", NULL },
	{ 0 },
};

static const struct resource owners = { .kind = "owner",
	.body = "Owner",
	.path = "/api/v1/owners",
	.id_prefix = "o-",
	.table = "owners",
	.fields = owner_fields,
	.size = sizeof(struct owner),
	.verbs = RESOURCE_ALL,
	.read = PERMISSION_ORGANIZATION_READ,
	.write = PERMISSION_ORGANIZATION_WRITE,
	.is_stamped = true,
	.uses = owner_uses,
	.scope = { .team = "r.team_id" } };

static const struct resource *const resources[] = { &teams, &owners, NULL };

const struct feature organization_feature = {
	.name = "organization", .about = "Who certificates belong to.", .resources = resources
};
