/* Answers what plugins ask their caller.  State lives in memory, so every run of certctl-plugin starts with a fresh instance. */
#include "check.h"

#include <string.h>

static int save_checkpoint(void *arg, const char *state, struct certctl_error *err)
{
	struct caller *caller = arg;

	if (strlen(state) > CERTCTL_STATE_MAX)
		return certctl_fail(err, CERTCTL_E_LIMIT, "checkpoint: at most %d bytes", CERTCTL_STATE_MAX);
	talloc_free(caller->checkpoint);
	caller->checkpoint = talloc_strdup(caller, state);
	return 0;
}

static int get_state(void *arg, const char *name, TALLOC_CTX *mem, char **ret_value, int64_t *ret_version,
	struct certctl_error *err)
{
	const struct caller *caller = arg;
	const json_t *state = json_object_get(caller->states, name);

	if (!state)
		return certctl_fail(err, CERTCTL_E_NOT_FOUND, "state %s: not there", name);
	*ret_value = talloc_strdup(mem, certctl_json_text_or(state, "value", ""));
	*ret_version = certctl_json_integer_or(state, "version", 0);
	return 0;
}

static int put_state(void *arg, const char *name, const char *value, int64_t expected_version, int64_t *ret_version,
	struct certctl_error *err)
{
	struct caller *caller = arg;
	int64_t version = certctl_json_integer_or(json_object_get(caller->states, name), "version", 0);

	if (strlen(value) > CERTCTL_STATE_MAX)
		return certctl_fail(err, CERTCTL_E_LIMIT, "state %s: at most %d bytes", name, CERTCTL_STATE_MAX);
	if (version != expected_version)
		return certctl_fail(err, CERTCTL_E_CONFLICT, "state %s: is at another version", name);
	json_object_set_new(caller->states, name, json_pack("{s:s, s:I}", "value", value, "version", version + 1));
	*ret_version = version + 1;
	return 0;
}

static int drop_states(struct caller *caller)
{
	json_decref(caller->states);
	return 0;
}

struct caller *caller_new(TALLOC_CTX *mem, int64_t timeout_s)
{
	struct caller *caller = talloc_zero(mem, struct caller);

	caller->states = json_object();
	talloc_set_destructor(caller, drop_states);
	caller->call = (struct certctl_call){ .timeout_ms = timeout_s * 1000,
		.checkpoint = save_checkpoint,
		.state_get = get_state,
		.state_put = put_state,
		.arg = caller };
	return caller;
}
