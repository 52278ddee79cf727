/*
 * Calls in, results out.  Idle threads sleep on one edge-triggered epoll, so the kernel wakes exactly one for what comes, and that
 * one runs it: no thread hands a call to another.  More threads start when there is work for them.  Knows nothing of kinds:
 * operations are rows of a table.
 */
#include "process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

/* How long calls that still run are waited for once the parent has gone. */
#define FAREWELL_MS 1000

/* Operations of the host itself, for certctl-plugin and tests; plugins' names have no dot. */
static const struct operation own_operations[] = {
	{ .name = "host.cycle", .run = instance_cycle },
	{ 0 },
};

/* --- Frames from the parent --------------------------------------------------------------------------------------- */

static struct call *call_new(struct server *server, json_t *frame)
{
	TALLOC_CTX *mem = talloc_named_const(NULL, 0, "call");
	struct call *call = talloc_zero(mem, struct call);

	if (!call) {
		talloc_free(mem);
		return NULL;
	}
	call->mem = mem;
	call->server = server;
	call->frame = json_incref(frame);
	call->id = certctl_json_integer_or(frame, "call", 0);
	call->operation = certctl_json_text_or(frame, "operation", "");
	call->deadline_ms = certctl_json_integer_or(frame, "deadline_ms", 0);
	pthread_mutex_init(&call->ask_lock, NULL);
	host_api_init(call);
	return call;
}

static void call_free(struct call *call)
{
	json_decref(call->frame);
	json_decref(call->reply);
	pthread_mutex_destroy(&call->ask_lock);
	talloc_free(call->mem);
}

static struct call *find_call(struct call *calls, int64_t id)
{
	while (calls && calls->id != id)
		calls = calls->next;
	return calls;
}

/* What is for a call that has ended meanwhile is dropped. */
static void dispatch(void *arg, json_t *frame)
{
	struct server *server = arg;
	int64_t cancel = certctl_json_integer_or(frame, "cancel", 0),
		reply = certctl_json_integer_or(frame, "reply", 0);
	struct call *call;

	if (json_object_get(frame, "call") && (call = call_new(server, frame))) {
		struct call **link = &server->waiting;

		while (*link)
			link = &(*link)->next;
		*link = call;
		if (!server->is_reading)
			serve_wake(server);
	}
	if (cancel && ((call = find_call(server->running, cancel)) || (call = find_call(server->waiting, cancel))))
		atomic_store(&call->is_cancelled, true);
	if (reply && (call = find_call(server->running, reply)) && !call->reply)
		call->reply = json_incref(frame);
}

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

int call_result(const struct certctl_wire *wire, const void *value, json_t **ret, struct certctl_error *err)
{
	int rc = certctl_wire_to_json(wire, value, ret, err);

	if (rc == CERTCTL_E_INVALID)
		rc = err->code = CERTCTL_E_PROTOCOL;
	return rc;
}

int call_text_result(const char *name, const char *text, json_t **ret, struct certctl_error *err)
{
	int rc = certctl_wire_text_to_json(name, text, ret, err);

	if (rc == CERTCTL_E_INVALID)
		rc = err->code = CERTCTL_E_PROTOCOL;
	return rc;
}

static const struct operation *find_operation(const struct plugin *plugin, const char *name)
{
	for (const struct operation *operation = own_operations; operation->name; operation++)
		if (strcmp(operation->name, name) == 0)
			return operation;
	return plugin_operation(plugin, name);
}

static int run_operation(struct call *call, json_t **ret, struct certctl_error *err)
{
	struct instance *instance = &call->server->instance;
	const struct operation *operation = find_operation(instance->plugin, call->operation);

	if (!operation)
		return certctl_fail(err, CERTCTL_E_UNSUPPORTED, "plugin %s has no operation %s",
			instance->plugin->descriptor.id, call->operation);
	int rc = instance_open(instance, &call->api, err);

	call->self = instance->self;
	if (rc == 0)
		rc = operation->run(call, json_object_get(call->frame, "argument"), ret, err);
	/* A plugin that breaks the rule about errors must not make nonsense of our reply. */
	if (rc > 0)
		rc = certctl_fail(err, CERTCTL_E_PROTOCOL, "%s returned %d; 0 or a negative code expected",
			call->operation, rc);
	else if (rc < 0 && err->code == 0)
		certctl_fail(err, rc < CERTCTL_E_INTERNAL ? CERTCTL_E_INTERNAL : (enum certctl_code)rc,
			"%s failed and gave no reason", call->operation);
	return rc;
}

static void send_result(struct call *call, json_t *value, const struct certctl_error *why)
{
	struct certctl_line *line = &call->server->line;
	struct certctl_error too_large = { 0 };
	json_t *frame = why->code < 0 ? json_pack("{s:I, s:o}", "result", (json_int_t)call->id, "error",
						certctl_wire_error_to_json(why))
				      : json_pack("{s:I, s:O}", "result", (json_int_t)call->id, "value", value);
	int rc = frame ? certctl_line_send(line, frame, CERTCTL_FRAME_FOREVER, &too_large)
		       : certctl_fail(&too_large, CERTCTL_E_NO_MEMORY, "no memory for the result");

	json_decref(frame);
	/* Nothing was sent: say so instead, once. */
	if ((rc == CERTCTL_E_LIMIT || rc == CERTCTL_E_INVALID || rc == CERTCTL_E_NO_MEMORY) && why->code == 0) {
		certctl_error_prefix(&too_large, "result of %s", call->operation);
		send_result(call, NULL, &too_large);
	}
}

static void run_call(struct call *call)
{
	struct certctl_error err = { 0 };
	CERTCTL_AUTO(json_decref) json_t *value = NULL;

	if (run_operation(call, &value, &err) == 0)
		err.code = 0;
	host_api_finish(call);
	send_result(call, value, &err);
}

/* --- Threads ------------------------------------------------------------------------------------------------------ */

void serve_wake(struct server *server)
{
	/* The counter is never read: each write is an edge, and an edge wakes one.  It cannot fill up in a lifetime. */
	if (eventfd_write(server->wake_fd, 1) < 0)
		abort();
}

static void *work(void *arg);

/* Somebody must listen while this thread is in the plugin, unless all that may run do. */
static void start_thread(struct server *server)
{
	pthread_t thread;

	if (server->idle > 0 || server->threads >= server->threads_max ||
		pthread_create(&thread, NULL, work, server) != 0)
		return;
	pthread_detach(thread);
	server->threads++;
}

/* With line.lock, which is free meanwhile. */
static void sleep_until_woken(struct server *server)
{
	struct epoll_event event;

	server->idle++;
	pthread_mutex_unlock(&server->line.lock);
	if (epoll_wait(server->events_fd, &event, 1, -1) < 0 && errno != EINTR)
		abort();
	pthread_mutex_lock(&server->line.lock);
	server->idle--;
	server->is_reading = true;
	certctl_line_poll(&server->line);
	server->is_reading = false;
}

/* With line.lock, which is free while the plugin runs. */
static void run_first(struct server *server)
{
	struct call *call = server->waiting, **link = &server->running;

	server->waiting = call->next;
	call->next = server->running;
	server->running = call;
	start_thread(server);
	if (server->waiting)
		serve_wake(server);
	pthread_mutex_unlock(&server->line.lock);
	run_call(call);
	pthread_mutex_lock(&server->line.lock);
	while (*link != call)
		link = &(*link)->next;
	*link = call->next;
	call_free(call);
}

static void *work(void *arg)
{
	struct server *server = arg;

	pthread_mutex_lock(&server->line.lock);
	while (server->waiting || server->line.broken.code == 0)
		if (server->waiting)
			run_first(server);
		else
			sleep_until_woken(server);
	serve_wake(server); /* the next one shall see it too */
	pthread_mutex_unlock(&server->line.lock);
	return NULL;
}

static int watch(int events_fd, int fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	return epoll_ctl(events_fd, EPOLL_CTL_ADD, fd, &event);
}

static bool is_quiet(void *arg)
{
	return ((struct server *)arg)->running == NULL;
}

void serve(struct server *server)
{
	struct certctl_line *line = &server->line;
	pthread_cond_t never;
	int64_t until_ms;

	line->dispatch = dispatch;
	line->arg = server;
	server->events_fd = epoll_create1(EPOLL_CLOEXEC);
	server->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (watch(server->events_fd, line->reader.fd) < 0 || watch(server->events_fd, server->wake_fd) < 0)
		return;
	server->threads = 1;
	server->threads_max = server->instance.plugin->descriptor.concurrency;
	work(server);
	until_ms = certctl_monotonic_ms() + FAREWELL_MS;
	certctl_cond_init(&never);
	pthread_mutex_lock(&line->lock);
	while (!is_quiet(server) && certctl_monotonic_ms() < until_ms)
		certctl_cond_wait_until(&never, &line->lock, certctl_monotonic_ms() + 5);
	bool may_close = is_quiet(server);

	pthread_mutex_unlock(&line->lock);
	if (may_close)
		instance_close(&server->instance);
}
