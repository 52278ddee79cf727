#include "core/cli/arguments.h"
#include "shop.h"

#include <certctl/json.h>
#include <stdio.h>
#include <string.h>

/* Body, query and path of a verb with these words. */
static int read_words(const char *resource, const char *verb, bool is_edit, const char *const *words, struct cli *cli,
	struct arguments *ret, struct certctl_error *err)
{
	char *argv[12] = { (char *)"certctl x" };
	int argc = 1;

	*cli = (struct cli){ .mem = test_mem(), .api = shop() };
	for (; words[argc - 1]; argc++)
		argv[argc] = talloc_strdup(test_mem(), words[argc - 1]);
	return arguments_read(cli, api_verb(api_find(cli->api, resource), verb), is_edit, argc, argv, ret, err);
}

static void members_become_options(void)
{
	static const struct {
		const char *resource, *verb;
		bool is_edit;
		const char *words[6], *body, *query, *argument;
	} rows[] = {
		{ "jar-lids", "create", false, { "--name=a", "--turns=3", "--shelf-ids=s-1,s-2", "--tight" },
			"{\"name\":\"a\",\"turns\":3,\"shelf_ids\":[\"s-1\",\"s-2\"],\"tight\":true}", "{}", NULL },
		{ "jar-lids", "create", false, { "--set", "options.size=2", "--set", "options.colour=red" },
			"{\"options\":{\"size\":2,\"colour\":\"red\"}}", "{}", NULL },
		{ "jar-lids", "patch", true, { "l-1", "--name=", "--turns=" }, "{\"name\":null,\"turns\":null}", "{}",
			"l-1" },
		{ "jar-lids", "patch", false, { "--name=", "l-1" }, "{\"name\":\"\"}", "{}", "l-1" },
		{ "shelves", "list", false, { "--room=attic", "--limit=2" }, "none",
			"{\"room\":\"attic\",\"limit\":\"2\"}", NULL },
		{ "jar-lids", "turn", false, { "l-1" }, "none", "{}", "l-1" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_error err = { 0 };
		struct arguments arguments;
		struct cli cli;

		ASSERT_OK(read_words(rows[i].resource, rows[i].verb, rows[i].is_edit, rows[i].words, &cli, &arguments,
				  &err),
			err);
		json_t *body = arguments.call.body;

		ASSERT_TEXT(body ? certctl_json_text(test_mem(), body, NULL) : "none", rows[i].body);
		ASSERT_TEXT(certctl_json_text(test_mem(), arguments.call.query, NULL), rows[i].query);
		if (rows[i].argument)
			ASSERT_TEXT(arguments.call.arguments[0], rows[i].argument);
	}
}

static void options_win_over_a_file(void)
{
	char *path = talloc_asprintf(test_mem(), "%s/lid.yaml", test_temporary_dir());
	const char *const words[] = { "--name=option", "-f", path, NULL };
	struct certctl_error err = { 0 };
	struct arguments arguments;
	struct cli cli;
	FILE *file = fopen(path, "we");

	fputs("kind: lid\nname: file\nturns: 2\n", file);
	fclose(file);
	ASSERT_OK(read_words("jar-lids", "create", false, words, &cli, &arguments, &err), err);
	ASSERT_TEXT(certctl_json_text(test_mem(), arguments.call.body, NULL), "{\"name\":\"option\",\"turns\":2}");
}

static void options_of_the_run_are_taken_anywhere(void)
{
	static const char *const words[] = { "l-1", "--wait=90s", "-o", "json", "--dry-run", NULL };
	struct certctl_error err = { 0 };
	struct arguments arguments;
	struct cli cli;

	ASSERT_OK(read_words("jar-lids", "turn", false, words, &cli, &arguments, &err), err);
	CU_ASSERT_TRUE(cli.options.wants_wait && cli.options.is_dry_run);
	CU_ASSERT_EQUAL(cli.options.wait_s, 90);
	CU_ASSERT_EQUAL(cli.output.format, OUTPUT_JSON);
}

static void our_own_options_keep_their_names(void)
{
	ASSERT_TEXT(argument_flag(test_mem(), "target_ids"), "target-ids");
	ASSERT_TEXT(argument_flag(test_mem(), "dry_run"), "with-dry-run");
	ASSERT_TEXT(argument_flag(test_mem(), "file"), "with-file");
	ASSERT_TEXT(argument_flag(test_mem(), "url"), "with-url");
}

static void paths_carry_any_id_but_those_that_climb(void)
{
	static const struct {
		const char *id, *path;
	} rows[] = { { "l-1", "/api/v1/jar-lids/l-1/turn" }, { "a/b?c#d", "/api/v1/jar-lids/a%2Fb%3Fc%23d/turn" },
		{ "\xc3\xbc %", "/api/v1/jar-lids/%C3%BC%20%25/turn" }, { "..", NULL }, { ".", NULL }, { "", NULL },
		{ NULL, NULL } };
	const struct api *api = shop();

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct call call = { .operation = api_verb(api_find(api, "jar-lids"), "turn"),
			.arguments = { rows[i].id } };
		struct certctl_error err = { 0 };
		char *path = NULL;

		if (!rows[i].path) {
			ASSERT_FAILS(call_path(test_mem(), &call, &path, &err), CERTCTL_E_INVALID, "an id expected",
				err);
			continue;
		}
		ASSERT_OK(call_path(test_mem(), &call, &path, &err), err);
		ASSERT_TEXT(path, rows[i].path);
	}
	struct call list = { .operation = api_verb(api_find(api, "shelves"), "list"),
		.query = json_pack("{s:s, s:s}", "room", "a&b=c", "limit", "2") };
	struct certctl_error err = { 0 };
	char *path = NULL;

	ASSERT_OK(call_path(test_mem(), &list, &path, &err), err);
	ASSERT_TEXT(path, "/api/v1/shelves?room=a%26b%3Dc&limit=2");
	json_decref(list.query);
}

const struct test tests[] = { TEST(members_become_options), TEST(options_win_over_a_file),
	TEST(options_of_the_run_are_taken_anywhere), TEST(our_own_options_keep_their_names),
	TEST(paths_carry_any_id_but_those_that_climb), { 0 } };
