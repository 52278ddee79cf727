/* The heartbeat loop: says that this agent is there and what it can do, and keeps its identity young. */
#include "agent.h"
#include "agent/shared/link.h"

#include <certctl/log.h>
#include <certctl/time.h>
#include <stdio.h>
#include <string.h>

#define STATUS_WAIT_MS    INT64_C(10000)
#define DESCRIBE_WAIT_MS  INT64_C(20000)
#define DESCRIBE_EVERY_MS INT64_C(600000)
/* Polls are signs of life too: a heartbeat for its own sake comes when they stay away for so many periods. */
#define QUIET_PERIODS 3

struct heartbeat {
	struct certctl_agent *agent;
	struct certctl_session session;
	json_t *plugins;      /* what the worker says it has; NULL: not asked yet */
	bool is_told;         /* the control plane has `plugins` and `problem` */
	int64_t described_ms; /* when the worker was asked */
	char problem[256];    /* why this agent cannot work; "": nothing */
	int64_t written_s;    /* the contact that is on disk */
};

static int ask_worker(const struct heartbeat *heartbeat, const char *operation, json_t *argument, int64_t wait_ms,
	json_t **ret, struct certctl_error *err)
{
	return certctl_link_ask(&(struct certctl_link_call){ .socket = heartbeat->agent->settings->socket,
					.operation = operation,
					.argument = argument,
					.timeout_ms = wait_ms,
					.is_cancelled = certctl_stop_is_wanted,
					.arg = &heartbeat->agent->stop },
		ret, err);
}

static void note_problem(struct heartbeat *heartbeat, const char *problem)
{
	if (strcmp(heartbeat->problem, problem) == 0)
		return;
	snprintf(heartbeat->problem, sizeof(heartbeat->problem), "%s", problem);
	heartbeat->is_told = false;
}

static int refresh_plugins(struct heartbeat *heartbeat, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *answer = NULL;

	if (heartbeat->plugins && certctl_monotonic_ms() - heartbeat->described_ms < DESCRIBE_EVERY_MS)
		return 0;
	int rc = ask_worker(heartbeat, "describe", NULL, DESCRIBE_WAIT_MS, &answer, err);

	if (rc < 0)
		return rc;
	json_t *plugins = json_object_get(answer, "plugins");

	if (!json_equal(plugins, heartbeat->plugins)) {
		json_decref(heartbeat->plugins);
		heartbeat->plugins = json_incref(plugins);
		heartbeat->is_told = false;
	}
	heartbeat->described_ms = certctl_monotonic_ms();
	return 0;
}

/* A worker that is away costs nothing but the news of its plugins; and operators are told. */
static void look_at_worker(struct heartbeat *heartbeat)
{
	CERTCTL_AUTO(json_decref) json_t *argument = json_pack("{s:b}", "is_short", 1);
	CERTCTL_AUTO(json_decref) json_t *answer = NULL;
	struct certctl_error err = { 0 };
	int rc = ask_worker(heartbeat, "status", argument, STATUS_WAIT_MS, &answer, &err);

	if (rc == 0)
		rc = refresh_plugins(heartbeat, &err);
	if (rc == CERTCTL_E_CANCELLED)
		return;
	if (rc < 0) {
		heartbeat->described_ms = 0;
		certctl_log_error(CERTCTL_LOG_WARNING, "worker.unreachable", &err, NULL);
	}
	if (rc < 0) {
		note_problem(heartbeat, err.what);
		return;
	}
	char of_work[sizeof(heartbeat->agent->problem)];

	pthread_mutex_lock(&heartbeat->agent->lock);
	memcpy(of_work, heartbeat->agent->problem, sizeof(of_work));
	pthread_mutex_unlock(&heartbeat->agent->lock);
	note_problem(heartbeat, of_work);
}

static bool is_due(const struct heartbeat *heartbeat)
{
	int64_t silent_s = certctl_clock_now_s(certctl_clock_system()) - atomic_load(&heartbeat->agent->contact_unix_s);

	return !heartbeat->is_told || silent_s < 0 ||
	       silent_s >= QUIET_PERIODS * heartbeat->agent->settings->heartbeat_s;
}

static json_t *make_body(const struct heartbeat *heartbeat)
{
	struct certctl_host_facts facts;

	certctl_host_facts_read(&facts);
	json_t *body = json_pack("{s:s, s:s, s:s, s:s}", "version", CERTCTL_VERSION, "os", facts.os, "architecture",
		facts.architecture, "hostname", facts.hostname);

	if (body && heartbeat->plugins && !heartbeat->is_told)
		json_object_set(body, "plugins", heartbeat->plugins);
	if (body && heartbeat->problem[0])
		json_object_set_new(body, "problem", json_string(heartbeat->problem));
	return body;
}

/* For `status`: rarely, because it is a file. */
static void keep_contact(struct heartbeat *heartbeat)
{
	int64_t contact_s = atomic_load(&heartbeat->agent->contact_unix_s);
	struct certctl_error err;

	if (contact_s == heartbeat->written_s)
		return;
	if (certctl_contact_write(heartbeat->agent->settings->dir, contact_s, &err) < 0)
		certctl_log_error(CERTCTL_LOG_WARNING, "contact.not_kept", &err, NULL);
	heartbeat->written_s = contact_s;
}

static int beat(struct heartbeat *heartbeat, struct certctl_error *err)
{
	int rc = certctl_session_refresh(heartbeat->agent, &heartbeat->session, err);

	if (rc < 0)
		return rc;
	look_at_worker(heartbeat);
	if (!is_due(heartbeat))
		return 0;
	CERTCTL_AUTO(json_decref) json_t *body = make_body(heartbeat);

	rc = body ? certctl_control_heartbeat(heartbeat->session.control, body, err)
		  : certctl_fail(err, CERTCTL_E_NO_MEMORY, "heartbeat");
	if (rc == 0)
		heartbeat->is_told = true;
	return rc;
}

static int renew_identity(struct heartbeat *heartbeat, struct certctl_error *err)
{
	const char *dir = heartbeat->agent->settings->dir;
	TALLOC_CTX *mem = talloc_new(NULL);
	struct certctl_control_certificate answer;
	char *csr_pem;
	int rc = certctl_identity_request(mem, dir, &csr_pem, err);

	if (rc == 0)
		rc = certctl_control_renew(heartbeat->session.control, mem, csr_pem, &answer, err);
	if (rc == 0)
		rc = certctl_identity_accept(dir, answer.certificate, answer.chain, err);
	if (rc == 0) {
		atomic_fetch_add(&heartbeat->agent->generation, 1);
		certctl_log(CERTCTL_LOG_NOTICE, "identity.renewed", "agent", heartbeat->session.identity->agent_id,
			NULL);
	}
	talloc_free(mem);
	return rc;
}

static int beat_and_renew(struct heartbeat *heartbeat, struct certctl_error *err)
{
	int rc = beat(heartbeat, err);

	if (rc < 0)
		return rc;
	if (certctl_clock_now_s(certctl_clock_system()) < certctl_identity_renew_at_unix_s(heartbeat->session.identity))
		return 0;
	rc = renew_identity(heartbeat, err);
	return rc < 0 ? certctl_error_prefix(err, "identity") : 0;
}

void certctl_agent_heartbeat(struct certctl_agent *agent)
{
	struct heartbeat heartbeat = { .agent = agent };
	struct certctl_backoff backoff = { 0 };
	struct certctl_error err = { 0 };
	int64_t wait_ms;

	do {
		wait_ms = certctl_jitter_ms(agent->settings->heartbeat_s * 1000);
		if (beat_and_renew(&heartbeat, &err) == 0) {
			certctl_backoff_reset(&backoff);
		} else if (!certctl_session_note_retirement(agent, &heartbeat.session) &&
			   !certctl_stop_is_wanted(&agent->stop)) {
			int64_t soon_ms = certctl_backoff_next_ms(&backoff, err.retry_after_s);

			wait_ms = soon_ms < wait_ms ? soon_ms : wait_ms;
			certctl_log_error(CERTCTL_LOG_WARNING, "heartbeat.failed", &err, "again_in_ms",
				certctl_num(wait_ms), NULL);
		}
		keep_contact(&heartbeat);
		/* The next one is far: the poll's connection is enough for an idle agent. */
		certctl_session_close(&heartbeat.session);
	} while (!certctl_stop_wait(&agent->stop, wait_ms));
	certctl_session_close(&heartbeat.session);
	json_decref(heartbeat.plugins);
}
