/* The heartbeat loop: says that this agent is there and what it can do, and keeps its identity young. */
#include "agent.h"
#include "agent/shared/link.h"

#include <certctl/log.h>
#include <certctl/time.h>

#define DESCRIBE_WAIT_MS  INT64_C(20000)
#define DESCRIBE_EVERY_MS INT64_C(600000)

struct heartbeat {
	struct certctl_agent *agent;
	struct certctl_session session;
	json_t *plugins;      /* what the worker says it has; NULL: not asked yet */
	bool is_told;         /* the control plane has `plugins` */
	int64_t described_ms; /* when the worker was asked */
};

/* A worker that is away costs nothing but the news of its plugins. */
static void refresh_plugins(struct heartbeat *heartbeat)
{
	CERTCTL_AUTO(json_decref) json_t *answer = NULL;
	struct certctl_error err;

	if (heartbeat->plugins && certctl_monotonic_ms() - heartbeat->described_ms < DESCRIBE_EVERY_MS)
		return;
	int rc = certctl_link_ask(&(struct certctl_link_call){ .socket = heartbeat->agent->settings->socket,
					  .operation = "describe",
					  .timeout_ms = DESCRIBE_WAIT_MS,
					  .is_cancelled = certctl_stop_is_wanted,
					  .arg = &heartbeat->agent->stop },
		&answer, &err);

	if (rc < 0) {
		certctl_log_error(CERTCTL_LOG_WARNING, "worker.unreachable", &err, NULL);
		return;
	}
	json_t *plugins = json_object_get(answer, "plugins");

	if (!json_equal(plugins, heartbeat->plugins)) {
		json_decref(heartbeat->plugins);
		heartbeat->plugins = json_incref(plugins);
		heartbeat->is_told = false;
	}
	heartbeat->described_ms = certctl_monotonic_ms();
}

static json_t *make_body(const struct heartbeat *heartbeat)
{
	struct certctl_host_facts facts;

	certctl_host_facts_read(&facts);
	json_t *body = json_pack("{s:s, s:s, s:s, s:s}", "version", CERTCTL_VERSION, "os", facts.os, "architecture",
		facts.architecture, "hostname", facts.hostname);

	if (body && heartbeat->plugins && !heartbeat->is_told)
		json_object_set(body, "plugins", heartbeat->plugins);
	return body;
}

static int beat(struct heartbeat *heartbeat, struct certctl_error *err)
{
	int rc = certctl_session_refresh(heartbeat->agent, &heartbeat->session, err);

	if (rc < 0)
		return rc;
	refresh_plugins(heartbeat);
	CERTCTL_AUTO(json_decref) json_t *body = make_body(heartbeat);

	rc = body ? certctl_control_heartbeat(heartbeat->session.control, body, err)
		  : certctl_fail(err, CERTCTL_E_NO_MEMORY, "heartbeat");
	if (rc == 0 && heartbeat->plugins)
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
	} while (!certctl_stop_wait(&agent->stop, wait_ms));
	certctl_session_close(&heartbeat.session);
	json_decref(heartbeat.plugins);
}
