/* Both ends of the socket between agent and worker.  Knows nothing of the operations. */
#include "link.h"

#include "sdk/host/frame.h"

#include <certctl/files.h>
#include <certctl/time.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG         16
#define CANCEL_CHECK_MS 200

static int make_address(const char *path, struct sockaddr_un *ret, struct certctl_error *err)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(ret->sun_path))
		return certctl_fail(err, CERTCTL_E_INVALID, "socket %s: at most %zu characters expected", path,
			sizeof(ret->sun_path) - 1);
	memcpy(ret->sun_path, path, strlen(path));
	return 0;
}

/* --- The worker's side ------------------------------------------------------------------------------------------- */

static int bind_privately(int fd, const struct sockaddr_un *address, uid_t user, struct certctl_error *err)
{
	struct stat status;

	if (lstat(address->sun_path, &status) == 0 && S_ISSOCK(status.st_mode) && unlink(address->sun_path) < 0)
		return certctl_fail_errno(err, errno, "socket %s", address->sun_path);
	mode_t before = umask(0177); /* nobody else may connect, not even between bind and chown */
	int rc = bind(fd, (const struct sockaddr *)address, sizeof(*address));
	int error_number = errno;

	umask(before);
	if (rc < 0)
		return certctl_fail_errno(err, error_number, "socket %s", address->sun_path);
	if (user != geteuid() && chown(address->sun_path, user, (gid_t)-1) < 0)
		return certctl_fail_errno(err, errno, "socket %s", address->sun_path);
	return listen(fd, BACKLOG) == 0 ? 0 : certctl_fail_errno(err, errno, "socket %s", address->sun_path);
}

int certctl_link_listen(const char *path, uid_t user, int *ret_fd, struct certctl_error *err)
{
	struct sockaddr_un address;
	int rc = make_address(path, &address, err);

	if (rc < 0)
		return rc;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return certctl_fail_errno(err, errno, "socket");
	rc = bind_privately(fd, &address, user, err);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	*ret_fd = fd;
	return 0;
}

int certctl_link_check_peer(int fd, uid_t user, struct certctl_error *err)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return certctl_fail_errno(err, errno, "peer credentials");
	if (peer.uid != user)
		return certctl_fail(err, CERTCTL_E_DENIED, "user %u may not talk to this worker", peer.uid);
	return 0;
}

static int read_request(json_t *frame, struct certctl_link_request *ret, struct certctl_error *err)
{
	int64_t protocol;
	int rc = certctl_json_get_integer(frame, "protocol", 1, INT32_MAX, &protocol, err);

	if (rc == 0 && protocol != CERTCTL_LINK_PROTOCOL)
		rc = certctl_fail(err, CERTCTL_E_UNSUPPORTED, "protocol %lld: this worker speaks %d",
			(long long)protocol, CERTCTL_LINK_PROTOCOL);
	if (rc == 0)
		rc = certctl_json_get_text(frame, "operation", &ret->operation, err);
	ret->argument = json_object_get(frame, "argument");
	if (rc == 0 && (!json_is_object(ret->argument) || json_object_size(frame) != 3))
		rc = certctl_fail(err, CERTCTL_E_INVALID, "request: protocol, operation and argument expected");
	return rc;
}

int certctl_link_receive(int fd, int64_t deadline_ms, struct certctl_link_request *ret, struct certctl_error *err)
{
	struct certctl_frame_reader reader;
	struct certctl_link_request request = { 0 };

	certctl_frame_reader_init(&reader, fd, CERTCTL_LINK_FRAME_MAX);
	int rc = certctl_frame_receive(&reader, deadline_ms, &request.frame, err);

	certctl_frame_reader_done(&reader);
	if (rc < 0)
		return rc;
	rc = read_request(request.frame, &request, err);
	if (rc < 0) {
		json_decref(request.frame);
		return rc;
	}
	*ret = request;
	return 0;
}

json_t *certctl_link_error_json(const struct certctl_error *failure)
{
	return json_pack("{s:s, s:s, s:s, s:b, s:i}", "code", certctl_code_name(failure->code), "what", failure->what,
		"hint", failure->hint, "retryable", failure->retryable, "retry_after_s", failure->retry_after_s);
}

int certctl_link_reply(int fd, json_t *result, const struct certctl_error *failure, int64_t deadline_ms,
	struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref)
	json_t *frame = result ? json_pack("{s:i, s:O}", "protocol", CERTCTL_LINK_PROTOCOL, "result", result)
			       : json_pack("{s:i, s:o}", "protocol", CERTCTL_LINK_PROTOCOL, "error",
					 certctl_link_error_json(failure));

	return frame ? certctl_frame_send(fd, frame, CERTCTL_LINK_FRAME_MAX, deadline_ms, err)
		     : certctl_fail(err, CERTCTL_E_NO_MEMORY, "reply");
}

/* --- The agent's side -------------------------------------------------------------------------------------------- */

static int connect_worker(const char *path, int *ret_fd, struct certctl_error *err)
{
	struct sockaddr_un address;
	int rc = make_address(path, &address, err);

	if (rc < 0)
		return rc;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return certctl_fail_errno(err, errno, "socket");
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		int error_number = errno;

		close(fd);
		certctl_fail(err, CERTCTL_E_UNAVAILABLE, "worker at %s: %s", path, strerrordesc_np(error_number));
		return certctl_hint(err, "Start certctl-agent-worker and let it serve this user (setting user).");
	}
	*ret_fd = fd;
	return 0;
}

/* Short waits, so that a stop is seen while the worker is busy for minutes. */
static int await_reply(int fd, const struct certctl_link_call *call, int64_t deadline_ms, json_t **ret,
	struct certctl_error *err)
{
	struct certctl_frame_reader reader;
	int rc;

	certctl_frame_reader_init(&reader, fd, CERTCTL_LINK_FRAME_MAX);
	do {
		int64_t soon_ms = certctl_monotonic_ms() + CANCEL_CHECK_MS;

		if (call->is_cancelled && call->is_cancelled(call->arg))
			rc = certctl_fail(err, CERTCTL_E_CANCELLED, "worker: %s was not waited for", call->operation);
		else
			rc = certctl_frame_receive(&reader, soon_ms < deadline_ms ? soon_ms : deadline_ms, ret, err);
	} while (rc == CERTCTL_E_TIMEOUT && certctl_monotonic_ms() < deadline_ms);
	certctl_frame_reader_done(&reader);
	return rc;
}

static int read_error(const json_t *failure, struct certctl_error *err)
{
	enum certctl_code code = certctl_code_from_name(certctl_json_text_or(failure, "code", ""));

	certctl_fail(err, code, "%s", certctl_json_text_or(failure, "what", "the worker gave no reason"));
	if (err) {
		err->retryable = json_is_true(json_object_get(failure, "retryable"));
		err->retry_after_s = (int32_t)certctl_json_integer_or(failure, "retry_after_s", 0);
	}
	const char *hint = certctl_json_text_or(failure, "hint", "");

	if (hint[0])
		certctl_hint(err, "%s", hint);
	return code;
}

static int read_reply(json_t *frame, json_t **ret, struct certctl_error *err)
{
	json_t *result = json_object_get(frame, "result"), *failure = json_object_get(frame, "error");

	if (json_is_object(failure))
		return read_error(failure, err);
	if (!json_is_object(result))
		return certctl_fail(err, CERTCTL_E_PROTOCOL, "worker: neither result nor error in its reply");
	*ret = json_incref(result);
	return 0;
}

static int exchange(int fd, const struct certctl_link_call *call, json_t **ret, struct certctl_error *err)
{
	int64_t deadline_ms = certctl_monotonic_ms() + call->timeout_ms;
	CERTCTL_AUTO(json_decref) json_t *reply = NULL;
	CERTCTL_AUTO(json_decref)
	json_t *frame = json_pack("{s:i, s:s, s:o}", "protocol", CERTCTL_LINK_PROTOCOL, "operation", call->operation,
		"argument", call->argument ? json_incref(call->argument) : json_object());
	int rc = frame ? certctl_frame_send(fd, frame, CERTCTL_LINK_FRAME_MAX, deadline_ms, err)
		       : certctl_fail(err, CERTCTL_E_NO_MEMORY, "request");

	if (rc == 0)
		rc = await_reply(fd, call, deadline_ms, &reply, err);
	return rc == 0 ? read_reply(reply, ret, err) : rc;
}

int certctl_link_ask(const struct certctl_link_call *call, json_t **ret, struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int fd = -1;
	int rc = connect_worker(call->socket, &fd, err);

	return rc == 0 ? exchange(fd, call, ret, err) : rc;
}
