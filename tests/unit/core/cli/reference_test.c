#include "core/cli/reference.h"
#include "shop.h"

#include <certctl/files.h>
#include <string.h>

static void the_page_has_what_the_description_has(void)
{
	char *path = talloc_asprintf(test_mem(), "%s/docs/reference/cli.md", test_source_dir());
	struct certctl_error err = { 0 };
	struct certctl_buffer expected;
	struct api *api = NULL;
	char *page = NULL;
	size_t len;

	certctl_buffer_init(&expected, test_mem(), 4 << 20);
	ASSERT_OK(api_read(test_mem(), api_document, &api, &err), err);
	reference_markdown(api, &expected);
	ASSERT_OK(certctl_buffer_finish(&expected, &err), err);
	ASSERT_OK(certctl_file_read_path(test_mem(), path, 4 << 20, &page, &len, &err), err);
	char *start = strstr(page, "<!-- verbs -->\n"), *end = strstr(page, "\n<!-- end of verbs -->");

	CU_ASSERT_FATAL(start && end && start < end);
	*end = '\0';
	/* When this fails: cmake --build ... --target reference */
	CU_ASSERT_STRING_EQUAL(start + strlen("<!-- verbs -->\n"), expected.data);
}

static void a_verb_is_a_row_with_its_options(void)
{
	struct certctl_error err = { 0 };
	struct certctl_buffer page, manual;

	certctl_buffer_init(&page, test_mem(), 1 << 20);
	certctl_buffer_init(&manual, test_mem(), 1 << 20);
	reference_markdown(shop(), &page);
	reference_manual(shop(), &manual);
	ASSERT_OK(certctl_buffer_finish(&page, &err), err);
	ASSERT_OK(certctl_buffer_finish(&manual, &err), err);
	CU_ASSERT_PTR_NOT_NULL(strstr(page.data, "| `shelves list` | List shelves | `--room` `--limit` `--all` |\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(page.data, "| `jar-lids turn ID` | Turn it |  |\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(page.data, "In files: `kind: jar-lid`."));
	CU_ASSERT_PTR_NOT_NULL(strstr(manual.data, "*certctl shelves get* _ID_\n\tGet a shelf.\n"));
}

const struct test tests[] = { TEST(the_page_has_what_the_description_has), TEST(a_verb_is_a_row_with_its_options),
	{ 0 } };
