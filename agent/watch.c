/*
 * Beside the work: what the servers of this host serve is looked at and told, so that a certificate that somebody replaced by hand is
 * noticed; and keys that are no more are told until the control plane knows.  The looks themselves are the worker's.
 */
#include "agent.h"
#include "agent/shared/link.h"

#include <certctl/log.h>
#include <certctl/time.h>

#define WORKER_WAIT_MS INT64_C(120000)
#define LOOKS_AT_ONCE  10
#define ROUND_S        60 /* between two questions for keys that are no more */

struct watch {
	struct certctl_agent *agent;
	struct certctl_session session;
	int64_t look_ms; /* when the next looks are due */
};

static int ask_worker(const struct watch *watch, const char *operation, json_t *argument, json_t **ret,
	struct certctl_error *err)
{
	return certctl_link_ask(&(struct certctl_link_call){ .socket = watch->agent->settings->socket,
					.operation = operation,
					.argument = argument,
					.timeout_ms = WORKER_WAIT_MS,
					.is_cancelled = certctl_stop_is_wanted,
					.arg = &watch->agent->stop },
		ret, err);
}

/* --- Keys that are no more ------------------------------------------------------------------------------------------------ */

/* Refused is told too: it will never be wanted. */
static bool is_told(int rc, const struct certctl_error *err)
{
	return rc == 0 || !(err->retryable || rc == CERTCTL_E_CANCELLED || rc == CERTCTL_E_DENIED);
}

static int tell_one(struct watch *watch, json_t *key, json_t *told, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *alone = json_pack("[O]", key);
	int rc = certctl_control_destroyed(watch->session.control, alone, err);

	if (!is_told(rc, err))
		return rc;
	if (rc < 0)
		certctl_log_error(CERTCTL_LOG_WARNING, "key.destroyed_refused", err, "certificate",
			certctl_json_text_or(key, "certificate_id", ""), NULL);
	json_array_append(told, key);
	return 0;
}

/* All at once; when one of them is refused, each for itself. */
static int tell(struct watch *watch, json_t *keys, json_t *told, struct certctl_error *err)
{
	int rc = certctl_control_destroyed(watch->session.control, keys, err);

	if (rc == 0)
		json_array_extend(told, keys);
	if (rc == 0 || !is_told(rc, err))
		return rc;
	rc = 0;
	for (size_t i = 0; rc == 0 && i < json_array_size(keys); i++)
		rc = tell_one(watch, json_array_get(keys, i), told, err);
	return rc;
}

static int tell_destroyed(struct watch *watch, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *answer = NULL;
	CERTCTL_AUTO(json_decref) json_t *told = json_array();
	int rc = ask_worker(watch, "destroyed", NULL, &answer, err);
	json_t *keys = json_object_get(answer, "keys");

	if (rc < 0 || json_array_size(keys) == 0)
		return rc;
	rc = certctl_session_refresh(watch->agent, &watch->session, err);
	if (rc == 0)
		rc = tell(watch, keys, told, err);
	if (json_array_size(told) == 0)
		return rc;
	CERTCTL_AUTO(json_decref) json_t *argument = json_pack("{s:O}", "keys", told);
	CERTCTL_AUTO(json_decref) json_t *nothing = NULL;
	struct certctl_error why = { 0 };
	int forgotten = ask_worker(watch, "told", argument, &nothing, &why);

	if (rc == 0 && forgotten < 0)
		*err = why;
	return rc == 0 ? forgotten : rc;
}

/* --- What is served --------------------------------------------------------------------------------------------------------- */

/* What was never deployed, or is on its way, says nothing. */
static bool is_worth_a_look(const json_t *row)
{
	return json_is_true(json_object_get(row, "is_deployed")) && json_is_object(json_object_get(row, "version")) &&
	       json_is_object(json_object_get(row, "target"));
}

static int tell_looks(struct watch *watch, const json_t *looks, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *observations = json_array();

	for (size_t i = 0; i < json_array_size(looks); i++) {
		const json_t *look = json_array_get(looks, i);
		const char *served = certctl_json_text_or(look, "served_fingerprint", NULL);

		/* The row's id, which stands in for the job's, is the binding's. */
		if (json_is_true(json_object_get(look, "has_probe")))
			json_array_append_new(observations,
				json_pack("{s:s, s:s*}", "binding_id", certctl_json_text_or(look, "job_id", ""),
					"served_fingerprint", served));
	}
	return json_array_size(observations) == 0 ? 0
						  : certctl_control_observe(watch->session.control, observations, err);
}

static int look_at(struct watch *watch, json_t *deployments, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *argument = json_pack("{s:O}", "deployments", deployments);
	CERTCTL_AUTO(json_decref) json_t *answer = NULL;
	int rc = ask_worker(watch, "look", argument, &answer, err);

	return rc == 0 ? tell_looks(watch, json_object_get(answer, "looks"), err) : rc;
}

static int look_at_page(struct watch *watch, const json_t *rows, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *deployments = json_array();
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < json_array_size(rows); i++) {
		if (is_worth_a_look(json_array_get(rows, i)))
			json_array_append_new(deployments, certctl_jobs_deployment(json_array_get(rows, i)));
		bool is_full = json_array_size(deployments) == LOOKS_AT_ONCE || i + 1 == json_array_size(rows);

		if (!is_full || json_array_size(deployments) == 0)
			continue;
		rc = look_at(watch, deployments, err);
		json_array_clear(deployments);
	}
	return rc;
}

static int look_at_all(struct watch *watch, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	const char *after = NULL;
	int rc = certctl_session_refresh(watch->agent, &watch->session, err);

	do {
		CERTCTL_AUTO(json_decref) json_t *rows = NULL;

		if (rc == 0)
			rc = certctl_control_plan(watch->session.control, mem, NULL, after, &rows, &after, err);
		if (rc == 0)
			rc = look_at_page(watch, rows, err);
	} while (rc == 0 && after);
	talloc_free(mem);
	return rc;
}

/* --- The thread ------------------------------------------------------------------------------------------------------------- */

static int go_round(struct watch *watch, struct certctl_error *err)
{
	int rc = tell_destroyed(watch, err);

	if (rc < 0 || certctl_monotonic_ms() < watch->look_ms)
		return rc;
	watch->look_ms = certctl_monotonic_ms() + certctl_jitter_ms(watch->agent->settings->look_s * 1000);
	return look_at_all(watch, err);
}

void certctl_agent_watch(struct certctl_agent *agent)
{
	int64_t look_s = agent->settings->look_s, round_s = look_s < ROUND_S ? look_s : ROUND_S;
	struct watch watch = { .agent = agent };
	struct certctl_error err = { 0 };

	while (!certctl_stop_wait(&agent->stop, certctl_jitter_ms(round_s * 1000))) {
		if (go_round(&watch, &err) < 0 && !certctl_session_note_retirement(agent, &watch.session) &&
			!certctl_stop_is_wanted(&agent->stop))
			certctl_log_error(CERTCTL_LOG_WARNING, "watch.failed", &err, NULL);
		certctl_session_close(&watch.session);
	}
}
