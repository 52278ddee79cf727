#include "core/platform/config/secrets.h"
#include "reading.h"

static void a_secret_is_itself_or_what_a_file_holds(void)
{
	static const struct {
		const char *content; /* of the file "secret"; NULL: not there */
		const char *text, *expected;
	} rows[] = {
		{ NULL, "plain", "plain" },
		{ NULL, "with: colon", "with: colon" },
		{ "one", "file:%s/secret", "one" },
		{ "one\n", "file:%s/secret", "one" },
		{ "one\r\n", "file:%s/secret", "one" },
		{ "one\n\n", "file:%s/secret", "one\n" },
		{ " one ", "file:%s/secret", " one " },
		{ "one\n", "credential:secret", "one" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_secret secret = { 0 };
		struct test_reading reading;
		struct certctl_error err;
		char text[400];

		reading_init(&reading);
		if (rows[i].content)
			reading_write(&reading, "secret", rows[i].content);
		snprintf(text, sizeof(text), strncmp(rows[i].text, "file:", 5) == 0 ? "file:%s/secret" : "%s",
			strncmp(rows[i].text, "file:", 5) == 0 ? reading.folder : rows[i].text);
		ASSERT_OK(settings_secret(test_mem(), reading.folder, text, &secret, &err), err);
		CU_ASSERT_EQUAL(secret.len, strlen(rows[i].expected));
		ASSERT_TEXT((const char *)secret.data, rows[i].expected);
	}
}

static void a_reference_that_leads_nowhere_is_refused(void)
{
	static const struct {
		const char *text;
		int code;
		const char *words;
	} rows[] = {
		{ "file:", CERTCTL_E_INVALID, "absolute path" },
		{ "file:relative", CERTCTL_E_INVALID, "absolute path" },
		{ "file:/nonexistent/secret", CERTCTL_E_NOT_FOUND, "/nonexistent/secret" },
		{ "file:/", CERTCTL_E_INVALID, "not a regular file" },
		{ "file:/dev/null", CERTCTL_E_INVALID, NULL },
		{ "credential:", CERTCTL_E_INVALID, "a plain name" },
		{ "credential:.", CERTCTL_E_INVALID, "a plain name" },
		{ "credential:..", CERTCTL_E_INVALID, "a plain name" },
		{ "credential:../secret", CERTCTL_E_INVALID, "a plain name" },
		{ "credential:/etc/passwd", CERTCTL_E_INVALID, "a plain name" },
		{ "credential:missing", CERTCTL_E_NOT_FOUND, "missing" },
		{ "***", CERTCTL_E_INVALID, "the mask" },
	};
	struct test_reading reading;

	reading_init(&reading);
	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_secret secret = { 0 };
		struct certctl_error err;

		ASSERT_FAILS(settings_secret(test_mem(), reading.folder, rows[i].text, &secret, &err), rows[i].code,
			rows[i].words, err);
		CU_ASSERT_PTR_NULL(secret.data);
	}
}

static void without_a_folder_there_are_no_credentials(void)
{
	struct certctl_secret secret = { 0 };
	struct certctl_error err;

	ASSERT_FAILS(settings_secret(test_mem(), NULL, "credential:url", &secret, &err), CERTCTL_E_NOT_FOUND,
		"LoadCredential=", err);
}

static void files_that_are_no_secret_are_refused(void)
{
	struct certctl_secret secret = { 0 };
	struct test_reading reading;
	struct certctl_error err;
	char text[400], *large = talloc_zero_size(test_mem(), 100000);

	reading_init(&reading);
	snprintf(text, sizeof(text), "file:%s/secret", reading.folder);
	reading_write_bytes(&reading, "secret", "a\0b", 3);
	ASSERT_FAILS(settings_secret(test_mem(), NULL, text, &secret, &err), CERTCTL_E_INVALID, "NUL", err);
	reading_write(&reading, "secret", "\n");
	ASSERT_FAILS(settings_secret(test_mem(), NULL, text, &secret, &err), CERTCTL_E_INVALID, "empty", err);
	memset(large, 'x', 100000);
	reading_write_bytes(&reading, "secret", large, 100000);
	ASSERT_FAILS(settings_secret(test_mem(), NULL, text, &secret, &err), CERTCTL_E_LIMIT, NULL, err);
}

const struct test tests[] = {
	TEST(a_secret_is_itself_or_what_a_file_holds),
	TEST(a_reference_that_leads_nowhere_is_refused),
	TEST(without_a_folder_there_are_no_credentials),
	TEST(files_that_are_no_secret_are_refused),
	{ 0 },
};
