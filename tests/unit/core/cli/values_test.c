#include "core/cli/values.h"
#include "shop.h"

#include <certctl/files.h>
#include <certctl/json.h>
#include <fcntl.h>
#include <unistd.h>

static json_t *member(const char *path)
{
	const struct api *api = shop();

	return value_schema(api, api_verb(api_find(api, "jar-lids"), "create")->body, path);
}

static void words_are_read_as_the_schema_says(void)
{
	static const struct {
		const char *member, *text, *json;
	} rows[] = {
		{ "name", "8", "\"8\"" },
		{ "name", "@@home", "\"@home\"" },
		{ "turns", "8", "8" },
		{ "turns", "-9223372036854775808", "-9223372036854775808" },
		{ "tight", "true", "true" },
		{ "tight", NULL, "true" },
		{ "tight", "false", "false" },
		{ "shelf_ids", "a,b", "[\"a\",\"b\"]" },
		{ "shelf_ids", "[a, 'b,c']", "[\"a\",\"b,c\"]" },
		{ "shelf_ids", "", "[]" },
		{ "options", "{size: 8, colour: \"red\"}", "{\"size\":8,\"colour\":\"red\"}" },
		{ "options.size", "8", "8" },
		{ "options.colour", "8", "\"8\"" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		CERTCTL_AUTO(json_decref) json_t *value = NULL;
		struct certctl_error err = { 0 };

		ASSERT_OK(value_from_text(shop(), member(rows[i].member), "--x", rows[i].text, &value, &err), err);
		ASSERT_TEXT(certctl_json_text(test_mem(), value, NULL), rows[i].json);
	}
}

static void wrong_words_are_refused_by_name(void)
{
	static const struct {
		const char *member, *text;
	} rows[] = { { "turns", "8x" }, { "turns", "" }, { "turns", "99999999999999999999" }, { "tight", "yes" },
		{ "options", "8" }, { "options", "{" }, { "name", "\xff" }, { "secret", "hush" } };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_error err = { 0 };
		json_t *value = NULL;

		ASSERT_FAILS(value_from_text(shop(), member(rows[i].member), "--x", rows[i].text, &value, &err),
			CERTCTL_E_INVALID, "--x", err);
		CU_ASSERT_PTR_NULL(strstr(err.what, "hush"));
	}
}

static void files_give_long_values_and_secrets(void)
{
	char *path = talloc_asprintf(test_mem(), "%s/value", test_temporary_dir());
	char *word = talloc_asprintf(test_mem(), "@%s", path);
	CERTCTL_AUTO(json_decref) json_t *secret = NULL, *text = NULL;
	struct certctl_error err = { 0 };
	FILE *file = fopen(path, "we");

	fputs("hush\n", file);
	fclose(file);
	ASSERT_OK(value_from_text(shop(), member("secret"), "--secret", word, &secret, &err), err);
	ASSERT_TEXT(json_string_value(secret), "hush");
	ASSERT_OK(value_from_text(shop(), member("name"), "--name", word, &text, &err), err);
	ASSERT_TEXT(json_string_value(text), "hush\n");
}

static void members_of_members_are_put(void)
{
	CERTCTL_AUTO(json_decref) json_t *object = json_object();
	struct certctl_error err = { 0 };

	ASSERT_OK(value_put(object, "a.b.c", json_integer(1), &err), err);
	ASSERT_OK(value_put(object, "a.d", json_integer(2), &err), err);
	ASSERT_TEXT(certctl_json_text(test_mem(), object, NULL), "{\"a\":{\"b\":{\"c\":1},\"d\":2}}");
	ASSERT_FAILS(value_put(object, "a.", json_integer(2), &err), CERTCTL_E_INVALID, NULL, err);
}

static void cells_are_one_line(void)
{
	static const struct {
		const char *json, *cell;
	} rows[] = { { "null", "" }, { "\"a\"", "a" }, { "1", "1" }, { "true", "true" }, { "[\"a\",2]", "a,2" },
		{ "[]", "" }, { "{\"a\":1}", "{\"a\":1}" }, { "[{\"a\":1}]", "[{\"a\":1}]" } };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		CERTCTL_AUTO(json_decref) json_t *value = json_loads(rows[i].json, JSON_DECODE_ANY, NULL);

		ASSERT_TEXT(value_cell(test_mem(), value), rows[i].cell);
	}
}

const struct test tests[] = { TEST(words_are_read_as_the_schema_says), TEST(wrong_words_are_refused_by_name),
	TEST(files_give_long_values_and_secrets), TEST(members_of_members_are_put), TEST(cells_are_one_line), { 0 } };
