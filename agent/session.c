/* Keeps a thread's connection to the control plane on the newest identity. */
#include "agent.h"
#include "witness.h"

#include <certctl/log.h>

void certctl_session_close(struct certctl_session *session)
{
	talloc_free(session->control);
	talloc_free(session->identity);
	*session = (struct certctl_session){ 0 };
}

int certctl_session_refresh(struct certctl_agent *agent, struct certctl_session *session, struct certctl_error *err)
{
	/* Read before the file: a change in between only means to read it once more. */
	unsigned generation = atomic_load(&agent->generation);

	if (session->control && session->generation == generation)
		return 0;
	certctl_session_close(session);
	int rc = certctl_identity_load(NULL, agent->settings->dir, &session->identity, err);

	if (rc == 0)
		rc = certctl_control_new(NULL,
			&(struct certctl_control_options){ .server = agent->settings->server,
				.ca_file = agent->settings->ca_file,
				.identity_file = session->identity->file,
				.agent_id = session->identity->agent_id,
				.witness_file = talloc_asprintf(session->identity, "%s/" CERTCTL_WITNESS_FILE,
					agent->settings->dir),
				.contact_unix_s = &agent->contact_unix_s,
				.is_cancelled = certctl_stop_is_wanted,
				.arg = &agent->stop },
			&session->control, err);
	if (rc < 0)
		certctl_session_close(session);
	session->generation = generation;
	return rc;
}

bool certctl_session_note_retirement(struct certctl_agent *agent, const struct certctl_session *session)
{
	if (!certctl_control_is_retired(session->control))
		return false;
	if (!atomic_exchange(&agent->is_retired, true))
		certctl_log(CERTCTL_LOG_NOTICE, "agent.retired", "agent", session->identity->agent_id, NULL);
	certctl_stop_want(&agent->stop);
	return true;
}
