/* What a command says: collected with a limit, handed on as text.  Knows nothing of processes. */
#include "exec_private.h"

#include "utf8.h"

#include <certctl/files.h>
#include <errno.h>
#include <unistd.h>

#define REPLACEMENT     "\xef\xbf\xbd" /* U+FFFD */
#define REPLACEMENT_LEN 3

void certctl_output_read(struct certctl_output *output)
{
	char chunk[16384];
	ssize_t got = read(output->fd, chunk, sizeof(chunk));
	size_t room = output->text.max - output->text.len;

	if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
		certctl_close_auto(&output->fd);
	if (got <= 0)
		return;
	if ((size_t)got > room)
		output->is_cut = true;
	certctl_buffer_append(&output->text, chunk, (size_t)got < room ? (size_t)got : room);
}

/* The next character as it may stand in text: itself, or U+FFFD for a NUL or a byte that is no UTF-8. */
static size_t next_clean(const char *data, size_t left, const char **ret_text, size_t *ret_len)
{
	uint32_t character;
	size_t len = certctl_utf8_next(data, left, &character);
	bool is_bad = len == 0 || character == 0;

	*ret_text = is_bad ? REPLACEMENT : data;
	*ret_len = is_bad ? REPLACEMENT_LEN : len;
	return len ? len : 1;
}

int certctl_output_finish(const struct certctl_output *output, TALLOC_CTX *mem, struct certctl_command_result *ret,
	struct certctl_error *err)
{
	const struct certctl_buffer *raw = &output->text;
	struct certctl_buffer clean;
	bool is_cut = output->is_cut;
	size_t at = 0;
	int rc;

	certctl_buffer_init(&clean, mem, raw->max);
	certctl_buffer_puts(&clean, "");
	while (at < raw->len) {
		const char *text;
		size_t len, step = next_clean(raw->data + at, raw->len - at, &text, &len);

		if (len > clean.max - clean.len) {
			is_cut = true;
			break;
		}
		certctl_buffer_append(&clean, text, len);
		at += step;
	}
	rc = raw->failed ? certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for the output of a command")
			 : certctl_buffer_finish(&clean, err);
	if (rc < 0) {
		talloc_free(clean.data);
		return rc;
	}
	ret->output = clean.data;
	ret->output_len = clean.len;
	ret->output_cut = is_cut;
	return 0;
}
