/**
 * The Unix socket between certctl-agent and certctl-agent-worker: one connection a request, one frame each way.
 *
 *     {"protocol": 1, "operation": "csr", "argument": {...}}
 *     {"protocol": 1, "result": {...}}    or    {"protocol": 1, "error": {"code": ..., "what": ..., "hint": ..., "retryable": ...}}
 */
#ifndef CERTCTL_LINK_H
#define CERTCTL_LINK_H

#include <certctl/json.h>
#include <sys/types.h>

#define CERTCTL_LINK_PROTOCOL 1
/** A batch of deployments with their chains; a reply with its command output. */
#define CERTCTL_LINK_FRAME_MAX ((size_t)4 * 1024 * 1024)

/* --- The worker's side ------------------------------------------------------------------------------------------- */

/** Listen at `path`, 0600 and owned by `user`; a socket left there by a dead worker is replaced. */
int certctl_link_listen(const char *path, uid_t user, int *ret_fd, struct certctl_error *err) CERTCTL_CHECKED;
/** Is the process at the other end run by `user` (SO_PEERCRED)?  DENIED. */
int certctl_link_check_peer(int fd, uid_t user, struct certctl_error *err) CERTCTL_CHECKED;

/** Both on `mem` or owned by the frame: borrowed until json_decref(frame). */
struct certctl_link_request {
	json_t *frame;
	const char *operation;
	json_t *argument; /* an object */
};
int certctl_link_receive(int fd, int64_t deadline_ms, struct certctl_link_request *ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** `result` is borrowed; NULL sends the error instead. */
int certctl_link_reply(int fd, json_t *result, const struct certctl_error *failure, int64_t deadline_ms,
	struct certctl_error *err) CERTCTL_CHECKED;

/* --- The agent's side -------------------------------------------------------------------------------------------- */

struct certctl_link_call {
	const char *socket;
	const char *operation;
	json_t *argument; /* an object, borrowed; NULL: empty */
	int64_t timeout_ms;
	bool (*is_cancelled)(void *arg); /* asked several times a second; may be NULL */
	void *arg;
};
/**
 * Ask the worker.  What it was asked to do goes on when this call gives up.
 * @return 0 (*ret is the caller's to json_decref); UNAVAILABLE (no worker); TIMEOUT; CANCELLED; PROTOCOL; the worker's own error
 */
int certctl_link_ask(const struct certctl_link_call *call, json_t **ret, struct certctl_error *err) CERTCTL_CHECKED;

/** An error as it goes over the socket and into reports; NULL when out of memory. */
json_t *certctl_link_error_json(const struct certctl_error *failure);

#endif
