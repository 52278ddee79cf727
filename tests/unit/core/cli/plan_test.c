#include "core/cli/plan.h"
#include "core/cli/values.h"
#include "shop.h"

#include <certctl/json.h>

static json_t *json(const char *text)
{
	struct certctl_error err = { 0 };
	json_t *value = NULL;
	char *quoted = with_quotes(text);

	ASSERT_OK(certctl_json_parse(quoted, strlen(quoted), NULL, &value, &err), err);
	return value_keep(test_mem(), value);
}

static const char *text_of(json_t *value)
{
	char *text = value ? certctl_json_text(test_mem(), value, NULL) : talloc_strdup(test_mem(), "none");

	for (char *at = text; *at; at++)
		if (*at == '"')
			*at = '\'';
	return text;
}

static void documents_become_requests(void)
{
	static const struct {
		const char *kind, *document, *there;
		enum plan_action action;
		const char *body;
	} rows[] = {
		{ "shelf", "{'kind':'shelf','id':'s-1','room':'attic'}", NULL, PLAN_CREATE,
			"{'id':'s-1','room':'attic'}" },
		{ "shelf", "{'kind':'shelf','id':'s-1','room':'attic'}",
			"{'id':'s-1','room':'attic','width':80,'made_at':null}", PLAN_NOTHING, "none" },
		/* A whole is put: what the document does not name stays. */
		{ "shelf", "{'kind':'shelf','id':'s-1','room':'cellar'}",
			"{'id':'s-1','room':'attic','width':90,'made_at':'x'}", PLAN_CHANGE,
			"{'id':'s-1','room':'cellar','width':90}" },
		/* A patch has only what differs. */
		{ "jar-lid", "{'kind':'jar-lid','id':'l','name':'a','turns':2}",
			"{'id':'l','name':'a','turns':1,'tight':true}", PLAN_CHANGE, "{'turns':2}" },
		{ "jar-lid", "{'kind':'jar-lid','id':'l','turns':null}", "{'id':'l','name':'a','turns':1}", PLAN_CHANGE,
			"{'turns':null}" },
		{ "jar-lid", "{'kind':'jar-lid','id':'l','turns':null}", "{'id':'l','name':'a'}", PLAN_NOTHING,
			"none" },
		/* One value, written in two ways. */
		{ "jar-lid", "{'kind':'jar-lid','id':'l','made_at':'2026-01-01T01:00:00+01:00','keeps':'1h'}",
			"{'id':'l','made_at':'2026-01-01T00:00:00Z','keeps':'60m'}", PLAN_NOTHING, "none" },
		/* Members of objects that the server fills in do not count. */
		{ "jar-lid", "{'kind':'jar-lid','id':'l','options':{'size':1}}",
			"{'id':'l','options':{'size':1,'colour':'red'}}", PLAN_NOTHING, "none" },
		{ "jar-lid", "{'kind':'jar-lid','id':'l','secret':'***'}", "{'id':'l','secret':'***'}", PLAN_NOTHING,
			"none" },
		{ "jar-lid", "{'kind':'jar-lid','id':'l','shelf_ids':['a','b']}", "{'id':'l','shelf_ids':['a']}",
			PLAN_CHANGE, "{'shelf_ids':['a','b']}" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		const struct api *api = shop();
		struct certctl_error err = { 0 };
		struct plan plan = { 0 };

		ASSERT_OK(plan_make(test_mem(), api, api_find_kind(api, rows[i].kind), json(rows[i].document),
				  rows[i].there ? json(rows[i].there) : NULL, &plan, &err),
			err);
		CU_ASSERT_EQUAL(plan.action, rows[i].action);
		ASSERT_TEXT(text_of(plan.body), rows[i].body);
	}
}

static void secrets_are_sent_again_and_count_as_unchanged(void)
{
	const struct api *api = shop();
	struct certctl_error err = { 0 };
	struct plan plan = { 0 };

	ASSERT_OK(plan_make(test_mem(), api, api_find_kind(api, "lid"), json("{'kind':'lid','id':'l','secret':'hush'}"),
			  json("{'id':'l','secret':'***'}"), &plan, &err),
		err);
	CU_ASSERT_EQUAL(plan.action, PLAN_CHANGE);
	CU_ASSERT_TRUE(plan.is_secrets_only);
	ASSERT_TEXT(text_of(plan.changes), "{}");
	ASSERT_TEXT(text_of(plan.body), "{'secret':'hush'}");
}

static void changes_never_show_a_secret(void)
{
	const struct api *api = shop();
	struct certctl_error err = { 0 };
	struct plan plan = { 0 };

	ASSERT_OK(plan_make(test_mem(), api, api_find_kind(api, "lid"),
			  json("{'kind':'lid','id':'l','name':'a','secret':'hush'}"), NULL, &plan, &err),
		err);
	CU_ASSERT_PTR_NULL(strstr(text_of(plan.changes), "hush"));
}

static void a_mask_makes_no_new_thing(void)
{
	const struct api *api = shop();
	struct certctl_error err = { 0 };
	struct plan plan = { 0 };

	ASSERT_FAILS(plan_make(test_mem(), api, api_find_kind(api, "lid"),
			     json("{'kind':'lid','id':'l','name':'a','options':{'token':'***'}}"), NULL, &plan, &err),
		CERTCTL_E_INVALID, "options", err);
}

static void subjects_need_a_kind_and_an_id(void)
{
	static const struct {
		const char *document, *words;
	} rows[] = { { "{'id':'a'}", "kind" }, { "{'kind':'cup','id':'a'}", "cup" },
		{ "{'kind':'spare','id':'a'}", "spare" }, { "{'kind':'shelf'}", "id" } };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		const struct api_resource *resource;
		struct certctl_error err = { 0 };
		const char *id;

		ASSERT_FAILS(plan_subject(shop(), json(rows[i].document), &resource, &id, &err), CERTCTL_E_INVALID,
			rows[i].words, err);
	}
}

static void edits_become_the_smallest_request(void)
{
	static const struct {
		const char *kind, *before, *after, *body;
	} rows[] = {
		{ "lid", "{'name':'a','turns':1}", "{'name':'a','turns':1}", "{}" },
		{ "lid", "{'name':'a','turns':1}", "{'name':'b'}", "{'name':'b','turns':null}" },
		{ "lid", "{'options':{'size':1,'token':'***'}}", "{'options':{'size':2,'token':'***'}}",
			"{'options':{'size':2}}" },
		{ "shelf", "{'room':'attic','width':1}", "{'room':'attic','width':2}", "{'room':'attic','width':2}" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		const struct api *api = shop();
		const struct api_operation *change = api_change(api_find_kind(api, rows[i].kind));

		ASSERT_TEXT(text_of(plan_body(test_mem(), api, change, json(rows[i].before), json(rows[i].after))),
			rows[i].body);
	}
}

static void an_export_has_what_the_api_takes_back(void)
{
	const struct api *api = shop();
	const struct api_operation *maker = plan_maker(api_find(api, "shelves"));

	ASSERT_TEXT(text_of(plan_document(test_mem(), maker,
			    json("{'id':'s','room':'attic','width':null,'made_at':'2026-01-01T00:00:00Z'}"))),
		"{'id':'s','room':'attic'}");
}

const struct test tests[] = { TEST(documents_become_requests), TEST(secrets_are_sent_again_and_count_as_unchanged),
	TEST(changes_never_show_a_secret), TEST(a_mask_makes_no_new_thing), TEST(subjects_need_a_kind_and_an_id),
	TEST(edits_become_the_smallest_request), TEST(an_export_has_what_the_api_takes_back), { 0 } };
