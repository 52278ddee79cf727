#include "shop.h"

#include <stdio.h>
#include <string.h>

/* "list get ..." of a resource. */
static const char *verbs_of(const char *name)
{
	const struct api_resource *resource = api_find(shop(), name);
	char *text = talloc_strdup(test_mem(), "");

	for (size_t i = 0; resource && i < resource->count; i++)
		text = talloc_asprintf_append(text, "%s%s", i ? " " : "", resource->operations[i].verb);
	return text;
}

static void verbs_follow_from_paths_and_methods(void)
{
	static const struct {
		const char *resource, *verbs;
	} rows[] = {
		{ "health", "get" },
		{ "shelves", "list create get replace delete" },
		{ "jar-lids",
			"list create get patch turn turns notes notes-create notes-get notes-delete export-pem bulk-turn" },
		{ "spares", "list" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++)
		ASSERT_TEXT(verbs_of(rows[i].resource), rows[i].verbs);
}

static void what_is_not_for_people_is_left_out(void)
{
	static const char *const rows[] = { "agents", ".well-known", "later", "v2", "nothing" };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++)
		CU_ASSERT_PTR_NULL(api_find(shop(), rows[i]));
	CU_ASSERT_EQUAL(shop()->count, 4);
}

static void kinds_are_found_by_any_of_their_names(void)
{
	static const struct {
		const char *kind, *resource;
	} rows[] = { { "shelf", "shelves" }, { "Shelf", "shelves" }, { "shelves", "shelves" },
		{ "jar-lid", "jar-lids" }, { "JarLid", "jar-lids" }, { "jar_lids", "jar-lids" }, { "Lid", "jar-lids" },
		{ "cup", NULL } };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		const struct api_resource *found = api_find_kind(shop(), rows[i].kind);

		if (rows[i].resource)
			ASSERT_TEXT(found ? found->name : "none", rows[i].resource);
		else
			CU_ASSERT_PTR_NULL(found);
	}
}

static void operations_know_what_they_take_and_give(void)
{
	const struct api *api = shop();
	const struct api_resource *lids = api_find(api, "jar-lids");
	const struct api_operation *list = api_verb(api_find(api, "shelves"), "list"), *patch = api_verb(lids, "patch"),
				   *pem = api_verb(lids, "export-pem");

	CU_ASSERT_TRUE(list->is_list && list->is_many && !list->is_raw);
	ASSERT_TEXT(list->reply_name, "Shelf");
	CU_ASSERT_EQUAL(list->parameter_count, 2);
	CU_ASSERT_EQUAL(list->argument_count, 0);
	CU_ASSERT_PTR_NOT_NULL(api_parameter(list, "limit"));
	ASSERT_TEXT(patch->body_type, "application/merge-patch+json");
	CU_ASSERT_EQUAL(patch->argument_count, 1);
	CU_ASSERT_TRUE(pem->is_raw);
	CU_ASSERT_PTR_NULL(api_verb(lids, "turn")->body);
}

static void a_change_is_a_patch_where_there_is_one(void)
{
	const struct api *api = shop();

	ASSERT_TEXT(api_change(api_find(api, "jar-lids"))->verb, "patch");
	ASSERT_TEXT(api_change(api_find(api, "shelves"))->verb, "replace");
	CU_ASSERT_PTR_NULL(api_change(api_find(api, "spares")));
	CU_ASSERT_TRUE(api_is_declarable(api_find(api, "shelves")));
	CU_ASSERT_FALSE(api_is_declarable(api_find(api, "spares")));
	CU_ASSERT_FALSE(api_is_declarable(api_find(api, "health")));
}

static void what_is_referred_to_comes_first(void)
{
	const struct api *api = shop();

	CU_ASSERT_EQUAL(api_rank(api, api_find(api, "shelves")), 0);
	CU_ASSERT_EQUAL(api_rank(api, api_find(api, "jar-lids")), 1);
}

static void what_is_no_description_is_refused(void)
{
	struct certctl_error err = { 0 };
	struct api *api = NULL;

	ASSERT_FAILS(api_read(test_mem(), "{}", &api, &err), CERTCTL_E_INVALID, "no paths", err);
	ASSERT_FAILS(api_read(test_mem(), "{", &api, &err), CERTCTL_E_INVALID, NULL, err);
}

static void references_in_circles_end(void)
{
	struct certctl_error err = { 0 };
	struct api *api = NULL;

	ASSERT_OK(api_read(test_mem(), with_quotes("{'paths':{},'a':{'$ref':'#/a'}}"), &api, &err), err);
	CU_ASSERT_PTR_NOT_NULL(api_resolve(api, json_object_get(api->document, "a")));
}

static void the_built_in_description_has_what_the_product_is_about(void)
{
	static const struct {
		const char *resource, *verb;
	} rows[] = { { "certificates", "create" }, { "certificates", "renew" }, { "certificates", "versions" },
		{ "targets", "list" }, { "jobs", "get" }, { "audit", "export" }, { "version", "get" } };
	struct certctl_error err = { 0 };
	struct api *api = NULL;

	ASSERT_OK(api_read(test_mem(), api_document, &api, &err), err);
	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		const struct api_resource *resource = api_find(api, rows[i].resource);

		CU_ASSERT_PTR_NOT_NULL_FATAL(resource);
		CU_ASSERT_PTR_NOT_NULL(api_verb(resource, rows[i].verb));
	}
	/* Agents' routes are theirs alone. */
	CU_ASSERT_PTR_NULL(api_verb(api_find(api, "agents"), "heartbeat"));
}

const struct test tests[] = { TEST(verbs_follow_from_paths_and_methods), TEST(what_is_not_for_people_is_left_out),
	TEST(kinds_are_found_by_any_of_their_names), TEST(operations_know_what_they_take_and_give),
	TEST(a_change_is_a_patch_where_there_is_one), TEST(what_is_referred_to_comes_first),
	TEST(what_is_no_description_is_refused), TEST(references_in_circles_end),
	TEST(the_built_in_description_has_what_the_product_is_about), { 0 } };
