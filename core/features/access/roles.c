/* Roles as sets of permissions.  Knows no key and no route. */
#include "roles.h"

#include <string.h>

static const struct {
	uint64_t bit;
	const char *name, *about;
} permissions[] = {
	{ PERMISSION_CERTIFICATES_READ, "certificates.read", "certificates, versions, deployments" },
	{ PERMISSION_CERTIFICATES_WRITE, "certificates.write", "create, change, archive, revoke certificates" },
	{ PERMISSION_CERTIFICATES_RENEW, "certificates.renew", "renew now" },
	{ PERMISSION_CERTIFICATES_DEPLOY, "certificates.deploy", "deploy now" },
	{ PERMISSION_TARGETS_READ, "targets.read", "targets" },
	{ PERMISSION_TARGETS_WRITE, "targets.write", "create, change, delete targets" },
	{ PERMISSION_AGENTS_READ, "agents.read", "agents, their groups and discoveries" },
	{ PERMISSION_AGENTS_WRITE, "agents.write", "enrolment tokens, agents, groups" },
	{ PERMISSION_JOBS_READ, "jobs.read", "jobs" },
	{ PERMISSION_JOBS_WRITE, "jobs.write", "cancel and retry jobs" },
	{ PERMISSION_JOBS_APPROVE, "jobs.approve", "approve and reject jobs" },
	{ PERMISSION_ISSUERS_READ, "issuers.read", "issuers" },
	{ PERMISSION_ISSUERS_WRITE, "issuers.write", "create, change, delete issuers" },
	{ PERMISSION_NOTIFIERS_READ, "notifiers.read", "notifiers and notifications" },
	{ PERMISSION_NOTIFIERS_WRITE, "notifiers.write", "create, change, delete notifiers" },
	{ PERMISSION_ORGANIZATION_READ, "organization.read", "teams and owners" },
	{ PERMISSION_ORGANIZATION_WRITE, "organization.write", "create, change, delete teams and owners" },
	{ PERMISSION_POLICIES_READ, "policies.read", "profiles and policies" },
	{ PERMISSION_POLICIES_WRITE, "policies.write", "create, change, delete profiles and policies" },
	{ PERMISSION_AUDIT_READ, "audit.read", "the audit trail" },
	{ PERMISSION_KEYS_READ, "keys.read", "API keys, without the keys themselves" },
	{ PERMISSION_KEYS_WRITE, "keys.write", "create, change, rotate, revoke API keys" },
	{ PERMISSION_SYSTEM_READ, "system.read", "metrics, plugins, the doctor's findings" },
};

#define READ_ALL                                                                                                       \
	(PERMISSION_CERTIFICATES_READ | PERMISSION_TARGETS_READ | PERMISSION_AGENTS_READ | PERMISSION_JOBS_READ |      \
		PERMISSION_ISSUERS_READ | PERMISSION_NOTIFIERS_READ | PERMISSION_ORGANIZATION_READ |                   \
		PERMISSION_POLICIES_READ | PERMISSION_SYSTEM_READ)
#define OPERATE                                                                                                        \
	(PERMISSION_CERTIFICATES_WRITE | PERMISSION_CERTIFICATES_RENEW | PERMISSION_CERTIFICATES_DEPLOY |              \
		PERMISSION_TARGETS_WRITE | PERMISSION_JOBS_WRITE | PERMISSION_JOBS_APPROVE |                           \
		PERMISSION_ORGANIZATION_WRITE)

/* What everybody's certificates stand on, and what tells of all of them, is not for keys with limits, whatever their role. */
#define UNLIMITED_ONLY                                                                                                 \
	(PERMISSION_TARGETS_WRITE | PERMISSION_AGENTS_WRITE | PERMISSION_ISSUERS_WRITE | PERMISSION_NOTIFIERS_WRITE |  \
		PERMISSION_POLICIES_WRITE | PERMISSION_AUDIT_READ | PERMISSION_KEYS_READ | PERMISSION_KEYS_WRITE)

static const struct {
	const char *name;
	uint64_t permissions;
} roles[] = {
	{ "admin", UINT64_MAX & ~(HTTP_PERMISSION_PUBLIC | HTTP_PERMISSION_AGENT) },
	{ "operator", READ_ALL | OPERATE },
	{ "viewer", READ_ALL },
	{ "auditor", READ_ALL | PERMISSION_AUDIT_READ | PERMISSION_KEYS_READ },
};

/* In the order of `roles`. */
const struct certctl_choice access_role_choices[] = {
	{ "admin", 1, "everything" },
	{ "operator", 2, "the daily work: certificates, targets, jobs, teams and owners" },
	{ "viewer", 3, "reads, but neither the trail nor the keys" },
	{ "auditor", 4, "reads everything" },
	{ 0 },
};

const char *access_role_name(int choice)
{
	certctl_assert(choice >= 1 && (size_t)choice <= CERTCTL_COUNT(roles));
	return roles[choice - 1].name;
}

/* Teams and their owners are for those who are limited to teams, as far as these go, and for nobody who is limited otherwise. */
static uint64_t withheld(const char *scope)
{
	return UNLIMITED_ONLY | (strstr(scope, "\"teams\":") ? 0 : PERMISSION_ORGANIZATION_WRITE);
}

uint64_t access_permissions(const char *role, const char *scope)
{
	for (size_t i = 0; i < CERTCTL_COUNT(roles); i++)
		if (strcmp(roles[i].name, role) == 0)
			return roles[i].permissions & ~(scope ? withheld(scope) : 0);
	return 0;
}

const char *access_roles(TALLOC_CTX *mem, uint64_t wanted)
{
	char *names = NULL;

	for (size_t i = 0; i < CERTCTL_COUNT(roles); i++)
		if (roles[i].permissions & wanted)
			names = names ? talloc_asprintf_append(names, ", %s", roles[i].name)
				      : talloc_strdup(mem, roles[i].name);
	return names;
}

void access_permissions_write(struct certctl_buffer *out, uint64_t held)
{
	const char *separator = "";

	certctl_buffer_puts(out, "[");
	for (size_t i = 0; i < CERTCTL_COUNT(permissions); i++) {
		if (!(permissions[i].bit & held))
			continue;
		certctl_buffer_printf(out, "%s\"%s\"", separator, permissions[i].name);
		separator = ",";
	}
	certctl_buffer_puts(out, "]");
}

static const char *with_limits(uint64_t bit)
{
	if (bit & UNLIMITED_ONLY)
		return " no |\n";
	return bit & PERMISSION_ORGANIZATION_WRITE ? " limited to teams |\n" : " as the role |\n";
}

void access_roles_table(struct certctl_buffer *out)
{
	certctl_buffer_puts(out, "| permission | for |");
	for (size_t role = 0; role < CERTCTL_COUNT(roles); role++)
		certctl_buffer_printf(out, " %s |", roles[role].name);
	certctl_buffer_puts(out, " with limits |\n|---|---|");
	for (size_t role = 0; role < CERTCTL_COUNT(roles); role++)
		certctl_buffer_puts(out, "---|");
	certctl_buffer_puts(out, "---|\n");
	for (size_t i = 0; i < CERTCTL_COUNT(permissions); i++) {
		certctl_buffer_printf(out, "| `%s` | %s |", permissions[i].name, permissions[i].about);
		for (size_t role = 0; role < CERTCTL_COUNT(roles); role++)
			certctl_buffer_puts(out, roles[role].permissions & permissions[i].bit ? " yes |" : " |");
		certctl_buffer_puts(out, with_limits(permissions[i].bit));
	}
}
