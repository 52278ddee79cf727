/* What the files behind exec.h share with each other and with nobody else. */
#ifndef CERTCTL_EXEC_PRIVATE_H
#define CERTCTL_EXEC_PRIVATE_H

#include <certctl/buffer.h>
#include <certctl/exec.h>

/** What a command wrote: kept up to `text.max` bytes, read and dropped beyond. */
struct certctl_output {
	int fd; /* not blocking; -1 once its end was seen */
	struct certctl_buffer text;
	bool is_cut;
};

/** Take what is there to read, at most one chunk, so that a flood never keeps the caller from looking at the clock. */
void certctl_output_read(struct certctl_output *output);

/** Give the text to the result as valid UTF-8 without NUL, at most `text.max` bytes, on `mem`. */
int certctl_output_finish(const struct certctl_output *output, TALLOC_CTX *mem, struct certctl_command_result *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
