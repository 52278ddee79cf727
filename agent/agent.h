/**
 * certctl-agent: its settings and its parts.  Four threads: the poll for work, which makes requests and has the only connection
 * that lasts; deployments (deployments.h), which may take minutes; the heartbeat and the looks at what is served, which wait for
 * neither.
 */
#ifndef CERTCTL_AGENT_H
#define CERTCTL_AGENT_H

#include "control.h"
#include "identity.h"
#include "stop.h"

#include <certctl/field.h>
#include <stdatomic.h>

struct certctl_agent_settings {
	const char *server, *ca_file, *token_file;
	const char *dir, *socket, *name;
	int64_t heartbeat_s, look_s;
	int log_level, log_format;
};
extern const struct certctl_field certctl_agent_fields[];

struct certctl_agent {
	const struct certctl_agent_settings *settings;
	struct certctl_stop stop;
	atomic_uint generation;      /* of the identity: rises when a new certificate is in place */
	atomic_llong contact_unix_s; /* when the control plane answered last; 0: not yet */
	pthread_mutex_t lock;
	char problem[256];      /* what keeps the work loop from doing its work, "": nothing; under the lock */
	atomic_bool is_retired; /* the control plane said so: nothing is left to do */
};

/** Name, operating system and architecture of this host, as the control plane shows them. */
struct certctl_host_facts {
	char name[64]; /* an id: the host name in lower case, other characters as "-" */
	char hostname[256], os[64], architecture[64];
};
void certctl_host_facts_read(struct certctl_host_facts *ret);

/** Something on this host keeps jobs from being done, or nothing does any more (""): told with the next heartbeat. */
void certctl_agent_note_problem(struct certctl_agent *agent, const char *problem);

/* --- Enrolment (enrol.c) ------------------------------------------------------------------------------------------- */

/** Is there an identity? */
bool certctl_agent_is_enrolled(const struct certctl_agent *agent);
/** Trade the token for an identity, and remember server and CA.  CONFLICT when there is an identity already. */
int certctl_agent_enrol(struct certctl_agent *agent, struct certctl_error *err) CERTCTL_CHECKED;
/** Fill server and ca_file, where the settings say nothing, with what enrolment remembered. */
int certctl_agent_recall(TALLOC_CTX *mem, struct certctl_agent_settings *settings,
	struct certctl_error *err) CERTCTL_CHECKED;

/* --- Sessions (session.c) ------------------------------------------------------------------------------------------ */

/** The control plane under the newest identity.  Zeroed at first; one thread at a time. */
struct certctl_session {
	unsigned generation;
	struct certctl_identity *identity;
	struct certctl_control *control;
};
/** Open, or open again after the identity has changed. */
int certctl_session_refresh(struct certctl_agent *agent, struct certctl_session *session,
	struct certctl_error *err) CERTCTL_CHECKED;
void certctl_session_close(struct certctl_session *session);
/** After a request that failed: was this agent retired?  Then everything stops. */
bool certctl_session_note_retirement(struct certctl_agent *agent, const struct certctl_session *session);

/* --- Loops: run until the stop is wanted --------------------------------------------------------------------------- */

void certctl_agent_work(struct certctl_agent *agent);
void certctl_agent_heartbeat(struct certctl_agent *agent);
/** Look at what servers serve, and tell it; tell which keys are no more. */
void certctl_agent_watch(struct certctl_agent *agent);

/* --- For people: each prints to standard output, as JSON or as text ---------------------------------------------------------- */

/** How this agent is.  Needs no control plane.  `ret_is_well`: it is enrolled, and its worker answers. */
int certctl_agent_status(const struct certctl_agent_settings *settings, bool is_json, bool *ret_is_well,
	struct certctl_error *err) CERTCTL_CHECKED;
/** What would be deployed, and when each certificate is renewed.  Changes nothing, here or there. */
int certctl_agent_dry_run(struct certctl_agent *agent, bool is_json, struct certctl_error *err) CERTCTL_CHECKED;

/* --- The last contact (contact.c), remembered for status ------------------------------------------------------------------------ */

int certctl_contact_write(const char *dir, int64_t at_unix_s, struct certctl_error *err) CERTCTL_CHECKED;
/** 0: not known. */
int64_t certctl_contact_read(const char *dir);

/* --- Jobs (jobs.c): what is done about them, apart from when ------------------------------------------------------------ */

struct certctl_spool;
struct certctl_jobs_context {
	const char *socket; /* of the worker */
	struct certctl_control *control;
	struct certctl_spool *spool;
	bool (*is_cancelled)(void *arg);
	void *arg;
};
/** Have a request made and send it.  0, also when one side refused it and the other was told. */
int certctl_jobs_request(const struct certctl_jobs_context *context, const json_t *job,
	struct certctl_error *err) CERTCTL_CHECKED;
/** Have deployments made and targets tested, and the reports put into the spool.  0, whatever their outcome. */
int certctl_jobs_make(const struct certctl_jobs_context *context, const json_t *jobs,
	struct certctl_error *err) CERTCTL_CHECKED;
/** Ask the worker.  `ret` is the caller's to json_decref. */
int certctl_jobs_ask_worker(const struct certctl_jobs_context *context, const char *operation, json_t *argument,
	int64_t wait_ms, json_t **ret, struct certctl_error *err) CERTCTL_CHECKED;
/**
 * Test a target (target_test.c): ask its plugin, and look at what would become of the certificates that it has.
 * @param ret_report  `outcome` "passed" or "failed"; the caller's to json_decref
 * @return 0, whatever the outcome; an error when it could not be found out now
 */
int certctl_target_test(const struct certctl_jobs_context *context, const json_t *job, json_t **ret_report,
	struct certctl_error *err) CERTCTL_CHECKED;
/** Send what the spool holds. */
int certctl_jobs_flush(const struct certctl_jobs_context *context, struct certctl_error *err) CERTCTL_CHECKED;
/** What the worker is asked about a deployment job: the members of the protocol and no others. */
json_t *certctl_jobs_deployment(const json_t *job);
/** What the control plane is told: token, state and the worker's report. */
json_t *certctl_jobs_status(const json_t *job, const json_t *report);

#endif
