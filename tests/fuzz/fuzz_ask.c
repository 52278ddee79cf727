/* What a plugin's process asks during a call: every question has an answer or an error, and nothing longer than allowed gets through. */
#include "fuzz.h"

#include "sdk/host/caller/caller.h"

#include <string.h>

static int take_text(const char *text, size_t max)
{
	certctl_assert(strlen(text) <= max && certctl_utf8_is_valid(text, strlen(text)));
	return 0;
}

static int checkpoint(void *arg, const char *state, struct certctl_error *err)
{
	(void)arg, (void)err;
	return take_text(state, CERTCTL_STATE_MAX);
}

static int state_get(void *arg, const char *name, TALLOC_CTX *mem, char **ret_value, int64_t *ret_version,
	struct certctl_error *err)
{
	(void)arg;
	if (!name[0])
		return certctl_fail(err, CERTCTL_E_NOT_FOUND, "none");
	*ret_value = talloc_strdup(mem, "value");
	*ret_version = 7;
	return take_text(name, 255);
}

static int state_put(void *arg, const char *name, const char *value, int64_t expected_version, int64_t *ret_version,
	struct certctl_error *err)
{
	(void)arg, (void)err;
	*ret_version = expected_version < INT64_MAX ? expected_version + 1 : 0;
	return take_text(name, 255) + take_text(value, CERTCTL_STATE_MAX);
}

static int challenge(void *arg, const struct certctl_challenge *challenge_, struct certctl_error *err)
{
	(void)arg, (void)err;
	certctl_assert(challenge_->type && challenge_->identifier);
	return 0;
}

static void check_answer(const struct certctl_call *call, const json_t *ask)
{
	static const struct certctl_connector connector;
	CERTCTL_AUTO(json_decref) json_t *answer = call_answer(&connector, call, ask);
	struct certctl_error err = { 0 };

	certctl_assert(json_object_size(answer) == 1);
	certctl_assert(json_object_get(answer, "value") || json_object_get(answer, "error"));
	if (json_object_get(answer, "error"))
		certctl_assert(certctl_wire_error_from_json(json_object_get(answer, "error"), &err) < 0 && err.what[0]);
	char *text = certctl_json_text(NULL, answer, NULL);

	certctl_assert(text);
	talloc_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct certctl_call none, all = { .checkpoint = checkpoint,
		.state_get = state_get,
		.state_put = state_put,
		.publish_challenge = challenge,
		.withdraw_challenge = challenge };
	CERTCTL_AUTO(json_decref) json_t *ask = NULL;

	if (certctl_json_parse((const char *)data, size, NULL, &ask, NULL) < 0 || !json_is_object(ask))
		return 0;
	check_answer(&all, ask);
	check_answer(&none, ask);
	return 0;
}
