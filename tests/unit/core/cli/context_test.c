#include "core/cli/context.h"
#include "test.h"

#include <certctl/files.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const variables[] = { "CERTCTL_URL", "CERTCTL_TOKEN", "CERTCTL_TOKEN_FILE", "CERTCTL_CA_FILE",
	"CERTCTL_CONTEXT" };

static char *write_file(const char *name, const char *text, mode_t mode)
{
	char *path = talloc_asprintf(test_mem(), "%s/%s", test_temporary_dir(), name);
	FILE *file = fopen(path, "we");

	fputs(text, file);
	fclose(file);
	chmod(path, mode);
	return path;
}

/* An empty environment, with a settings folder of this test's own. */
static void begin(const char *name)
{
	char *folder = talloc_asprintf(test_mem(), "%s/%s", test_temporary_dir(), name);

	for (size_t i = 0; i < CERTCTL_COUNT(variables); i++)
		unsetenv(variables[i]);
	mkdir(folder, 0700);
	setenv("XDG_CONFIG_HOME", folder, 1);
}

static void save_two(struct certctl_error *err)
{
	struct contexts *contexts = NULL;
	struct context rows[] = { { "prod", "https://prod:8443", "/etc/ca.pem", "/etc/prod.key" },
		{ "lab", "https://lab:8443", NULL, NULL } };

	ASSERT_OK(contexts_read(test_mem(), &contexts, err), *err);
	contexts->rows = rows;
	contexts->count = 2;
	contexts->current = "prod";
	ASSERT_OK(contexts_write(contexts, err), *err);
}

static void contexts_read_back_and_are_private(void)
{
	struct contexts *contexts = NULL;
	struct certctl_error err = { 0 };
	struct stat is;

	begin("a");
	save_two(&err);
	ASSERT_OK(contexts_read(test_mem(), &contexts, &err), err);
	CU_ASSERT_EQUAL(contexts->count, 2);
	ASSERT_TEXT(contexts->current, "prod");
	ASSERT_TEXT(contexts_find(contexts, "prod")->token_file, "/etc/prod.key");
	CU_ASSERT_PTR_NULL(contexts_find(contexts, "lab")->ca_file);
	CU_ASSERT_EQUAL(stat(talloc_asprintf(test_mem(), "%s/config.yaml", contexts->folder), &is), 0);
	CU_ASSERT_EQUAL(is.st_mode & 0777, 0600);
}

static void what_others_may_write_is_refused(void)
{
	struct contexts *contexts = NULL;
	struct certctl_error err = { 0 };

	begin("b");
	save_two(&err);
	chmod(talloc_asprintf(test_mem(), "%s/certctl/config.yaml", getenv("XDG_CONFIG_HOME")), 0620);
	ASSERT_FAILS(contexts_read(test_mem(), &contexts, &err), CERTCTL_E_INVALID, "others may write", err);
}

static void the_key_of_one_server_is_not_for_another(void)
{
	static const struct {
		struct cli_options options;
		const char *url_variable, *url, *token_file;
	} rows[] = {
		{ { 0 }, NULL, "https://prod:8443", "/etc/prod.key" },
		{ { .context = "lab" }, NULL, "https://lab:8443", NULL },
		{ { .url = "https://other:1/" }, NULL, "https://other:1", NULL },
		{ { 0 }, "https://variable:2", "https://variable:2", NULL },
		{ { .context = "prod" }, "https://variable:2", "https://prod:8443", "/etc/prod.key" },
		{ { .url = "https://other:1", .token_file = "/x" }, NULL, "https://other:1", "/x" },
	};
	struct certctl_error err = { 0 };

	begin("c");
	save_two(&err);
	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct context context = { 0 };

		unsetenv("CERTCTL_URL");
		if (rows[i].url_variable)
			setenv("CERTCTL_URL", rows[i].url_variable, 1);
		ASSERT_OK(context_choose(test_mem(), &rows[i].options, &context, &err), err);
		ASSERT_TEXT(context.url, rows[i].url);
		ASSERT_TEXT(context.token_file ? context.token_file : "none",
			rows[i].token_file ? rows[i].token_file : "none");
	}
}

static void a_server_must_be_named_and_be_https(void)
{
	static const struct {
		struct cli_options options;
		const char *words;
	} rows[] = { { { 0 }, "no server" }, { { .context = "nope" }, "nope" }, { { .url = "http://x:1" }, "url" },
		{ { .url = "x" }, "url" } };
	struct certctl_error err = { 0 };

	begin("d");
	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct context context = { 0 };

		ASSERT_FAILS(context_choose(test_mem(), &rows[i].options, &context, &err), CERTCTL_E_INVALID,
			rows[i].words, err);
	}
}

static void a_key_is_read_from_a_file_of_its_owner_alone(void)
{
	static const struct {
		mode_t mode;
		const char *text, *words;
	} rows[] = { { 0600, "sk-1\n", NULL }, { 0400, " \nsk", NULL }, { 0640, "sk-1", "others may read" },
		{ 0604, "sk-1", "others may read" }, { 0600, "\n", "a key expected" } };

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct context context = { .token_file = write_file("key", rows[i].text, rows[i].mode) };
		struct certctl_secret token = { 0 };
		struct certctl_error err = { 0 };

		if (rows[i].words)
			ASSERT_FAILS(context_token(test_mem(), &context, &token, &err), CERTCTL_E_INVALID,
				rows[i].words, err);
		else
			ASSERT_OK(context_token(test_mem(), &context, &token, &err), err);
		CU_ASSERT_EQUAL(token.data != NULL, rows[i].words == NULL);
	}
	begin("e");
	setenv("CERTCTL_TOKEN", "sk-2", 1);
	struct context none = { 0 };
	struct certctl_secret token = { 0 };
	struct certctl_error err = { 0 };

	ASSERT_OK(context_token(test_mem(), &none, &token, &err), err);
	CU_ASSERT_EQUAL(token.len, 4);
}

const struct test tests[] = { TEST(contexts_read_back_and_are_private), TEST(what_others_may_write_is_refused),
	TEST(the_key_of_one_server_is_not_for_another), TEST(a_server_must_be_named_and_be_https),
	TEST(a_key_is_read_from_a_file_of_its_owner_alone), { 0 } };
