/* Groups of agents: who has something in common.  Nobody is put into one; who belongs is asked anew each time. */
#include "core/features/policy/policy.sql.h"
#include "rules.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

struct agent_group {
	const char *id, *name, *description, *match_os, *match_architecture, *match_cidr, *match_version;
	struct certctl_time created_at, updated_at;
};

static const struct certctl_field fields[] = {
	CERTCTL_OPTION(struct agent_group, id, CERTCTL_REFERENCE, .refers_to = "agent_group",
		.help = "Chosen by you, or made for you."),
	CERTCTL_OPTION(struct agent_group, name, CERTCTL_TEXT, .required = true, .min = 1, .max = 200,
		.flags = POLICY_NAMED, .help = "For people; no two groups have the same."),
	CERTCTL_OPTION(struct agent_group, description, CERTCTL_TEXT, .max = 2000, .flags = RESOURCE_SEARCHED,
		.help = "For people."),
	CERTCTL_OPTION(struct agent_group, match_os, CERTCTL_TEXT, .min = 1, .max = 100, .flags = RESOURCE_FILTERED,
		.help = "Operating system, as agents say it; unset: any."),
	CERTCTL_OPTION(struct agent_group, match_architecture, CERTCTL_TEXT, .min = 1, .max = 100,
		.flags = RESOURCE_FILTERED, .help = "As agents say it: x86_64; unset: any."),
	CERTCTL_OPTION(struct agent_group, match_cidr, CERTCTL_TEXT, .min = 1, .max = 50, .flags = RESOURCE_FILTERED,
		.help = "Network that the agent's address is in: 10.1.0.0/16; unset: any."),
	CERTCTL_OPTION(struct agent_group, match_version, CERTCTL_TEXT, .min = 1, .max = 50, .flags = RESOURCE_FILTERED,
		.help = "Of the agent: its beginning, 1.4, or a comparison, >=1.4; unset: any."),
	CERTCTL_OPTION(struct agent_group, created_at, CERTCTL_TIME, .flags = POLICY_SHOWN),
	CERTCTL_OPTION(struct agent_group, updated_at, CERTCTL_TIME, .flags = POLICY_SHOWN),
	{ 0 },
};

/* --- Conditions ------------------------------------------------------------------------------------------------------ */

static bool has_bits_behind(const unsigned char *address, size_t len, unsigned prefix)
{
	for (size_t bit = prefix; bit < len * 8; bit++)
		if (address[bit / 8] & 0x80 >> bit % 8)
			return true;
	return false;
}

bool policy_is_network(const char *text)
{
	char address[INET6_ADDRSTRLEN];
	unsigned char bytes[16];
	size_t len = strcspn(text, "/");
	const char *digits = text + len + 1;

	if (!text[len] || len >= sizeof(address) || !*digits || strspn(digits, "0123456789") != strlen(digits) ||
		strlen(digits) > 3 || (digits[0] == '0' && digits[1]))
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	unsigned long prefix = strtoul(digits, NULL, 10);

	if (inet_pton(AF_INET, address, bytes) == 1)
		return prefix <= 32 && !has_bits_behind(bytes, 4, (unsigned)prefix);
	return inet_pton(AF_INET6, address, bytes) == 1 && prefix <= 128 &&
	       !has_bits_behind(bytes, 16, (unsigned)prefix);
}

/* Numbers of at most nine digits between dots. */
static bool is_version(const char *text)
{
	for (;;) {
		size_t len = strspn(text, "0123456789");

		if (len == 0 || len > 9)
			return false;
		text += len;
		if (!*text)
			return true;
		if (*text++ != '.')
			return false;
	}
}

bool policy_is_version_condition(const char *text)
{
	static const char *const signs[] = { ">=", "<=", ">", "<", "=" };

	for (size_t i = 0; i < CERTCTL_COUNT(signs); i++)
		if (strncmp(text, signs[i], strlen(signs[i])) == 0)
			return is_version(text + strlen(signs[i]));
	return is_version(text);
}

static int check(struct resource_change *change, struct certctl_error *err)
{
	const struct agent_group *wanted = change->wanted;
	int rc = 0;

	if (wanted && wanted->match_cidr && !policy_is_network(wanted->match_cidr))
		rc = resource_problem(change, err, "match_cidr",
			"a network such as 10.1.0.0/16 expected, with nothing behind its prefix");
	if (wanted && wanted->match_version && !policy_is_version_condition(wanted->match_version))
		rc = resource_problem(change, err, "match_version",
			"a version such as 1.4, or a comparison such as >=1.4 expected");
	return rc;
}

static const struct resource_use uses[] = {
	{ "policy", "policies", "policies", "agent_group_id", NULL },
	{ 0 },
};

const struct resource policy_agent_groups = { .kind = "agent_group",
	.body = "AgentGroup",
	.path = "/api/v1/agent-groups",
	.id_prefix = "ag-",
	.table = "agent_groups",
	.fields = fields,
	.size = sizeof(struct agent_group),
	.verbs = RESOURCE_ALL,
	.read = PERMISSION_AGENTS_READ,
	.write = PERMISSION_AGENTS_WRITE,
	.is_stamped = true,
	.uses = uses,
	.check = check };

/* --- Members --------------------------------------------------------------------------------------------------------- */

static const struct certctl_field member_fields[] = {
	RESOURCE_SHOWN("id", CERTCTL_TEXT),
	RESOURCE_SHOWN("name", CERTCTL_TEXT),
	RESOURCE_SHOWN("status", CERTCTL_TEXT),
	RESOURCE_SHOWN("hostname", CERTCTL_TEXT),
	RESOURCE_SHOWN("os", CERTCTL_TEXT),
	RESOURCE_SHOWN("architecture", CERTCTL_TEXT),
	RESOURCE_SHOWN("version", CERTCTL_TEXT),
	RESOURCE_SHOWN("ip_address", CERTCTL_TEXT),
	RESOURCE_SHOWN("last_heartbeat_at", CERTCTL_TIME),
	{ 0 },
};
const struct http_body policy_member_body = { "AgentGroupMember", member_fields };

int policy_list_members(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	static const struct resource_list members = {
		.fields = member_fields, .query = &query_agent_group_members, .parent = "id"
	};
	struct db_result *rows = NULL;
	const char *id = http_path(request, "id");
	int rc = db_once(core_of(request)->db, request, &query_agent_group_exists, DB_VALUES(db_text(id)), &rows, err);

	if (rc == 0 && db_rows(rows) == 0)
		rc = certctl_fail(err, CERTCTL_E_NOT_FOUND, "agent group '%s' is not there", id);
	return rc < 0 ? rc : resource_reply_list(request, reply, core_of(request)->db, &members, err);
}
