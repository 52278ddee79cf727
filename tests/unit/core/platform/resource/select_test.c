/* The members of a list that a client asks for. */
#include "core/platform/resource/resource.h"
#include "test.h"

#include <string.h>

static const struct certctl_field fields[] = {
	RESOURCE_SHOWN("id", CERTCTL_TEXT),
	RESOURCE_SHOWN("not_after", CERTCTL_TIME),
	RESOURCE_SHOWN("fingerprint_sha256", CERTCTL_TEXT),
	{ .name = "secret_words", .type = CERTCTL_TEXT, .flags = RESOURCE_WRITE_ONLY },
	{ 0 },
};

static const char *selected(const char *names)
{
	const struct certctl_field *rows = NULL;
	struct certctl_error err = { 0 };
	char *list = talloc_strdup(test_mem(), "");

	ASSERT_OK(resource_select(test_mem(), fields, names, &rows, &err), err);
	for (; rows && rows->name; rows++)
		list = talloc_asprintf_append(list, "%s ", rows->name);
	return list;
}

static void both_spellings_are_taken_and_the_order_is_the_tables(void)
{
	ASSERT_TEXT(selected("id"), "id ");
	ASSERT_TEXT(selected("not_after,id"), "id not_after ");
	ASSERT_TEXT(selected("notAfter,fingerprintSha256"), "not_after fingerprint_sha256 ");
	ASSERT_TEXT(selected("id,id"), "id ");
}

static void what_is_not_shown_is_refused(void)
{
	static const char *const names[] = { "", ",", "id,", ",id", "ids", "i", "Id", "not_After", "NotAfter",
		"notafter", "secret_words", "secretWords", "id, not_after", "*" };

	for (size_t i = 0; i < CERTCTL_COUNT(names); i++) {
		const struct certctl_field *rows = NULL;
		struct certctl_error err = { 0 };

		ASSERT_FAILS(resource_select(test_mem(), fields, names[i], &rows, &err), CERTCTL_E_INVALID,
			"fields: ", err);
		CU_ASSERT_PTR_NULL(rows);
	}
}

const struct test tests[] = { TEST(both_spellings_are_taken_and_the_order_is_the_tables),
	TEST(what_is_not_shown_is_refused), { 0 } };
