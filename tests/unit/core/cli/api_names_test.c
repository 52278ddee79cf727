#include "core/cli/api_names.h"
#include "test.h"

static void resources_are_called_as_their_path(void)
{
	static const struct {
		const char *path, *name;
	} rows[] = {
		{ "/api/v1/certificates", "certificates" },
		{ "/api/v1/certificates/{id}/renew", "certificates" },
		{ "/health", "health" },
		{ "/", NULL },
		{ "/api/v1/", NULL },
		{ "/api/v1/{id}", NULL },
		{ "/api/v2/later", NULL },
		{ "/.well-known/pki", NULL },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		char *name = api_resource_name(test_mem(), rows[i].path);

		if (rows[i].name)
			ASSERT_TEXT(name, rows[i].name);
		else
			CU_ASSERT_PTR_NULL(name);
	}
}

static void verbs_are_words_of_the_path_or_of_the_method(void)
{
	static const struct {
		const char *method, *path;
		bool is_list, is_shared;
		const char *verb;
	} rows[] = {
		{ "GET", "/api/v1/xs", true, false, "list" },
		{ "GET", "/api/v1/xs", false, false, "get" },
		{ "POST", "/api/v1/xs", true, true, "create" },
		{ "GET", "/api/v1/xs/{id}", false, false, "get" },
		{ "PUT", "/api/v1/xs/{id}", false, true, "replace" },
		{ "PATCH", "/api/v1/xs/{id}", false, true, "patch" },
		{ "DELETE", "/api/v1/xs/{id}", false, true, "delete" },
		{ "POST", "/api/v1/xs/{id}/renew", true, false, "renew" },
		{ "PUT", "/api/v1/xs/{id}/switch", false, false, "switch" },
		{ "GET", "/api/v1/xs/{id}/export/pem", false, false, "export-pem" },
		{ "GET", "/api/v1/xs/{id}/notes/{note}", false, false, "notes-get" },
		{ "POST", "/api/v1/xs/{id}/notes/{note}", false, false, "notes" },
		{ "DELETE", "/api/v1/xs/{id}/notes/{note}", false, true, "notes-delete" },
		{ "POST", "/api/v1/xs/{id}/notes", false, true, "notes-create" },
		{ "POST", "/api/v1/xs/bulk-renew", false, false, "bulk-renew" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++)
		ASSERT_TEXT(api_verb_name(test_mem(), rows[i].path, rows[i].method, rows[i].is_list, rows[i].is_shared),
			rows[i].verb);
}

static void one_of_many_has_a_name(void)
{
	static const struct {
		const char *many, *one;
	} rows[] = { { "certificates", "certificate" }, { "policies", "policy" }, { "agent-groups", "agent-group" },
		{ "addresses", "address" }, { "glass", "glass" }, { "audit", "audit" }, { "api-keys", "api-key" } };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++)
		ASSERT_TEXT(api_singular(test_mem(), rows[i].many), rows[i].one);
}

static void names_compare_without_signs_and_case(void)
{
	CU_ASSERT_TRUE(api_same_name("AgentGroup", "agent-group"));
	CU_ASSERT_TRUE(api_same_name("agent_group", "agent-group-"));
	CU_ASSERT_FALSE(api_same_name("agent-groups", "agent-group"));
	CU_ASSERT_FALSE(api_same_name("", "a"));
}

const struct test tests[] = { TEST(resources_are_called_as_their_path),
	TEST(verbs_are_words_of_the_path_or_of_the_method), TEST(one_of_many_has_a_name),
	TEST(names_compare_without_signs_and_case), { 0 } };
