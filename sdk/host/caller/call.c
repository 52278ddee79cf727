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
/* A process that closed its line is about to end; longer than this it only pretends. */
#define END_GRACE_MS 500

struct attempt {
	struct certctl_connector *connector;
	const struct certctl_call *call;
	const char *operation;
	int64_t deadline_ms, give_up_ms; /* give_up_ms: deadline, or earlier once cancelled */
	bool is_cancelled, was_stopped;
	struct child *child;
	struct pending pending;
};

/* --- What comes from the process ---------------------------------------------------------------------------------- */

static struct pending *find_pending(struct child *child, int64_t id)
{
	struct pending *at = child->calls;

	while (at && at->id != id)
		at = at->next;
	return at;
}

static void break_protocol(struct child *child, const char *what)
{
	struct certctl_error why = { 0 };

	certctl_fail(&why, CERTCTL_E_PROTOCOL, "frame: %s", what);
	certctl_line_break(&child->line, &why);
}

/* Frames come from a process that runs somebody else's code: each is one of three, or the line is broken. */
static void dispatch(void *arg, json_t *frame)
{
	struct child *child = arg;
	int64_t result = certctl_json_integer_or(frame, "result", 0), ask = certctl_json_integer_or(frame, "ask", 0);
	struct pending *pending = find_pending(child, result ? result : ask);

	if (json_object_get(frame, "log"))
		child_log(child, frame);
	else if (!pending)
		break_protocol(child, "for a call that is not open");
	else if (result && !pending->result)
		pending->result = json_incref(frame);
	else if (ask && !pending->ask && !pending->result)
		pending->ask = json_incref(frame);
	else
		break_protocol(child, "an answer too many");
}

static bool has_news(void *arg)
{
	const struct pending *pending = arg;

	return pending->result || pending->ask;
}

/* --- Sending ------------------------------------------------------------------------------------------------------ */

static int send_call(struct attempt *attempt, json_t *argument, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref)
	json_t *frame = json_pack("{s:I, s:s, s:I, s:O*}", "call", (json_int_t)attempt->pending.id, "operation",
		attempt->operation, "deadline_ms", (json_int_t)attempt->deadline_ms, "argument", argument);

	if (!frame)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "%s: no memory", attempt->operation);
	return certctl_line_send(&attempt->child->line, frame, attempt->deadline_ms, err);
}

static void send_cancel(struct attempt *attempt)
{
	CERTCTL_AUTO(json_decref) json_t *frame = json_pack("{s:I}", "cancel", (json_int_t)attempt->pending.id);

	attempt->is_cancelled = true;
	attempt->give_up_ms = certctl_monotonic_ms() + CANCEL_GRACE_MS;
	if (attempt->give_up_ms > attempt->deadline_ms)
		attempt->give_up_ms = attempt->deadline_ms;
	/* When it cannot be sent the line is broken, which the wait that follows finds out. */
	if (certctl_line_send(&attempt->child->line, frame, attempt->give_up_ms, NULL) < 0)
		return;
}

static void send_answer(struct attempt *attempt, const json_t *ask)
{
	CERTCTL_AUTO(json_decref) json_t *frame = call_answer(attempt->connector, attempt->call, ask);

	json_object_set_new(frame, "reply", json_integer(attempt->pending.id));
	if (certctl_line_send(&attempt->child->line, frame, attempt->deadline_ms, NULL) < 0)
		return;
}

/* --- Waiting ------------------------------------------------------------------------------------------------------ */

static void look_for_cancel(struct attempt *attempt)
{
	const struct certctl_call *call = attempt->call;

	if (!attempt->is_cancelled && call->is_cancelled && call->is_cancelled(call->arg))
		send_cancel(attempt);
}

/* With line.lock.  0: the result is there; TIMEOUT: given up; other: the line is broken. */
static int wait_for_result(struct attempt *attempt, struct certctl_error *err)
{
	struct certctl_line *line = &attempt->child->line;

	for (;;) {
		int64_t now_ms = certctl_monotonic_ms();
		int64_t until_ms = attempt->give_up_ms;

		if (attempt->call->is_cancelled && !attempt->is_cancelled && until_ms > now_ms + ASK_EVERY_MS)
			until_ms = now_ms + ASK_EVERY_MS;
		int rc = certctl_line_wait(line, has_news, &attempt->pending, until_ms, err);

		if (rc == 0 && attempt->pending.result)
			return 0;
		if (rc < 0 && rc != CERTCTL_E_TIMEOUT)
			return rc;
		json_t *ask = CERTCTL_TAKE(attempt->pending.ask);

		if (rc == CERTCTL_E_TIMEOUT) {
			child_drain(attempt->child);
			if (certctl_monotonic_ms() >= attempt->give_up_ms)
				return rc;
		}
		pthread_mutex_unlock(&line->lock);
		if (ask)
			send_answer(attempt, ask);
		look_for_cancel(attempt);
		json_decref(ask);
		pthread_mutex_lock(&line->lock);
	}
}

static void enlist(struct attempt *attempt)
{
	struct child *child = attempt->child;

	pthread_mutex_lock(&child->line.lock);
	child->line.dispatch = dispatch;
	attempt->pending.next = child->calls;
	child->calls = &attempt->pending;
	pthread_mutex_unlock(&child->line.lock);
}

/* With line.lock.  The first to find the line broken counts those who share the fate. */
static void unlist(struct attempt *attempt)
{
	struct child *child = attempt->child;
	unsigned count = 0;

	for (struct pending *at = child->calls; at; at = at->next)
		count++;
	if (child->line.broken.code < 0 && child->calls_at_end == 0)
		child->calls_at_end = count;
	for (struct pending **link = &child->calls; *link; link = &(*link)->next)
		if (*link == &attempt->pending) {
			*link = attempt->pending.next;
			break;
		}
}

/* --- How it ended ------------------------------------------------------------------------------------------------- */

/* Deadline or cancel: the process is killed, and the others in it are told why. */
static int give_up(struct attempt *attempt, struct certctl_error *err)
{
	struct child *child = attempt->child;
	struct certctl_error why = { 0 };
	int rc;

	pthread_mutex_lock(&child->line.lock);
	if (child->end == CHILD_LIVES)
		child->end = CHILD_KILLED;
	certctl_fail(&why, CERTCTL_E_INTERRUPTED, "the process was ended for another call");
	certctl_line_break(&child->line, &why);
	pthread_mutex_unlock(&child->line.lock);
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

/* The line broke under the call: its own doing when it was the only one. */
static int blame(struct attempt *attempt, const struct certctl_error *broken, struct certctl_error *err)
{
	struct child *child = attempt->child;
	struct certctl_connector *connector = attempt->connector;
	struct certctl_error why;
	char text[96];

	pthread_mutex_lock(&child->line.lock);
	enum child_end end = child->end;
	bool was_alone = child->calls_at_end <= 1;

	pthread_mutex_unlock(&child->line.lock);
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

static int read_result(const struct attempt *attempt, json_t **ret, struct certctl_error *err)
{
	const json_t *frame = attempt->pending.result;
	const json_t *error = json_object_get(frame, "error");

	if (error)
		return certctl_wire_error_from_json(error, err);
	*ret = json_incref(json_object_get(frame, "value"));
	return 0;
}

/* --- The call ----------------------------------------------------------------------------------------------------- */

static int run_in_child(struct attempt *attempt, json_t *argument, json_t **ret, struct certctl_error *err)
{
	struct child *child = attempt->child;
	struct certctl_error why = { 0 };

	enlist(attempt);
	int rc = send_call(attempt, argument, &why);

	/* Too large or not to be written: nothing was sent, the process is as good as before. */
	bool is_refused = rc == CERTCTL_E_LIMIT || rc == CERTCTL_E_INVALID || rc == CERTCTL_E_NO_MEMORY;

	pthread_mutex_lock(&child->line.lock);
	if (rc == 0)
		rc = wait_for_result(attempt, &why);
	unlist(attempt);
	if (certctl_monotonic_ms() > child->drained_ms + 1000)
		child_drain(child);
	pthread_mutex_unlock(&child->line.lock);
	if (rc == 0) {
		connector_went_well(attempt->connector);
		return read_result(attempt, ret, err);
	}
	if (is_refused) {
		if (err)
			*err = why;
		return rc;
	}
	return rc == CERTCTL_E_TIMEOUT ? give_up(attempt, err) : blame(attempt, &why, err);
}

static int try_once(struct attempt *attempt, bool alone, json_t *argument, json_t **ret, struct certctl_error *err)
{
	struct certctl_connector *connector = attempt->connector;
	int rc = connector_enter(connector, alone, attempt->deadline_ms, err);

	if (rc < 0)
		return rc;
	rc = connector_child(connector, alone, attempt->deadline_ms, &attempt->child, err);
	if (rc == 0) {
		attempt->pending =
			(struct pending){ .id = __atomic_add_fetch(&connector->last_id, 1, __ATOMIC_RELAXED) };
		rc = run_in_child(attempt, argument, ret, err);
		json_decref(attempt->pending.result);
		json_decref(attempt->pending.ask);
		connector_release(connector, attempt->child);
	}
	connector_leave(connector);
	return rc;
}

static bool is_offered(const struct certctl_description *description, const char *operation)
{
	for (char **name = description->operations; *name; name++)
		if (strcmp(*name, operation) == 0)
			return true;
	return strncmp(operation, "host.", 5) == 0;
}

int certctl_connector_call(struct certctl_connector *connector, const char *operation, json_t *argument,
	const struct certctl_call *call, json_t **ret, struct certctl_error *err)
{
	static const struct certctl_call plain;
	struct attempt attempt = { .connector = connector, .call = call ? call : &plain, .operation = operation };
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
	rc = try_once(&attempt, false, argument, &value, &why);
	if (rc == CERTCTL_E_INTERRUPTED && !attempt.is_cancelled && !attempt.was_stopped)
		rc = try_once(&attempt, true, argument, &value, &why);
	if (rc < 0 && err)
		*err = why;
	if (rc == 0 && ret)
		*ret = value;
	else
		json_decref(value);
	return rc;
}
