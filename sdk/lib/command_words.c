/* Commands as text: into words and back.  A small part of the shell's quoting (POSIX.1-2017, XCU 2.2) and none of its powers. */
#include <certctl/buffer.h>
#include <certctl/exec.h>

#include "utf8.h"

#include <string.h>

#define WORDS_MAX 1024
#define TEXT_MAX  65536
/* A shell would act on these; here they would be passed on as words, which nobody who writes them means. */
#define SHELL_ONLY "|&;<>()$`"
#define BLANKS     " \t\r\n"
/* Words of these alone need no quotes. */
#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-"

struct reader {
	const char *text, *at;
	struct certctl_buffer word;
};

/* A backslash at the end of a line joins it to the next one. */
static const char *skip_blanks(const char *at)
{
	for (;;) {
		at += strspn(at, BLANKS);
		if (at[0] != '\\' || at[1] != '\n')
			return at;
		at += 2;
	}
}

static int refuse(const struct reader *reader, const char *what, struct certctl_error *err)
{
	return certctl_fail(err, CERTCTL_E_INVALID, "command, column %zu: %s", (size_t)(reader->at - reader->text) + 1,
		what);
}

static int refuse_shell(const struct reader *reader, struct certctl_error *err)
{
	certctl_fail(err, CERTCTL_E_INVALID, "command, column %zu: '%c' would need a shell",
		(size_t)(reader->at - reader->text) + 1, *reader->at);
	return certctl_hint(err, "No shell is used: put the character in single quotes, or the steps in a script.");
}

static int read_single_quoted(struct reader *reader, struct certctl_error *err)
{
	const char *end = strchr(reader->at + 1, '\'');

	if (!end)
		return refuse(reader, "this quote is never closed", err);
	certctl_buffer_append(&reader->word, reader->at + 1, (size_t)(end - reader->at - 1));
	reader->at = end + 1;
	return 0;
}

static int read_double_quoted(struct reader *reader, struct certctl_error *err)
{
	struct reader opening = *reader;

	for (reader->at++; *reader->at != '"'; reader->at++) {
		if (!*reader->at)
			return refuse(&opening, "this quote is never closed", err);
		if (*reader->at == '$' || *reader->at == '`')
			return refuse_shell(reader, err);
		/* Only before these does a backslash mean something between double quotes. */
		bool is_escape = *reader->at == '\\' && reader->at[1] && strchr("\"\\$`\n", reader->at[1]);

		reader->at += is_escape;
		if (!is_escape || *reader->at != '\n')
			certctl_buffer_append(&reader->word, reader->at, 1);
	}
	reader->at++;
	return 0;
}

static int read_escaped(struct reader *reader, struct certctl_error *err)
{
	if (!reader->at[1])
		return refuse(reader, "nothing follows the backslash", err);
	if (reader->at[1] != '\n') /* that would continue the line */
		certctl_buffer_append(&reader->word, reader->at + 1, 1);
	reader->at += 2;
	return 0;
}

static int read_word(struct reader *reader, struct certctl_error *err)
{
	int rc = 0;

	if (*reader->at == '#')
		return refuse(reader, "a word that begins with '#' must be quoted", err);
	while (rc == 0 && *reader->at && !strchr(BLANKS, *reader->at)) {
		if (*reader->at == '\'')
			rc = read_single_quoted(reader, err);
		else if (*reader->at == '"')
			rc = read_double_quoted(reader, err);
		else if (*reader->at == '\\')
			rc = read_escaped(reader, err);
		else if (strchr(SHELL_ONLY, *reader->at))
			rc = refuse_shell(reader, err);
		else
			certctl_buffer_append(&reader->word, reader->at++, 1);
	}
	return rc == 0 ? certctl_buffer_finish(&reader->word, err) : rc;
}

static int read_words(TALLOC_CTX *mem, const char *text, char **words, struct certctl_error *err)
{
	struct reader reader = { .text = text, .at = skip_blanks(text) };
	size_t count = 0;

	for (; *reader.at; reader.at = skip_blanks(reader.at)) {
		if (count == WORDS_MAX)
			return certctl_fail(err, CERTCTL_E_LIMIT, "command: more than %d words", WORDS_MAX);
		certctl_buffer_init(&reader.word, mem, TEXT_MAX);
		certctl_buffer_puts(&reader.word, ""); /* '' is a word too */
		int rc = read_word(&reader, err);

		if (rc < 0)
			return rc;
		words[count++] = reader.word.data;
	}
	if (count == 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "command: empty");
	return 0;
}

int certctl_command_split(TALLOC_CTX *mem, const char *text, char ***ret_argv, struct certctl_error *err)
{
	char **words;
	int rc;

	if (strlen(text) > TEXT_MAX)
		return certctl_fail(err, CERTCTL_E_LIMIT, "command: longer than %d bytes", TEXT_MAX);
	words = talloc_zero_array(mem, char *, WORDS_MAX + 1);
	if (!words)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for a command");
	rc = read_words(words, text, words, err);
	if (rc < 0) {
		talloc_free(words);
		return rc;
	}
	*ret_argv = words;
	return 0;
}

/* What would end the line or move the cursor is shown as "?". */
static void write_word(struct certctl_buffer *out, const char *word)
{
	uint32_t character;

	if (word[0] && strspn(word, PLAIN) == strlen(word)) {
		certctl_buffer_puts(out, word);
		return;
	}
	certctl_buffer_puts(out, "'");
	for (size_t left = strlen(word), step; left > 0; word += step, left -= step) {
		step = certctl_utf8_next(word, left, &character);
		if (step == 0 || certctl_utf8_is_hidden(character))
			certctl_buffer_puts(out, "?");
		else if (character == '\'')
			certctl_buffer_puts(out, "'\\''");
		else
			certctl_buffer_append(out, word, step);
		step = step ? step : 1;
	}
	certctl_buffer_puts(out, "'");
}

char *certctl_command_text(TALLOC_CTX *mem, const char *const *argv)
{
	struct certctl_buffer out;

	certctl_buffer_init(&out, mem, (size_t)16 * 1024 * 1024);
	certctl_buffer_puts(&out, "");
	for (size_t i = 0; argv[i]; i++) {
		if (i > 0)
			certctl_buffer_puts(&out, " ");
		write_word(&out, argv[i]);
	}
	if (certctl_buffer_finish(&out, NULL) < 0) {
		talloc_free(out.data);
		return NULL;
	}
	return out.data;
}
