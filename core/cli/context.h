/** Which server, trusted how, with which key: from flags, environment, or a named context of the settings file. */
#ifndef CORE_CLI_CONTEXT_H
#define CORE_CLI_CONTEXT_H

#include "cli.h"

#include <certctl/secret.h>

struct context {
	const char *name;                 /* NULL: not from the settings file */
	const char *url;                  /* without a slash at its end */
	const char *ca_file, *token_file; /* NULL: the system's CAs; no key */
};

/** The settings file: contexts by name, and which one is used. */
struct contexts {
	const char *folder;   /* "~/.config/certctl" */
	const char *current;  /* NULL: none */
	struct context *rows; /* in the order of the file */
	size_t count;
};

/** A file that is not there is an empty one.  DENIED when somebody else could have written it. */
int contexts_read(TALLOC_CTX *mem, struct contexts **ret, struct certctl_error *err) CERTCTL_CHECKED;
int contexts_write(const struct contexts *contexts, struct certctl_error *err) CERTCTL_CHECKED;
struct context *contexts_find(const struct contexts *contexts, const char *name);
/** Is it an https URL of a server? */
int context_check_url(const char *url, struct certctl_error *err) CERTCTL_CHECKED;

/**
 * What this run uses.  --url or CERTCTL_URL make a context of their own: the key of another server is never sent there.
 * INVALID when no server is named anywhere.
 */
int context_choose(TALLOC_CTX *mem, const struct cli_options *options, struct context *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/**
 * The key: from the context's file, which nobody else may read (INVALID), else CERTCTL_TOKEN.  Empty when there is none.
 */
int context_token(TALLOC_CTX *mem, const struct context *context, struct certctl_secret *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
