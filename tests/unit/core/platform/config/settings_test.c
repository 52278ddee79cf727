/* Settings: defaults, files, and where a mistake is said to stand. */
#include "core/platform/config/settings.h"
#include "test.h"

#include <certctl/log.h>
#include <stdio.h>
#include <string.h>

static const char *file_with(const char *text)
{
	char *path = talloc_asprintf(test_mem(), "%s/certctld.yaml", test_temporary_dir());
	FILE *file = fopen(path, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fputs(text, file);
	fclose(file);
	return path;
}

static void the_table_is_sound(void)
{
	struct certctl_error err = { 0 };

	ASSERT_OK(certctl_fields_check(settings_fields, sizeof(*settings_fields), sizeof(struct settings), &err), err);
}

static void defaults_are_complete(void)
{
	struct certctl_error err = { 0 };
	struct settings settings = { 0 };

	ASSERT_OK(settings_default(test_mem(), &settings, &err), err);
	ASSERT_TEXT(settings.state_dir, "/var/lib/certctl");
	ASSERT_TEXT(settings.listen, "0.0.0.0:8443");
	CU_ASSERT_PTR_NULL(settings.database_url);
	CU_ASSERT_EQUAL(settings.log_level, CERTCTL_LOG_INFO);
	ASSERT_OK(settings_find_programs(test_mem(), &settings, &err), err);
	ASSERT_TEXT(settings.connectors_dir, "/var/lib/certctl/connectors.d");
}

static void a_file_overrides_what_it_names(void)
{
	struct certctl_error err = { 0 };
	struct settings settings = { 0 };

	ASSERT_OK(settings_read(test_mem(), file_with("listen: '[::]:1443'\nlease_seconds: 9\n"), &settings, &err),
		err);
	ASSERT_TEXT(settings.listen, "[::]:1443");
	CU_ASSERT_EQUAL(settings.lease_seconds, 9);
	ASSERT_TEXT(settings.state_dir, "/var/lib/certctl");
}

static void mistakes_say_where_they_stand(void)
{
	static const struct {
		const char *text, *words;
	} rows[] = {
		{ "listen: '0.0.0.0:1'\nlease_seconds: 0\n", "certctld.yaml:2:" },
		{ "listen: '0.0.0.0:1'\n\nnonsense: 1\n", "certctld.yaml:3:" },
		{ "state_dir: relative\n", "state_dir" },
		{ "log_level: loud\n", "log_level" },
		{ "listen: [\n", "certctld.yaml:" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_error err = { 0 };
		struct settings settings = { 0 };

		ASSERT_FAILS(settings_read(test_mem(), file_with(rows[i].text), &settings, &err), CERTCTL_E_INVALID,
			rows[i].words, err);
	}
}

const struct test tests[] = {
	TEST(the_table_is_sound),
	TEST(defaults_are_complete),
	TEST(a_file_overrides_what_it_names),
	TEST(mistakes_say_where_they_stand),
	{ 0 },
};
