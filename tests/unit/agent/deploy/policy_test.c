#include "fixture.h"

#include <agent/deploy/policy.h>
#include <agent/deploy/record.h>

static const char *const paths[] = { "/etc/nginx/certs", "/srv/one.pem", "/opt/tls/", NULL };
static const char *const reload[] = { "/usr/sbin/nginx", "-s", "reload", NULL };
static const char *const *const commands[] = { reload, NULL };
static const struct certctl_deploy_policy policy = { paths, commands };

static void paths_lie_at_or_below_a_row(void)
{
	static const struct {
		const char *path, *store;
		int expected;
	} rows[] = {
		{ "/etc/nginx/certs/a.pem", "/etc/nginx/certs/.certctl/b", 0 },
		{ "/opt/tls/a.pem", "/opt/tls/.certctl/b", 0 },
		{ "/etc/nginx/certsx/a.pem", "/etc/nginx/certs/.certctl/b", CERTCTL_E_DENIED },
		{ "/etc/nginx/a.pem", "/etc/nginx/certs/.certctl/b", CERTCTL_E_DENIED },
		{ "/srv/one.pem", "/etc/nginx/certs/.certctl/b", 0 },
		{ "/srv/one.pem", "/srv/.certctl/b", CERTCTL_E_DENIED },
		{ "/srv/one.pem2", "/etc/nginx/certs/.certctl/b", CERTCTL_E_DENIED },
		{ "/etc/nginx/certs/../x", "/etc/nginx/certs/.certctl/b", CERTCTL_E_INVALID },
		{ "/etc/nginx/certs//x", "/etc/nginx/certs/.certctl/b", CERTCTL_E_INVALID },
		{ "etc/nginx/certs/x", "/etc/nginx/certs/.certctl/b", CERTCTL_E_INVALID },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct deploy_file file = { .path = rows[i].path };
		struct deploy_entry entry = { .store = rows[i].store, .files = { 1, &file } };

		CU_ASSERT_EQUAL(deploy_policy_check(&policy, &entry, &err), rows[i].expected);
	}
}

static void commands_are_those_of_the_list(void)
{
	static const char *no_command[] = { "/bin/sh", "-c", "nginx -s reload" };
	struct deploy_entry entry = { .store = "/etc/nginx/certs/.certctl/b", .activate = { 3, (void *)reload } };

	ASSERT_OK(deploy_policy_check(&policy, &entry, &err), err);
	entry.activate.count = 2;
	ASSERT_FAILS(deploy_policy_check(&policy, &entry, &err), CERTCTL_E_DENIED, "activate: command is not permitted",
		err);
	entry.activate = (struct certctl_list){ 0 };
	entry.validate = (struct certctl_list){ 3, no_command };
	ASSERT_FAILS(deploy_policy_check(&policy, &entry, &err), CERTCTL_E_DENIED, "validate: command is not permitted",
		err);
}

static void an_empty_policy_permits_nothing(void)
{
	const struct certctl_deploy_policy empty = { 0 };
	struct deploy_entry entry = { .store = "/etc/.certctl/b" };

	ASSERT_FAILS(deploy_policy_check(&empty, &entry, &err), CERTCTL_E_DENIED, "/etc/.certctl/b", err);
}

const struct test tests[] = {
	TEST(paths_lie_at_or_below_a_row),
	TEST(commands_are_those_of_the_list),
	TEST(an_empty_policy_permits_nothing),
	{ 0 },
};
