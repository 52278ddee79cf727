#include "core/cli/documents.h"
#include "test.h"

#include <certctl/json.h>
#include <string.h>

static void several_documents_are_told_apart(void)
{
	static const struct {
		const char *text, *shown;
	} rows[] = {
		{ "a: 1\n", "f:1 {\"a\":1}" },
		{ "---\na: 1\n---\nb: 2\n", "f:2 {\"a\":1}; f:4 {\"b\":2}" },
		{ "# nothing\n---\n\n---\n# more\nb: 2\n...\n", "f:6 {\"b\":2}" },
		{ "a: |\n  ---\n  x\n--- # next\nb: 2", "f:1 {\"a\":\"---\\nx\\n\"}; f:5 {\"b\":2}" },
		{ "{\"a\": 1}", "f:1 {\"a\":1}" },
		{ "[{\"a\": 1}, {\"b\": 2}]", "f:1 {\"a\":1}; f:1 {\"b\":2}" },
		{ "", "" },
		{ "---\n---\n", "" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct documents *documents = NULL;
		struct certctl_error err = { 0 };
		char *shown = talloc_strdup(test_mem(), "");

		ASSERT_OK(documents_parse(test_mem(), "f", rows[i].text, strlen(rows[i].text), &documents, &err), err);
		for (size_t j = 0; documents && j < documents->count; j++)
			shown = talloc_asprintf_append(shown, "%s%s %s", j ? "; " : "", documents->rows[j].place,
				certctl_json_text(test_mem(), documents->rows[j].content, NULL));
		ASSERT_TEXT(shown, rows[i].shown);
	}
}

static void mistakes_are_told_with_their_line(void)
{
	static const struct {
		const char *text, *words;
	} rows[] = { { "a: 1\n---\nb: [\n", "f:" }, { "a: 1\n---\n- x\n", "f:3: a mapping" }, { "{\"a\"", "f" },
		{ "[1]", "a mapping" }, { "a: 1\n---\na: 1\na: 2\n", "f:4:" } };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct documents *documents = NULL;
		struct certctl_error err = { 0 };

		ASSERT_FAILS(documents_parse(test_mem(), "f", rows[i].text, strlen(rows[i].text), &documents, &err),
			CERTCTL_E_INVALID, rows[i].words, err);
	}
}

const struct test tests[] = { TEST(several_documents_are_told_apart), TEST(mistakes_are_told_with_their_line), { 0 } };
