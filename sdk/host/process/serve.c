/*
 * Calls in, results out.  Each lane has a thread of its own that waits for a call, runs it and sends its result: no thread hands
 * anything to another.  A lane's thread is started when the lane before it is first used.  Knows nothing of kinds: operations
 * are rows of a table.
 */
#include "process.h"

#include "condition.h"

#include <certctl/time.h>
#include <string.h>

/* How long calls that still run are waited for once the parent has gone. */
#define FAREWELL_MS 1000

/* Operations of the host itself, for certctl-plugin and tests; plugins' names have no dot. */
static const struct operation own_operations[] = {
	{ .name = "host.cycle", .run = instance_cycle },
	{ 0 },
};

/* --- One call ----------------------------------------------------------------------------------------------------- */

int call_item(struct call *call, const json_t *argument, const void **ret, struct certctl_error *err)
{
	const struct certctl_plugin *said = &call->server->instance.plugin->descriptor;
	const json_t *item = json_object_get(argument, "item");
	struct certctl_field_reading how = { .path = "item" };
	CERTCTL_AUTO(json_decref) json_t *empty = NULL;

	*ret = NULL;
	if (!said->item_options) {
		if (json_object_size(item) > 0)
			return certctl_fail(err, CERTCTL_E_INVALID, "item: plugin %s takes no item options", said->id);
		return 0;
	}
	void *parsed = talloc_zero_size(call->mem, said->item_size + 1);

	if (!item || json_is_null(item))
		item = empty = json_object();
	if (!parsed || !item)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "item: no memory");
	int rc = certctl_fields_parse(call->mem, said->item_options, said->field_size, item, &how, parsed, err);

	if (rc == 0)
		*ret = parsed;
	return rc;
}

static const struct operation *find_operation(const struct plugin *plugin, const char *name)
{
	for (const struct operation *operation = own_operations; operation->name; operation++)
		if (strcmp(operation->name, name) == 0)
			return operation;
	return plugin_operation(plugin, name);
}

static int run_operation(struct call *call, struct certctl_error *err)
{
	struct instance *instance = &call->server->instance;
	const struct operation *operation = find_operation(instance->plugin, call->operation);

	if (!operation)
		return certctl_fail(err, CERTCTL_E_UNSUPPORTED, "plugin %s has no operation %s",
			instance->plugin->descriptor.id, call->operation);
	int rc = instance_open(instance, &call->api, err);

	call->self = instance->self;
	if (rc == 0)
		rc = operation->run(call, call->argument, err);
	/* A plugin that breaks the rule about errors must not make nonsense of our reply. */
	if (rc > 0)
		rc = certctl_fail(err, CERTCTL_E_PROTOCOL, "%s returned %d; 0 or a negative code expected",
			call->operation, rc);
	else if (rc < 0 && err->code == 0)
		certctl_fail(err, rc < CERTCTL_E_INTERNAL ? CERTCTL_E_INTERNAL : (enum certctl_code)rc,
			"%s failed and gave no reason", call->operation);
	return rc;
}

static void send_error(struct call *call, const struct certctl_error *why)
{
	CERTCTL_AUTO(json_decref)
	json_t *frame =
		json_pack("{s:I, s:o}", "result", (json_int_t)call->id, "error", certctl_wire_error_to_json(why));

	host_api_finish(call);
	/* When it cannot be sent the lane is broken, and the parent knows. */
	if (frame && lane_send(call->lane, frame, CERTCTL_FRAME_FOREVER, NULL) < 0)
		return;
}

static void run_call(struct call *call)
{
	struct certctl_error err = { 0 };
	int rc = run_operation(call, &err);

	if (rc == 0 && !call->is_answered)
		rc = call_result(call, NULL, NULL, &err);
	if (rc < 0)
		send_error(call, &err);
}

/* What is for a call that has ended meanwhile is dropped. */
int call_take_in(struct call *call, int64_t deadline_ms, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *frame = NULL;
	int rc = certctl_frame_receive(&call->lane->reader, deadline_ms, &frame, err);

	if (rc < 0) {
		if (rc != CERTCTL_E_TIMEOUT)
			atomic_store(&call->lane->is_broken, true);
		return rc;
	}
	if (certctl_json_integer_or(frame, "cancel", 0) == call->id)
		atomic_store(&call->is_cancelled, true);
	if (certctl_json_integer_or(frame, "reply", 0) == call->id && !call->reply)
		call->reply = CERTCTL_TAKE(frame);
	return 0;
}

static void take_call(struct lane *lane, const json_t *frame)
{
	TALLOC_CTX *mem = talloc_named_const(NULL, 0, "call");
	struct call *call = talloc_zero(mem, struct call);

	/* Without memory there is no answer; the deadline of the caller is. */
	if (!call) {
		talloc_free(mem);
		return;
	}
	call->mem = mem;
	call->server = lane->server;
	call->lane = lane;
	call->id = certctl_json_integer_or(frame, "call", 0);
	call->operation = certctl_json_text_or(frame, "operation", "");
	call->deadline_ms = certctl_json_integer_or(frame, "deadline_ms", 0);
	call->argument = json_object_get(frame, "argument");
	host_api_init(call);
	run_call(call);
	json_decref(call->reply);
	talloc_free(mem);
}

/* --- Threads ------------------------------------------------------------------------------------------------------ */

static void *serve_lane(void *arg);

/* With lock.  The parent uses the lowest lane that is free: while this one runs, the next may be used. */
static void start_next(struct server *server, const struct lane *lane)
{
	size_t next = (size_t)(lane - server->lanes) + 1;
	pthread_t thread;

	if (next != server->started || next >= server->lane_count ||
		pthread_create(&thread, NULL, serve_lane, &server->lanes[next]) != 0)
		return;
	pthread_detach(thread);
	server->started++;
}

/* May a call begin? */
static bool begin(struct lane *lane)
{
	struct server *server = lane->server;

	pthread_mutex_lock(&server->lock);
	bool may_begin = !server->is_closing;

	if (may_begin) {
		server->running++;
		start_next(server, lane);
	}
	pthread_mutex_unlock(&server->lock);
	return may_begin;
}

static void end(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	server->running--;
	if (server->is_closing && server->running == 0)
		pthread_cond_signal(&server->quiet);
	pthread_mutex_unlock(&server->lock);
}

static void *serve_lane(void *arg)
{
	struct lane *lane = arg;

	while (!atomic_load(&lane->is_broken)) {
		CERTCTL_AUTO(json_decref) json_t *frame = NULL;

		if (certctl_frame_receive(&lane->reader, CERTCTL_FRAME_FOREVER, &frame, NULL) < 0)
			break;
		/* A cancel, or a reply that came too late, may be for the call before. */
		if (!json_object_get(frame, "call"))
			continue;
		if (!begin(lane))
			break;
		take_call(lane, frame);
		end(lane->server);
	}
	return NULL;
}

void serve(struct server *server)
{
	int64_t until_ms;

	pthread_mutex_init(&server->lock, NULL);
	certctl_cond_init(&server->quiet);
	server->started = 1;
	serve_lane(&server->lanes[0]);
	until_ms = certctl_monotonic_ms() + FAREWELL_MS;
	pthread_mutex_lock(&server->lock);
	server->is_closing = true;
	while (server->running > 0 && certctl_monotonic_ms() < until_ms)
		certctl_cond_wait_until(&server->quiet, &server->lock, until_ms);
	bool may_close = server->running == 0;

	pthread_mutex_unlock(&server->lock);
	if (may_close)
		instance_close(&server->instance);
}
