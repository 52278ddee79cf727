#include "test.h"

#include <certctl/exec.h>
#include <string.h>

static const char *joined(char **words)
{
	char *text = talloc_strdup(test_mem(), "");

	for (; *words; words++)
		text = talloc_asprintf_append(text, "[%s]", *words);
	return text;
}

/* What a shell makes of the same text is the measure. */
static void words_are_those_of_a_shell(void)
{
	static const char *const rows[] = {
		"/bin/true",
		"  /usr/sbin/nginx\t-t -c /etc/nginx/nginx.conf \n",
		"'a b' \"c d\" e\\ f",
		"a'b'\"c\"d",
		"'' \"\" x",
		"\"a\\\"b\\\\c\\$d\\`e\\f\"",
		"'a\\b\"c'",
		"a\\'b \\\\ \\\"",
		"one \\\n two\\\nthree \\\n",
		"\"x\\\ny\" \"\\\\\nz\"",
		"--flag=value -x=/a:b,c%d@e+f",
		"a#b 'c;d' \"e|f&g\"",
		"caf\xc3\xa9 \"\xe2\x82\xac\"",
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		char *script = talloc_asprintf(test_mem(), "set -f; printf '[%%s]' %s", rows[i]);
		const char *argv[] = { "/bin/sh", "-c", script, NULL };
		struct certctl_command_result result = { 0 };
		struct certctl_error err;
		char **words = NULL;

		ASSERT_OK(certctl_command_run(test_mem(), &(struct certctl_command){ .argv = argv }, NULL, NULL,
				  &result, &err),
			err);
		ASSERT_OK(certctl_command_split(test_mem(), rows[i], &words, &err), err);
		ASSERT_TEXT(joined(words), result.output);
	}
}

static void what_only_a_shell_could_do_is_refused(void)
{
	static const struct {
		const char *text, *words;
	} rows[] = {
		{ "", "empty" },
		{ " \t\n", "empty" },
		{ "a 'b", "column 3: this quote" },
		{ "a \"b", "column 3: this quote" },
		{ "a\\", "backslash" },
		{ "nginx -t && systemctl reload nginx", "column 10: '&'" },
		{ "a; b", "';'" },
		{ "a | b", "'|'" },
		{ "a > /etc/passwd", "'>'" },
		{ "a < b", "'<'" },
		{ "echo $HOME", "'$'" },
		{ "echo \"$HOME\"", "'$'" },
		{ "echo `id`", "'`'" },
		{ "echo \"`id`\"", "'`'" },
		{ "(a)", "'('" },
		{ "a # comment", "'#'" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_error err;
		char **words = NULL;

		ASSERT_FAILS(certctl_command_split(test_mem(), rows[i].text, &words, &err), CERTCTL_E_INVALID,
			rows[i].words, err);
		CU_ASSERT_PTR_NULL(words);
	}
}

static void endless_commands_are_refused(void)
{
	char *text = talloc_strdup(test_mem(), "");
	struct certctl_error err;
	char **words = NULL;

	for (int i = 0; i < 1025; i++)
		text = talloc_strdup_append_buffer(text, "w ");
	ASSERT_FAILS(certctl_command_split(test_mem(), text, &words, &err), CERTCTL_E_LIMIT, "1024 words", err);
	text = talloc_zero_size(test_mem(), 70000);
	memset(text, 'x', 69999);
	ASSERT_FAILS(certctl_command_split(test_mem(), text, &words, &err), CERTCTL_E_LIMIT, "bytes", err);
}

static void a_line_for_the_log_reads_back(void)
{
	static const struct {
		const char *argv[6], *text;
	} rows[] = {
		{ { "/bin/true" }, "/bin/true" },
		{ { "/usr/sbin/nginx", "-t", "-c", "/etc/nginx.conf" }, "/usr/sbin/nginx -t -c /etc/nginx.conf" },
		{ { "/bin/echo", "a b", "", "it's", "$x;`y`\"" }, "/bin/echo 'a b' '' 'it'\\''s' '$x;`y`\"'" },
		{ { "/bin/echo", "#", "\xc3\xbc", "~", "*" }, "/bin/echo '#' '\xc3\xbc' '~' '*'" },
		{ { NULL }, "" },
	};

	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		struct certctl_error err;
		char **words = NULL;

		ASSERT_TEXT(certctl_command_text(test_mem(), rows[i].argv), rows[i].text);
		if (!rows[i].argv[0])
			continue;
		ASSERT_OK(certctl_command_split(test_mem(), rows[i].text, &words, &err), err);
		for (size_t n = 0; rows[i].argv[n] || words[n]; n++)
			ASSERT_TEXT(words[n], rows[i].argv[n]);
	}
}

/* What an argument hides does not reach whoever reads the log. */
static void a_line_for_the_log_is_one_line(void)
{
	static const char *const argv[] = { "/bin/echo", "a\nb\r\x1b[2J", "\xe2\x80\xae", "\xff\xc3", "\x7f", NULL };

	ASSERT_TEXT(certctl_command_text(test_mem(), argv), "/bin/echo 'a?b?"
							    "?[2J' '?' '?"
							    "?' '?'");
}

const struct test tests[] = {
	TEST(words_are_those_of_a_shell),
	TEST(what_only_a_shell_could_do_is_refused),
	TEST(endless_commands_are_refused),
	TEST(a_line_for_the_log_reads_back),
	TEST(a_line_for_the_log_is_one_line),
	{ 0 },
};
