/** Requests to the server, and what it answers. */
#ifndef CORE_CLI_SERVER_H
#define CORE_CLI_SERVER_H

#include "cli.h"

struct call {
	const struct api_operation *operation;
	const char *arguments[8]; /* values of the path's parameters, in their order */
	json_t *query;            /* name: text; may be NULL */
	json_t *body;             /* may be NULL */
	const char *if_match;     /* ETag that must still be right; NULL: any */
};

struct reply {
	int32_t status;
	json_t *json;     /* NULL: none, or something else; goes with the context it is on */
	const char *text; /* as it came */
	size_t len;
	const char *etag; /* NULL: none */
};

/**
 * Ask.  A refusal (400 and up) fails, and its problem is in `cli`.
 * @return 0; INVALID (settings); UNAVAILABLE, TIMEOUT, DENIED (not trusted), ...; the code of a refusal
 */
int server_ask(struct cli *cli, TALLOC_CTX *mem, const struct call *call, struct reply *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Takes a piece of a reply's body as it comes. */
typedef int server_sink_fn(void *arg, const char *data, size_t len, struct certctl_error *err);

/**
 * Ask for something of any size: the body goes to `sink`, and no limit of time or memory holds for all of it.
 * @return as server_ask(); what the sink returned
 */
int server_receive(struct cli *cli, const struct call *call, server_sink_fn *sink, void *arg,
	struct certctl_error *err) CERTCTL_CHECKED;

/** What --dry-run shows: method, URL, headers without the key, body. */
int server_show(struct cli *cli, const struct call *call, struct certctl_error *err) CERTCTL_CHECKED;

/** "/api/v1/agents/agent-1?limit=5".  INVALID for an argument that no path can carry. */
int call_path(TALLOC_CTX *mem, const struct call *call, char **ret, struct certctl_error *err) CERTCTL_CHECKED;

/** GET one thing; `*ret_is_there` false instead of NOT_FOUND. */
int server_look(struct cli *cli, TALLOC_CTX *mem, const struct api_resource *resource, const char *id,
	bool *ret_is_there, struct reply *ret, struct certctl_error *err) CERTCTL_CHECKED;

#endif
