/* Roles, and the page that tells operators of them. */
#include "core/features/access/roles.h"
#include "test.h"

#include <certctl/files.h>
#include <string.h>

static void a_limit_takes_permissions_and_gives_none(void)
{
	static const char *const roles[] = { "admin", "operator", "viewer", "auditor" };

	for (size_t i = 0; i < CERTCTL_COUNT(roles); i++) {
		uint64_t whole = access_permissions(roles[i], NULL),
			 limited = access_permissions(roles[i], "{\"teams\": [\"t-a\"]}"),
			 narrow = access_permissions(roles[i], "{\"issuers\": [\"teams\"]}");

		CU_ASSERT_EQUAL(limited & ~whole, 0);
		CU_ASSERT_EQUAL(limited & (PERMISSION_AUDIT_READ | PERMISSION_KEYS_READ | PERMISSION_KEYS_WRITE), 0);
		CU_ASSERT_TRUE(limited & PERMISSION_CERTIFICATES_READ);
		CU_ASSERT_EQUAL(limited & PERMISSION_ORGANIZATION_WRITE, whole & PERMISSION_ORGANIZATION_WRITE);
		CU_ASSERT_EQUAL(narrow, limited & ~PERMISSION_ORGANIZATION_WRITE);
		/* Nobody is a fleet's agent or the public by a role. */
		CU_ASSERT_EQUAL(whole & (HTTP_PERMISSION_PUBLIC | HTTP_PERMISSION_AGENT), 0);
		ASSERT_TEXT(access_role_name((int)i + 1), roles[i]);
	}
	CU_ASSERT_EQUAL(access_permissions("root", NULL), 0);
	CU_ASSERT_EQUAL(access_permissions("", NULL), 0);
}

static void only_an_admin_makes_keys(void)
{
	ASSERT_TEXT(access_roles(test_mem(), PERMISSION_KEYS_WRITE), "admin");
	ASSERT_TEXT(access_roles(test_mem(), PERMISSION_KEYS_READ), "admin, auditor");
	ASSERT_TEXT(access_roles(test_mem(), PERMISSION_CERTIFICATES_WRITE), "admin, operator");
}

static void every_permission_has_a_name(void)
{
	struct certctl_buffer out;
	struct certctl_error err = { 0 };

	for (unsigned bit = 2; bit <= 24; bit++) {
		certctl_buffer_init(&out, test_mem(), 4096);
		access_permissions_write(&out, UINT64_C(1) << bit);
		ASSERT_OK(certctl_buffer_finish(&out, &err), err);
		CU_ASSERT_TRUE(out.len > 4);
	}
}

static void the_page_for_operators_has_this_very_table(void)
{
	struct certctl_error err = { 0 };
	struct certctl_buffer out;
	char *page = NULL;
	size_t len = 0;

	certctl_buffer_init(&out, test_mem(), 65536);
	access_roles_table(&out);
	ASSERT_OK(certctl_buffer_finish(&out, &err), err);
	ASSERT_OK(certctl_file_read_path(test_mem(),
			  talloc_asprintf(test_mem(), "%s/docs/operator/access.md", test_source_dir()), 1 << 20, &page,
			  &len, &err),
		err);
	CU_ASSERT_PTR_NOT_NULL(page && strstr(page, out.data) ? page : NULL);
	if (page && !strstr(page, out.data))
		fprintf(stderr, "docs/operator/access.md should have:\n%s", out.data);
}

const struct test tests[] = {
	TEST(a_limit_takes_permissions_and_gives_none),
	TEST(only_an_admin_makes_keys),
	TEST(every_permission_has_a_name),
	TEST(the_page_for_operators_has_this_very_table),
	{ 0 },
};
