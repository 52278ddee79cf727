/* Settings: which source wins, and where the message points. */
#include "agent/shared/settings.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>

struct sample {
	const char *dir, *name;
	int64_t period_s;
};
static const struct certctl_field fields[] = {
	CERTCTL_OPTION(struct sample, dir, CERTCTL_PATH, .fallback = "/default", .env = "CERTCTL_TEST_DIR"),
	CERTCTL_OPTION(struct sample, name, CERTCTL_TEXT, .fallback = "nobody"),
	CERTCTL_OPTION(struct sample, period_s, CERTCTL_INTEGER, .fallback = "30", .min = 1, .max = 60),
	{ 0 },
};

static const char *write_file(const char *text)
{
	char *path = talloc_asprintf(test_mem(), "%s/settings.yaml", test_temporary_dir());
	FILE *file = fopen(path, "w");

	fputs(text, file);
	fclose(file);
	return path;
}

static int read_settings(const char *file, const json_t *command_line, bool is_required, struct sample *ret,
	struct certctl_error *err)
{
	struct certctl_settings_source source = {
		.file = file, .is_file_required = is_required, .command_line = command_line, .fields = fields
	};

	*ret = (struct sample){ 0 };
	return certctl_settings_read(test_mem(), &source, ret, err);
}

static void a_file_that_may_be_missing_gives_defaults(void)
{
	struct sample sample;
	struct certctl_error err = { 0 };

	ASSERT_OK(read_settings("/nowhere/settings.yaml", NULL, false, &sample, &err), err);
	ASSERT_TEXT(sample.dir, "/default");
	CU_ASSERT_EQUAL(sample.period_s, 30);
	ASSERT_FAILS(read_settings("/nowhere/settings.yaml", NULL, true, &sample, &err), CERTCTL_E_NOT_FOUND,
		"/nowhere", err);
}

static void a_file_of_comments_gives_defaults(void)
{
	struct sample sample;
	struct certctl_error err = { 0 };

	ASSERT_OK(read_settings(write_file("# dir: /x\n"), NULL, true, &sample, &err), err);
	ASSERT_TEXT(sample.dir, "/default");
}

static void command_line_wins_over_environment_over_file(void)
{
	const char *file = write_file("dir: /file\nname: file\n");
	CERTCTL_AUTO(json_decref) json_t *command_line = json_pack("{s:s}", "dir", "/line");
	struct sample sample;
	struct certctl_error err = { 0 };

	ASSERT_OK(read_settings(file, NULL, true, &sample, &err), err);
	ASSERT_TEXT(sample.dir, "/file");
	setenv("CERTCTL_TEST_DIR", "/environment", 1);
	ASSERT_OK(read_settings(file, NULL, true, &sample, &err), err);
	ASSERT_TEXT(sample.dir, "/environment");
	ASSERT_TEXT(sample.name, "file");
	ASSERT_OK(read_settings(file, command_line, true, &sample, &err), err);
	ASSERT_TEXT(sample.dir, "/line");
	unsetenv("CERTCTL_TEST_DIR");
}

static void a_bad_member_is_named_with_its_line(void)
{
	struct sample sample;
	struct certctl_error err = { 0 };

	ASSERT_FAILS(read_settings(write_file("name: x\nperiod_s: 90\n"), NULL, true, &sample, &err), CERTCTL_E_INVALID,
		"settings.yaml:2: period_s", err);
	ASSERT_FAILS(read_settings(write_file("name: x\nnme: y\n"), NULL, true, &sample, &err), CERTCTL_E_INVALID,
		"settings.yaml:2: nme", err);
	ASSERT_FAILS(read_settings(write_file("- a\n"), NULL, true, &sample, &err), CERTCTL_E_INVALID, "expected", err);
}

static void a_bad_option_of_the_command_line_names_no_file(void)
{
	CERTCTL_AUTO(json_decref) json_t *command_line = json_pack("{s:s}", "dir", "relative");
	struct sample sample;
	struct certctl_error err = { 0 };

	ASSERT_FAILS(read_settings(write_file("name: x\n"), command_line, true, &sample, &err), CERTCTL_E_INVALID,
		"dir", err);
	CU_ASSERT_NOT_EQUAL(err.what[0], '/');
}

const struct test tests[] = {
	TEST(a_file_that_may_be_missing_gives_defaults),
	TEST(a_file_of_comments_gives_defaults),
	TEST(command_line_wins_over_environment_over_file),
	TEST(a_bad_member_is_named_with_its_line),
	TEST(a_bad_option_of_the_command_line_names_no_file),
	{ 0 },
};
