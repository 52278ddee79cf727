/* What a plugin may ask of its host, struct certctl_host: answered here or asked of the parent over its lane. */
#include "process.h"

#include <stdarg.h>
#include <string.h>

#define CALL_MAGIC UINT32_C(0x43414c4c)

static struct call *call_of(const struct certctl_host *host)
{
	certctl_assert(host && host->reserved == CALL_MAGIC);
	return host->context;
}

/* --- Answered here ------------------------------------------------------------------------------------------------ */

static int64_t now_s(const struct certctl_host *host)
{
	(void)host;
	return certctl_clock_now_s(certctl_clock_system());
}

static int64_t remaining_ms(const struct certctl_host *host)
{
	int64_t left_ms = call_of(host)->deadline_ms - certctl_monotonic_ms();

	return left_ms > 0 ? left_ms : 0;
}

/* Nobody else reads the lane while the plugin runs, but a thread of it that asks something: asking takes in what has come. */
static bool cancelled(const struct certctl_host *host)
{
	struct call *call = call_of(host);
	struct lane *lane = call->lane;

	if (pthread_mutex_trylock(&lane->read_lock) == 0) {
		while (!atomic_load(&lane->is_broken) && call_take_in(call, CERTCTL_FRAME_NOW, NULL) == 0)
			;
		pthread_mutex_unlock(&lane->read_lock);
	}
	return atomic_load(&lane->is_broken) || atomic_load(&call->is_cancelled) || remaining_ms(host) == 0;
}

/* --- Logging ------------------------------------------------------------------------------------------------------ */

static json_t *text_or_null(const char *text)
{
	char clean[1024];

	if (!text)
		return json_null();
	certctl_wire_clean(clean, sizeof(clean), text);
	return json_string(clean);
}

static void send_log(struct call *call, enum certctl_log_level level, const char *event, json_t *pairs)
{
	CERTCTL_AUTO(json_decref)
	json_t *frame = json_pack("{s:I, s:s, s:o, s:o}", "log", (json_int_t)call->id, "level",
		certctl_log_level_name(level), "event", text_or_null(event), "pairs", pairs);

	/* A record that cannot be sent is lost: the lane is broken, and the call will see that. */
	if (frame && lane_send(call->lane, frame, CERTCTL_FRAME_FOREVER, NULL) < 0)
		return;
}

static void log_record(const struct certctl_host *host, enum certctl_log_level level, const char *event, ...)
{
	struct call *call = call_of(host);
	size_t room = CERTCTL_LOG_RECORD_MAX;
	va_list args;

	if (atomic_fetch_add(&call->logged, 1) >= CERTCTL_LOG_RECORDS_MAX)
		return;
	json_t *pairs = json_array();

	va_start(args, event);
	for (const char *key = va_arg(args, const char *); key && pairs; key = va_arg(args, const char *)) {
		const char *value = va_arg(args, const char *);
		size_t size = strlen(key) + (value ? strnlen(value, 1024) : 0);

		if (size > room)
			break;
		room -= size;
		json_array_append_new(pairs, text_or_null(key));
		json_array_append_new(pairs, text_or_null(value));
	}
	va_end(args);
	send_log(call, level < CERTCTL_LOG_WARNING ? CERTCTL_LOG_WARNING : level, event ? event : "plugin.log", pairs);
}

void host_api_finish(struct call *call)
{
	unsigned logged = atomic_exchange(&call->logged, 0);

	if (logged > CERTCTL_LOG_RECORDS_MAX)
		send_log(call, CERTCTL_LOG_WARNING, "plugin.log_dropped",
			json_pack("[s, s]", "records", certctl_num(logged - CERTCTL_LOG_RECORDS_MAX)));
}

/* --- Asked of the parent ------------------------------------------------------------------------------------------ */

/* One question of a call at a time; its threads queue.  `argument` is taken. */
static int ask(const struct certctl_host *host, const char *what, json_t *argument, json_t **ret,
	struct certctl_error *err)
{
	struct call *call = call_of(host);
	CERTCTL_AUTO(json_decref) json_t *reply = NULL;
	CERTCTL_AUTO(json_decref)
	json_t *frame = json_pack("{s:I, s:s, s:o}", "ask", (json_int_t)call->id, "what", what, "argument", argument);

	if (!frame)
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: a text is missing or not UTF-8", what);
	pthread_mutex_lock(&call->lane->read_lock);
	int rc = lane_send(call->lane, frame, call->deadline_ms, err);

	while (rc == 0 && !call->reply)
		rc = call_take_in(call, call->deadline_ms, err);
	reply = CERTCTL_TAKE(call->reply);
	pthread_mutex_unlock(&call->lane->read_lock);
	if (rc < 0)
		return rc;
	if (json_object_get(reply, "error"))
		return certctl_wire_error_from_json(json_object_get(reply, "error"), err);
	*ret = json_incref(json_object_get(reply, "value"));
	return 0;
}

static int ask_for_nothing(const struct certctl_host *host, const char *what, json_t *argument,
	struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *value = NULL;

	return ask(host, what, argument, &value, err);
}

static int checkpoint(const struct certctl_host *host, const char *state, struct certctl_error *err)
{
	if (!state || strlen(state) > CERTCTL_STATE_MAX)
		return certctl_fail(err, CERTCTL_E_LIMIT, "checkpoint: a state of at most %d bytes expected",
			CERTCTL_STATE_MAX);
	return ask_for_nothing(host, "checkpoint", json_pack("{s:s}", "state", state), err);
}

static int state_get(const struct certctl_host *host, const char *name, TALLOC_CTX *mem, char **ret_value,
	int64_t *ret_version, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *value = NULL;
	const char *text;
	int rc = ask(host, "state_get", json_pack("{s:s}", "name", name), &value, err);

	if (rc < 0 || (rc = certctl_wire_text_from_json(mem, "value", value, &text, err)) < 0)
		return rc;
	*ret_value = (char *)(uintptr_t)text;
	*ret_version = certctl_json_integer_or(value, "version", 0);
	return 0;
}

static int state_put(const struct certctl_host *host, const char *name, const char *value, int64_t expected_version,
	int64_t *ret_version, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *answer = NULL;

	if (!value || strlen(value) > CERTCTL_STATE_MAX)
		return certctl_fail(err, CERTCTL_E_LIMIT, "state_put: a value of at most %d bytes expected",
			CERTCTL_STATE_MAX);
	int rc = ask(host, "state_put",
		json_pack("{s:s, s:s, s:I}", "name", name, "value", value, "expected_version",
			(json_int_t)expected_version),
		&answer, err);

	if (rc == 0)
		*ret_version = certctl_json_integer_or(answer, "version", 0);
	return rc;
}

static int ask_challenge(const struct certctl_host *host, const char *what, const struct certctl_challenge *challenge,
	struct certctl_error *err)
{
	json_t *argument = NULL;
	int rc = certctl_wire_to_json(&certctl_wire_challenge, challenge, &argument, err);

	return rc < 0 ? rc : ask_for_nothing(host, what, argument, err);
}

static int publish_challenge(const struct certctl_host *host, const struct certctl_challenge *challenge,
	struct certctl_error *err)
{
	return ask_challenge(host, "publish_challenge", challenge, err);
}

static int withdraw_challenge(const struct certctl_host *host, const struct certctl_challenge *challenge,
	struct certctl_error *err)
{
	return ask_challenge(host, "withdraw_challenge", challenge, err);
}

static int run(const struct certctl_host *host, const struct certctl_command *command, TALLOC_CTX *mem,
	struct certctl_command_result *ret, struct certctl_error *err)
{
	return runner_run(call_of(host), command, mem, ret, err);
}

void host_api_init(struct call *call)
{
	call->api = (struct certctl_host){
		.size = sizeof(call->api),
		.reserved = CALL_MAGIC,
		.context = call,
		.log = log_record,
		.now_s = now_s,
		.cancelled = cancelled,
		.remaining_ms = remaining_ms,
		.checkpoint = checkpoint,
		.state_get = state_get,
		.state_put = state_put,
		.publish_challenge = publish_challenge,
		.withdraw_challenge = withdraw_challenge,
		.run = run,
	};
}
