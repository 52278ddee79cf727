/* The text of a single-quoted scalar (YAML 1.2.2, section 7.3.2).  libfyaml's own leaks when quotes abound. */
#include "yaml_in.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_break(char c)
{
	return c == '\n' || c == '\r';
}

/* Past one line break and the blanks that begin the next line. */
static size_t skip_break(const char *raw, size_t len, size_t at)
{
	at += raw[at] == '\r' && at + 1 < len && raw[at + 1] == '\n' ? 2 : 1;
	while (at < len && is_blank(raw[at]))
		at++;
	return at;
}

char *certctl_yaml_unquote(TALLOC_CTX *mem, const char *raw, size_t len, size_t *ret_len)
{
	char *text = talloc_size(mem, len + 1);
	size_t used = 0, line = 0; /* line: where in `text` the current line begins */

	for (size_t at = 0; text && at < len;) {
		size_t breaks = 0;

		for (; at < len && is_break(raw[at]); breaks++)
			at = skip_break(raw, len, at);
		if (breaks == 0) {
			text[used++] = raw[at];
			at += raw[at] == '\'' ? 2 : 1;
			continue;
		}
		while (used > line && is_blank(text[used - 1]))
			used--;
		/* One break is a space, n breaks are n - 1 line ends: never more than what they took in `raw`. */
		if (breaks == 1)
			text[used++] = ' ';
		for (; breaks > 1; breaks--)
			text[used++] = '\n';
		line = used;
	}
	if (!text)
		return NULL;
	text[used] = 0;
	*ret_len = used;
	return text;
}
