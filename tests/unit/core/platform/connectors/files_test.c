/* connectors.d: what is read, and where a mistake is said to stand. */
#include "core/platform/connectors/files.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

static void put(const char *folder, const char *name, const char *text)
{
	FILE *file = fopen(talloc_asprintf(test_mem(), "%s/%s", folder, name), "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs(text, file);
	fclose(file);
}

static void files_are_read_in_the_order_of_their_names(void)
{
	const char *folder = test_temporary_dir();
	struct certctl_error err = { 0 };
	struct connector_files files = { 0 };

	put(folder, "20.yaml",
		"issuers:\n  - {id: iss-b, type: acme, name: Second, options: {a: [1, {b: \"x\\ny\"}]}}\n");
	put(folder, "10.yaml", "issuers:\n  - {id: iss-a, type: local-ca}\n");
	put(folder, "ignored.txt", "nonsense");
	ASSERT_OK(connector_files_read(test_mem(), folder, &files, &err), err);
	CU_ASSERT_EQUAL_FATAL(files.issuers.count, 2);
	const struct connector_file_row *rows = files.issuers.items;

	ASSERT_TEXT(rows[0].id, "iss-a");
	ASSERT_TEXT(rows[0].options, "{}");
	CU_ASSERT_PTR_NULL(rows[0].name);
	ASSERT_TEXT(rows[1].options, "{\"a\":[1,{\"b\":\"x\\ny\"}]}");
}

static void a_folder_that_is_not_there_is_empty(void)
{
	struct certctl_error err = { 0 };
	struct connector_files files = { 0 };

	ASSERT_OK(connector_files_read(test_mem(), "/nowhere", &files, &err), err);
	CU_ASSERT_EQUAL(files.issuers.count, 0);
}

static void mistakes_say_where_they_stand(void)
{
	static const struct {
		const char *text, *words;
	} rows[] = {
		{ "issuers:\n  - id: iss-a\n", "a.yaml:2:" },
		{ "issuers:\n  - {id: iss-a, type: x}\n  - {id: iss-a, type: x}\n", "twice" },
		{ "issuers:\n  - {id: ../etc, type: x}\n", "a.yaml:2:" },
		{ "issuers:\n  - {id: a, type: x, options: 3}\n", "an object expected" },
		{ "issuers:\n  - {id: a, type: x, colour: red}\n", "colour" },
		{ "issuers: {}\n", "a.yaml:1:" },
		{ "nonsense: []\n", "nonsense" },
		{ "notifiers:\n  - {id: a, type: x, rate_per_hour: 3}\n", "rate_per_hour" },
		{ "notifiers:\n  - {id: a, type: x}\n  - {id: b, type: x, events: [nothing]}\n", "a.yaml:3:" },
		{ "issuers:\n  - {id: a, type: x, unknown_hold_seconds: -1}\n", "unknown_hold_seconds" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		const char *folder = test_temporary_dir();
		struct certctl_error err = { 0 };
		struct connector_files files = { 0 };

		put(folder, "a.yaml", rows[i].text);
		ASSERT_FAILS(connector_files_read(test_mem(), folder, &files, &err), CERTCTL_E_INVALID, rows[i].words,
			err);
	}
}

const struct test tests[] = {
	TEST(files_are_read_in_the_order_of_their_names),
	TEST(a_folder_that_is_not_there_is_empty),
	TEST(mistakes_say_where_they_stand),
	{ 0 },
};
