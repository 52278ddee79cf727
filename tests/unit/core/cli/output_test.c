#include "core/cli/output.h"
#include "core/cli/values.h"
#include "shop.h"

#include <certctl/json.h>
#include <certctl/yaml.h>
#include <stdlib.h>
#include <string.h>

static const char first_page[] =
	"[{'id':'s-1','room':'attic','width':1},{'id':'s-2','room':'=cellar\\tx','width':null}]";
static const char second_page[] = "[{'id':'s-3','room':'\\u202eattic','width':3}]";

static json_t *json(const char *text)
{
	return value_keep(test_mem(), json_loads(with_quotes(text), 0, NULL));
}

/* Two pages of shelves, as they are printed. */
static char *print_pages(enum output_format format, bool is_terminal, const char *fields, int pages)
{
	const struct api *api = shop();
	struct output output = { .format = format, .is_terminal = is_terminal, .fields = fields };
	struct output_rows *rows = NULL;
	struct certctl_error err = { 0 };
	char *text = NULL;
	size_t len = 0;

	output.to = open_memstream(&text, &len);
	ASSERT_OK(output_rows_begin(test_mem(), &output, api, api_verb(api_find(api, "shelves"), "list")->reply, &rows,
			  &err),
		err);
	if (pages > 0)
		ASSERT_OK(output_rows_add(rows, json(first_page), &err), err);
	if (pages > 1)
		ASSERT_OK(output_rows_add(rows, json(second_page), &err), err);
	if (pages == 0)
		ASSERT_OK(output_rows_add(rows, json("[]"), &err), err);
	ASSERT_OK(output_rows_end(rows, json("{'next_cursor':null}"), &err), err);
	fclose(output.to);
	char *copy = talloc_strdup(test_mem(), text);

	free(text);
	return copy;
}

static void a_pipe_gets_cells_and_tabs(void)
{
	ASSERT_TEXT(print_pages(OUTPUT_TABLE, false, "id,room", 2),
		"s-1\tattic\ns-2\t=cellar\\x09x\ns-3\t\\u202eattic\n");
	ASSERT_TEXT(print_pages(OUTPUT_TABLE, false, NULL, 0), "");
}

static void a_terminal_gets_a_head_and_nothing_to_obey(void)
{
	char *text = print_pages(OUTPUT_TABLE, true, "id,room,width", 2);

	CU_ASSERT_PTR_EQUAL(strstr(text, "ID"), text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "ROOM"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\\u202eattic"));
	CU_ASSERT_PTR_NULL(strstr(text, "\xe2\x80\xae"));
	CU_ASSERT_PTR_NULL(strchr(text, '\t'));
}

static void columns_are_those_that_tell_most(void)
{
	const struct api *api = shop();
	json_t *lid = api_verb(api_find(api, "jar-lids"), "list")->reply;
	const char **few = output_columns(test_mem(), api, lid, NULL, false, NULL),
		   **all = output_columns(test_mem(), api, lid, NULL, true, NULL),
		   **named = output_columns(test_mem(), api, lid, "shelfIds,name", false, NULL);

	ASSERT_TEXT(few[0], "id");
	ASSERT_TEXT(few[1], "name");
	CU_ASSERT_PTR_NULL(few[2]);
	ASSERT_TEXT(all[2], "shelf_ids");
	ASSERT_TEXT(named[0], "shelf_ids");
	ASSERT_TEXT(named[1], "name");
}

static void json_of_pages_is_one_list(void)
{
	for (int pages = 0; pages <= 2; pages++) {
		struct certctl_error err = { 0 };
		CERTCTL_AUTO(json_decref) json_t *value = NULL;
		char *text = print_pages(OUTPUT_JSON, false, NULL, pages);

		ASSERT_OK(certctl_json_parse(text, strlen(text), NULL, &value, &err), err);
		CU_ASSERT_EQUAL(json_array_size(json_object_get(value, "data")), (size_t)(pages == 2 ? 3 : pages * 2));
		CU_ASSERT_TRUE(json_is_null(json_object_get(value, "next_cursor")));
	}
}

static void yaml_of_pages_is_one_document(void)
{
	for (int pages = 0; pages <= 2; pages++) {
		struct certctl_error err = { 0 };
		struct certctl_yaml *yaml = NULL;
		char *text = print_pages(OUTPUT_YAML, false, NULL, pages);

		ASSERT_OK(certctl_yaml_parse(test_mem(), "f", text, strlen(text), NULL, &yaml, &err), err);
		CU_ASSERT_EQUAL(json_array_size(json_object_get(yaml->root, "data")),
			(size_t)(pages == 2 ? 3 : pages * 2));
	}
}

static void csv_has_one_head_and_every_member(void)
{
	ASSERT_TEXT(print_pages(OUTPUT_CSV, false, NULL, 2),
		"\"id\",\"room\",\"made_at\"\r\n\"s-1\",\"attic\",\"\"\r\n\"s-2\",\"'=cellar\tx\",\"\"\r\n"
		"\"s-3\",\"\xe2\x80\xae"
		"attic\",\"\"\r\n");
}

static char *print_one(enum output_format format, const char *value)
{
	struct output output = { .format = format };
	struct certctl_error err = { 0 };
	char *text = NULL;
	size_t len = 0;

	output.to = open_memstream(&text, &len);
	ASSERT_OK(output_value(&output, shop(), NULL, json(value), &err), err);
	fclose(output.to);
	char *copy = talloc_strdup(test_mem(), text);

	free(text);
	return copy;
}

static void one_thing_is_lines_of_name_and_value(void)
{
	ASSERT_TEXT(print_one(OUTPUT_TABLE, "{'id':'a','list':['x','y'],'none':null}"), "id\ta\nlist\tx,y\nnone\t\n");
	ASSERT_TEXT(print_one(OUTPUT_YAML, "{'id':'a'}"), "id: a\n");
	ASSERT_TEXT(print_one(OUTPUT_CSV, "{'id':'a'}"), "\"id\"\r\n\"a\"\r\n");
}

static void a_list_of_things_is_a_table_below(void)
{
	ASSERT_TEXT(print_one(OUTPUT_TABLE, "{'checks':[{'name':'a','ok':true},{'name':'b','ok':false}],'ok':false}"),
		"ok\tfalse\nchecks\na\ttrue\nb\tfalse\n");
}

static void what_explains_itself_is_shown_as_words(void)
{
	ASSERT_TEXT(print_one(OUTPUT_TABLE, "{'id':'a','text':'It waits.\\nFor you.'}"), "It waits.\nFor you.\n");
	ASSERT_TEXT(print_one(OUTPUT_TABLE, "{'status':'Active','sentences':['It waits.','For you.']}"),
		"It waits.\nFor you.\n");
	ASSERT_TEXT(print_one(OUTPUT_JSON, "{'text':'x'}"), "{\n  \"text\": \"x\"\n}\n");
}

const struct test tests[] = { TEST(a_pipe_gets_cells_and_tabs), TEST(a_terminal_gets_a_head_and_nothing_to_obey),
	TEST(columns_are_those_that_tell_most), TEST(json_of_pages_is_one_list), TEST(yaml_of_pages_is_one_document),
	TEST(csv_has_one_head_and_every_member), TEST(one_thing_is_lines_of_name_and_value),
	TEST(what_explains_itself_is_shown_as_words), TEST(a_list_of_things_is_a_table_below), { 0 } };
