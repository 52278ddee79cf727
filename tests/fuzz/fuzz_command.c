/* Commands of configuration files: what is split can be written as one line and is split the same again; no row lets climbing words by. */
#include "fuzz.h"

#include <certctl/exec.h>
#include <string.h>

#define WORDS_MAX 64

static void check_again(TALLOC_CTX *mem, char *const *words)
{
	char *line = certctl_command_text(mem, (const char *const *)words), **again = NULL;
	struct certctl_error err = { 0 };
	size_t i = 0;

	certctl_assert(line && !strpbrk(line, "\n\r\033"));
	/* Control characters are shown, not kept: such words do not come back. */
	for (; words[i]; i++)
		for (const char *at = words[i]; *at; at++)
			if ((unsigned char)*at < 0x20 || (unsigned char)*at >= 0x7f)
				return;
	certctl_assert(certctl_command_split(mem, line, &again, &err) == 0);
	for (i = 0; words[i] && again[i]; i++)
		certctl_assert(strcmp(words[i], again[i]) == 0);
	certctl_assert(!words[i] && !again[i]);
}

/* The words under a row that allows any one argument, and under themselves. */
static void check_rows(char *const *words)
{
	const char *const *argv = (const char *const *)words;
	const char *row[WORDS_MAX + 1] = { NULL };
	const char *const *rows[] = { row, NULL };
	size_t count = 0;

	for (; argv[count] && count < WORDS_MAX; count++)
		row[count] = count == 0 ? argv[0] : "*";
	if (argv[count])
		return;
	if (certctl_command_is_allowed(argv, rows)) {
		certctl_assert(argv[0][0] == '/');
		for (size_t i = 1; i < count; i++)
			certctl_assert(argv[i][0] != '-' && strcmp(argv[i], "..") != 0 && !strstr(argv[i], "/../"));
	}
	certctl_assert(!certctl_command_is_allowed(argv, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	char *text = talloc_strndup(mem, (const char *)data, size), **words = NULL;
	struct certctl_error err = { 0 };

	if (certctl_command_split(mem, text, &words, &err) < 0) {
		certctl_assert(!words && err.what[0] && !strpbrk(err.what, "\r\n"));
	} else {
		check_again(mem, words);
		if (words[0])
			check_rows(words);
	}
	talloc_free(mem);
	return 0;
}
