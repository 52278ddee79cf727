/* What a plugin asks during a call, answered by the callbacks of that call or its instance.  Runs on the thread that made it. */
#include "caller.h"

#include <string.h>

/* Who is asked. */
struct asking {
	const struct certctl_connector *connector;
	const struct certctl_call *call;
};

/* One row a question; `answer` sets *ret when there is something to say beyond success. */
struct question {
	const char *name;
	int (*answer)(const struct asking *asking, TALLOC_CTX *mem, const json_t *argument, json_t **ret,
		struct certctl_error *err);
};

static int unsupported(const char *what, struct certctl_error *err)
{
	return certctl_fail(err, CERTCTL_E_UNSUPPORTED, "%s: not available in this call", what);
}

/* Sizes are checked on this side as well: the other may be anybody. */
static int get_text(const json_t *argument, const char *key, size_t max, const char **ret, struct certctl_error *err)
{
	int rc = certctl_json_get_text(argument, key, ret, err);

	if (rc == 0 && strlen(*ret) > max)
		rc = certctl_fail(err, CERTCTL_E_LIMIT, "%s: at most %zu bytes", key, max);
	return rc;
}

static int answer_checkpoint(const struct asking *asking, TALLOC_CTX *mem, const json_t *argument, json_t **ret,
	struct certctl_error *err)
{
	const struct certctl_call *call = asking->call;
	const char *state;
	int rc;

	(void)mem, (void)ret;
	if (!call->checkpoint)
		return unsupported("checkpoint", err);
	rc = get_text(argument, "state", CERTCTL_STATE_MAX, &state, err);
	return rc < 0 ? rc : call->checkpoint(call->arg, state, err);
}

/* The call's own callbacks, or else those of its instance. */
static struct certctl_connector_state state_of(const struct asking *asking)
{
	const struct certctl_call *call = asking->call;

	if (call->state_get || call->state_put)
		return (struct certctl_connector_state){ call->state_get, call->state_put, call->arg };
	return asking->connector->state;
}

static int answer_state_get(const struct asking *asking, TALLOC_CTX *mem, const json_t *argument, json_t **ret,
	struct certctl_error *err)
{
	struct certctl_connector_state state = state_of(asking);
	const char *name;
	char *value = NULL;
	int64_t version = 0;
	int rc;

	if (!state.get)
		return unsupported("state_get", err);
	if ((rc = get_text(argument, "name", 255, &name, err)) < 0 ||
		(rc = state.get(state.arg, name, mem, &value, &version, err)) < 0)
		return rc;
	*ret = json_pack("{s:s, s:I}", "value", value ? value : "", "version", (json_int_t)version);
	return *ret ? 0 : certctl_fail(err, CERTCTL_E_INTERNAL, "state_get: the stored value is not UTF-8");
}

static int answer_state_put(const struct asking *asking, TALLOC_CTX *mem, const json_t *argument, json_t **ret,
	struct certctl_error *err)
{
	struct certctl_connector_state state = state_of(asking);
	const char *name, *value;
	int64_t version = 0;
	int rc;

	(void)mem;
	if (!state.put)
		return unsupported("state_put", err);
	if ((rc = get_text(argument, "name", 255, &name, err)) < 0 ||
		(rc = get_text(argument, "value", CERTCTL_STATE_MAX, &value, err)) < 0 ||
		(rc = state.put(state.arg, name, value, certctl_json_integer_or(argument, "expected_version", 0),
			 &version, err)) < 0)
		return rc;
	*ret = json_pack("{s:I}", "version", (json_int_t)version);
	return 0;
}

static int answer_publish(const struct asking *asking, TALLOC_CTX *mem, const json_t *argument, json_t **ret,
	struct certctl_error *err)
{
	const struct certctl_call *call = asking->call;
	struct certctl_challenge challenge = { 0 };
	int rc;

	(void)ret;
	if (!call->publish_challenge)
		return unsupported("publish_challenge", err);
	rc = certctl_wire_from_json(mem, &certctl_wire_challenge, argument, &challenge, err);
	return rc < 0 ? rc : call->publish_challenge(call->arg, &challenge, err);
}

static int answer_withdraw(const struct asking *asking, TALLOC_CTX *mem, const json_t *argument, json_t **ret,
	struct certctl_error *err)
{
	const struct certctl_call *call = asking->call;
	struct certctl_challenge challenge = { 0 };
	int rc;

	(void)ret;
	if (!call->withdraw_challenge)
		return unsupported("withdraw_challenge", err);
	rc = certctl_wire_from_json(mem, &certctl_wire_challenge, argument, &challenge, err);
	return rc < 0 ? rc : call->withdraw_challenge(call->arg, &challenge, err);
}

static const struct question questions[] = {
	{ "checkpoint", answer_checkpoint },
	{ "state_get", answer_state_get },
	{ "state_put", answer_state_put },
	{ "publish_challenge", answer_publish },
	{ "withdraw_challenge", answer_withdraw },
};

json_t *call_answer(const struct certctl_connector *connector, const struct certctl_call *call, const json_t *ask)
{
	struct asking asking = { connector, call };
	const char *what = certctl_json_text_or(ask, "what", "");
	struct certctl_error err = { 0 };
	TALLOC_CTX *mem = talloc_named_const(NULL, 0, "answer");
	json_t *value = NULL;
	int rc = 1;

	for (size_t i = 0; rc == 1 && i < CERTCTL_COUNT(questions); i++)
		if (strcmp(questions[i].name, what) == 0)
			rc = questions[i].answer(&asking, mem, json_object_get(ask, "argument"), &value, &err);
	if (rc == 1)
		rc = certctl_fail(&err, CERTCTL_E_UNSUPPORTED, "this program cannot answer \"%.40s\"", what);
	talloc_free(mem);
	return rc < 0 ? json_pack("{s:o}", "error", certctl_wire_error_to_json(&err))
		      : json_pack("{s:o}", "value", value ? value : json_null());
}
