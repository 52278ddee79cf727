/* The plugin's side of the runner: a command goes out, its result comes back, a cancelled call calls it off. */
#include "process.h"

#include "runner_wire.h"

#include <certctl/exec.h>
#include <string.h>

/* How often a running command asks whether its call was cancelled. */
#define ASK_EVERY_MS 100

static int send_command(struct call *call, const struct certctl_command *command, struct certctl_error *err)
{
	struct runner_command out = {
		.argv = command->argv,
		.environment = command->environment,
		.input = { .data = (unsigned char *)(uintptr_t)command->input, .len = command->input_len },
		.timeout_s = command->timeout_s,
		.output_max = command->output_max,
		/* What activate starts may be the server itself; nothing else has a reason to leave anything. */
		.leave_descendants = command->leave_descendants && strcmp(call->operation, "activate") == 0,
		.directory = command->directory,
	};
	CERTCTL_AUTO(json_decref) json_t *frame = NULL;
	json_t *body = NULL;
	int rc = certctl_wire_to_json(&runner_wire_command, &out, &body, err);

	if (rc < 0)
		return rc;
	frame = json_pack("{s:o}", "run", body);
	return certctl_frame_send(call->server->runner_fd, frame, CERTCTL_FRAME_MAX, call->deadline_ms, err);
}

static int await_result(struct call *call, json_t **ret, struct certctl_error *err)
{
	struct certctl_frame_reader reader;
	bool is_called_off = false;
	int rc;

	certctl_frame_reader_init(&reader, call->server->runner_fd, CERTCTL_FRAME_MAX);
	do {
		rc = certctl_frame_receive(&reader, certctl_monotonic_ms() + ASK_EVERY_MS, ret, err);
		if (rc == CERTCTL_E_TIMEOUT && !is_called_off && call->api.cancelled(&call->api)) {
			CERTCTL_AUTO(json_decref) json_t *frame = json_pack("{s:b}", "cancel", 1);

			is_called_off = true;
			rc = certctl_frame_send(call->server->runner_fd, frame, CERTCTL_FRAME_MAX,
				CERTCTL_FRAME_FOREVER, err);
			rc = rc == 0 ? CERTCTL_E_TIMEOUT : rc;
		}
	} while (rc == CERTCTL_E_TIMEOUT);
	certctl_frame_reader_done(&reader);
	return rc;
}

static int not_in_time(struct certctl_error *err)
{
	return certctl_fail(err, CERTCTL_E_TIMEOUT, "the command did not end in time");
}

/* A call whose time is up calls its command off like one that was cancelled: which of the two it was, only the call knows. */
static int read_error(const struct call *call, const json_t *frame, struct certctl_error *err)
{
	int rc = certctl_wire_error_from_json(json_object_get(frame, "error"), err);

	return rc == CERTCTL_E_CANCELLED && !atomic_load(&call->is_cancelled) ? not_in_time(err) : rc;
}

static int read_result(const struct call *call, TALLOC_CTX *mem, const json_t *frame,
	struct certctl_command_result *ret, struct certctl_error *err)
{
	struct certctl_command_result result = { 0 };

	if (json_object_get(frame, "error"))
		return read_error(call, frame, err);
	int rc = certctl_wire_from_json(mem, &runner_wire_result, json_object_get(frame, "value"), &result, err);

	if (rc < 0)
		return rc;
	result.output_len = result.output ? strlen(result.output) : 0;
	*ret = result;
	return result.timed_out ? not_in_time(err) : 0;
}

int runner_run(struct call *call, const struct certctl_command *command, TALLOC_CTX *mem,
	struct certctl_command_result *ret, struct certctl_error *err)
{
	struct server *server = call->server;
	CERTCTL_AUTO(json_decref) json_t *frame = NULL;

	if (server->runner_fd < 0) {
		certctl_fail(err, CERTCTL_E_DENIED, "plugin %s does not say that it runs commands",
			server->instance.plugin->descriptor.id);
		return certctl_hint(err, "The plugin's descriptor lacks CERTCTL_NEEDS_COMMANDS.");
	}
	if (!command || !command->argv)
		return certctl_fail(err, CERTCTL_E_INVALID, "command: an argument vector expected");
	pthread_mutex_lock(&server->runner_lock);
	int rc = send_command(call, command, err);

	if (rc == 0)
		rc = await_result(call, &frame, err);
	pthread_mutex_unlock(&server->runner_lock);
	return rc < 0 ? rc : read_result(call, mem, frame, ret, err);
}
