/*
 * One call: a slot, a child, a frame out; then wait, answering what the plugin asks on this very thread, until the result comes,
 * the deadline passes, the caller gives up or the process ends.  An innocent neighbour of a failure is tried once more, alone.
 */
#include "caller.h"

#include <certctl/time.h>
#include <string.h>

#define TIMEOUT_DEFAULT_MS 30000
/* How often a waiting call asks its caller whether he still wants it. */
#define ASK_EVERY_MS 100
/* What a cancelled operation gets to end by itself. */
#define CANCEL_GRACE_MS 3000
/* A process that closed a lane is about to end; longer than this it only pretends. */
#define END_GRACE_MS 500
/* Standard error of a process that does well is looked at this seldom. */
#define DRAIN_EVERY_MS 1000

struct attempt {
	struct certctl_connector *connector;
	const struct certctl_call *call;
	const char *operation;
	certctl_frame_write_fn *write; /* the argument's; NULL: none */
	const void *argument;
	int64_t deadline_ms, give_up_ms; /* give_up_ms: deadline, or earlier once cancelled */
	bool is_cancelled, was_stopped;
	unsigned lane;
	int64_t id;
	struct child *child;
};

/* --- Sending ------------------------------------------------------------------------------------------------------ */

static int send_frame(const struct attempt *attempt, const json_t *frame, int64_t deadline_ms,
	struct certctl_error *err)
{
	if (!frame)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "%s: no memory", attempt->operation);
	return certctl_frame_send(attempt->child->lanes[attempt->lane].fd, frame, CERTCTL_FRAME_MAX, deadline_ms, err);
}

static int write_call(struct certctl_buffer *out, const void *arg, struct certctl_error *err)
{
	const struct attempt *attempt = arg;
	int rc = 0;

	certctl_buffer_puts(out, "{\"call\":");
	certctl_buffer_integer(out, attempt->id);
	certctl_buffer_puts(out, ",\"operation\":");
	certctl_buffer_json_string(out, attempt->operation, strlen(attempt->operation));
	certctl_buffer_puts(out, ",\"deadline_ms\":");
	certctl_buffer_integer(out, attempt->deadline_ms);
	if (attempt->write) {
		certctl_buffer_puts(out, ",\"argument\":");
		rc = attempt->write(out, attempt->argument, err);
	}
	certctl_buffer_puts(out, "}");
	return rc;
}

static int send_call(const struct attempt *attempt, struct certctl_error *err)
{
	return certctl_frame_write(attempt->child->lanes[attempt->lane].fd, write_call, attempt, CERTCTL_FRAME_MAX,
		attempt->deadline_ms, err);
}

static int send_cancel(struct attempt *attempt, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *frame = json_pack("{s:I}", "cancel", (json_int_t)attempt->id);

	attempt->is_cancelled = true;
	attempt->give_up_ms = certctl_monotonic_ms() + CANCEL_GRACE_MS;
	if (attempt->give_up_ms > attempt->deadline_ms)
		attempt->give_up_ms = attempt->deadline_ms;
	return send_frame(attempt, frame, attempt->give_up_ms, err);
}

static int send_answer(const struct attempt *attempt, const json_t *ask, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *frame = call_answer(attempt->connector, attempt->call, ask);

	json_object_set_new(frame, "reply", json_integer(attempt->id));
	return send_frame(attempt, frame, attempt->deadline_ms, err);
}

/* --- Waiting ------------------------------------------------------------------------------------------------------ */

/*
 * The result of this call or a question of it; records of the log are passed on.  Frames come from a process that runs somebody
 * else's code: each is one of these three, or the protocol is broken.
 */
static int receive(const struct attempt *attempt, int64_t until_ms, json_t **ret, struct certctl_error *err)
{
	struct certctl_frame_reader *lane = &attempt->child->lanes[attempt->lane];

	/* A process that sends records without end has its deadline, too. */
	do {
		CERTCTL_AUTO(json_decref) json_t *frame = NULL;
		int rc = certctl_frame_receive(lane, until_ms, &frame, err);

		if (rc < 0)
			return rc;
		if (json_object_get(frame, "log")) {
			child_log(attempt->child, frame);
			continue;
		}
		if (certctl_json_integer_or(frame, "result", 0) != attempt->id &&
			certctl_json_integer_or(frame, "ask", 0) != attempt->id)
			return certctl_fail(err, CERTCTL_E_PROTOCOL, "frame: for a call that is not open");
		*ret = CERTCTL_TAKE(frame);
		return 0;
	} while (certctl_monotonic_ms() < until_ms);
	return certctl_fail(err, CERTCTL_E_TIMEOUT, "frame: the deadline has passed");
}

static void drain(struct child *child)
{
	pthread_mutex_lock(&child->lock);
	child_drain(child);
	pthread_mutex_unlock(&child->lock);
}

static int64_t look_again_ms(const struct attempt *attempt)
{
	int64_t soon_ms = certctl_monotonic_ms() + ASK_EVERY_MS;
	bool may_cancel = attempt->call->is_cancelled && !attempt->is_cancelled;

	return may_cancel && soon_ms < attempt->give_up_ms ? soon_ms : attempt->give_up_ms;
}

/* 0: the result is there; TIMEOUT: given up; other: the lane is broken. */
static int wait_for_result(struct attempt *attempt, json_t **ret, struct certctl_error *err)
{
	const struct certctl_call *call = attempt->call;

	for (;;) {
		CERTCTL_AUTO(json_decref) json_t *frame = NULL;
		int rc = receive(attempt, look_again_ms(attempt), &frame, err);

		if (rc == 0 && json_object_get(frame, "result")) {
			*ret = CERTCTL_TAKE(frame);
			return 0;
		}
		if (rc == CERTCTL_E_TIMEOUT) {
			drain(attempt->child);
			if (certctl_monotonic_ms() >= attempt->give_up_ms)
				return rc;
			rc = 0;
		}
		if (rc == 0 && frame)
			rc = send_answer(attempt, frame, err);
		if (rc == 0 && !attempt->is_cancelled && call->is_cancelled && call->is_cancelled(call->arg))
			rc = send_cancel(attempt, err);
		if (rc < 0)
			return rc;
	}
}

static void enlist(struct child *child)
{
	pthread_mutex_lock(&child->lock);
	child->calls++;
	pthread_mutex_unlock(&child->lock);
}

/* The first to find its lane broken counts those who share the fate. */
static void unlist(struct child *child, bool is_broken)
{
	pthread_mutex_lock(&child->lock);
	if (is_broken && child->calls_at_end == 0)
		child->calls_at_end = child->calls;
	child->calls--;
	if (certctl_monotonic_ms() > child->drained_ms + DRAIN_EVERY_MS)
		child_drain(child);
	pthread_mutex_unlock(&child->lock);
}

/* --- How it ended ------------------------------------------------------------------------------------------------- */

/* Deadline or cancel: the process is killed, and the others in it are told why. */
static int give_up(struct attempt *attempt, struct certctl_error *err)
{
	struct child *child = attempt->child;
	int rc;

	pthread_mutex_lock(&child->lock);
	if (child->end == CHILD_LIVES)
		child->end = CHILD_KILLED;
	pthread_mutex_unlock(&child->lock);
	connector_retire(attempt->connector, child, 0, false);
	if (attempt->is_cancelled)
		return certctl_fail(err, CERTCTL_E_CANCELLED,
			"%s: %s was cancelled and did not end; its process was killed", attempt->connector->name,
			attempt->operation);
	rc = certctl_fail(err, CERTCTL_E_TIMEOUT, "%s: %s did not end in time; its process was killed",
		attempt->connector->name, attempt->operation);
	child_hint(child, err);
	return rc;
}

static void log_crash(const struct attempt *attempt, const struct certctl_error *err)
{
	const char *pairs[] = { "instance", attempt->connector->name, "plugin", attempt->connector->description->id,
		"operation", attempt->operation, "what", err->what, "hint", err->hint };

	pool_log(attempt->child->pool, CERTCTL_LOG_WARNING, "plugin.crashed", pairs, CERTCTL_COUNT(pairs));
}

/* The lane broke under the call: its own doing when it was the only one. */
static int blame(struct attempt *attempt, const struct certctl_error *broken, struct certctl_error *err)
{
	struct child *child = attempt->child;
	struct certctl_connector *connector = attempt->connector;
	struct certctl_error why;
	char text[96];

	pthread_mutex_lock(&child->lock);
	enum child_end end = child->end;
	bool was_alone = child->calls_at_end <= 1;

	pthread_mutex_unlock(&child->lock);
	bool closed = broken->code == CERTCTL_E_UNAVAILABLE;

	connector_retire(connector, child, closed ? END_GRACE_MS : 0, end == CHILD_LIVES);
	attempt->was_stopped = end == CHILD_STOPPED;
	if (end != CHILD_LIVES || !was_alone)
		return certctl_fail(err, CERTCTL_E_INTERRUPTED, "%s: %s was interrupted: %s", connector->name,
			attempt->operation,
			end == CHILD_STOPPED  ? "its process was stopped"
			: end == CHILD_KILLED ? "its process was ended for another call"
					      : "its process crashed with several calls in it");
	if (closed)
		certctl_fail(&why, CERTCTL_E_CRASHED, "%s: plugin process %s during %s", connector->name,
			child_end_text(child, text), attempt->operation);
	else
		certctl_fail(&why, broken->code, "%s: plugin process broke the protocol during %s: %s", connector->name,
			attempt->operation, broken->what);
	child_hint(child, &why);
	log_crash(attempt, &why);
	if (err)
		*err = why;
	return why.code;
}

static int read_result(const json_t *frame, json_t **ret, struct certctl_error *err)
{
	const json_t *error = json_object_get(frame, "error");

	if (error)
		return certctl_wire_error_from_json(error, err);
	*ret = json_incref(json_object_get(frame, "value"));
	return 0;
}

/* --- The call ----------------------------------------------------------------------------------------------------- */

static int run_in_child(struct attempt *attempt, json_t **ret, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *result = NULL;
	struct certctl_error why = { 0 };

	enlist(attempt->child);
	int rc = send_call(attempt, &why);

	/* Too large or not to be written: nothing was sent, the process is as good as before. */
	bool is_refused = rc == CERTCTL_E_LIMIT || rc == CERTCTL_E_INVALID || rc == CERTCTL_E_NO_MEMORY;

	if (rc == 0)
		rc = wait_for_result(attempt, &result, &why);
	unlist(attempt->child, rc < 0 && rc != CERTCTL_E_TIMEOUT && !is_refused);
	if (rc == 0) {
		connector_went_well(attempt->connector);
		return read_result(result, ret, err);
	}
	if (is_refused) {
		if (err)
			*err = why;
		return rc;
	}
	return rc == CERTCTL_E_TIMEOUT ? give_up(attempt, err) : blame(attempt, &why, err);
}

static int try_once(struct attempt *attempt, bool alone, json_t **ret, struct certctl_error *err)
{
	struct certctl_connector *connector = attempt->connector;
	int rc = connector_enter(connector, alone, attempt->deadline_ms, &attempt->lane, err);

	if (rc < 0)
		return rc;
	rc = connector_child(connector, alone, attempt->deadline_ms, &attempt->child, err);
	if (rc == 0) {
		attempt->id = __atomic_add_fetch(&connector->last_id, 1, __ATOMIC_RELAXED);
		rc = run_in_child(attempt, ret, err);
		connector_release(connector, attempt->child);
	}
	connector_leave(connector, attempt->lane);
	return rc;
}

static bool is_offered(const struct certctl_description *description, const char *operation)
{
	for (char **name = description->operations; *name; name++)
		if (strcmp(*name, operation) == 0)
			return true;
	return strncmp(operation, "host.", 5) == 0;
}

int connector_call(struct certctl_connector *connector, const char *operation, certctl_frame_write_fn *write,
	const void *argument, const struct certctl_call *call, json_t **ret, struct certctl_error *err)
{
	static const struct certctl_call plain;
	struct attempt attempt = { .connector = connector,
		.call = call ? call : &plain,
		.operation = operation,
		.write = write,
		.argument = argument };
	struct certctl_error why = { 0 };
	json_t *value = NULL;
	int rc;

	if ((rc = connector_check_pool(connector, err)) < 0)
		return rc;
	if (!is_offered(connector->description, operation))
		return certctl_fail(err, CERTCTL_E_UNSUPPORTED, "%s: plugin %s has no operation %s", connector->name,
			connector->description->id, operation);
	attempt.deadline_ms =
		certctl_monotonic_ms() + (attempt.call->timeout_ms > 0 ? attempt.call->timeout_ms : TIMEOUT_DEFAULT_MS);
	attempt.give_up_ms = attempt.deadline_ms;
	if (attempt.call->is_cancelled && attempt.call->is_cancelled(attempt.call->arg))
		return certctl_fail(err, CERTCTL_E_CANCELLED, "%s: %s was cancelled before it began", connector->name,
			operation);
	rc = try_once(&attempt, false, &value, &why);
	if (rc == CERTCTL_E_INTERRUPTED && !attempt.is_cancelled && !attempt.was_stopped)
		rc = try_once(&attempt, true, &value, &why);
	if (rc < 0 && err)
		*err = why;
	if (rc == 0 && ret)
		*ret = value;
	else
		json_decref(value);
	return rc;
}

static int write_json(struct certctl_buffer *out, const void *arg, struct certctl_error *err)
{
	if (!certctl_json_append(out, arg))
		return certctl_fail(err, CERTCTL_E_INVALID, "argument: a text in it is not UTF-8");
	return 0;
}

int certctl_connector_call(struct certctl_connector *connector, const char *operation, json_t *argument,
	const struct certctl_call *call, json_t **ret, struct certctl_error *err)
{
	return connector_call(connector, operation, argument ? write_json : NULL, argument, call, ret, err);
}
