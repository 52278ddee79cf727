/**
 * The control plane as the agent sees it: one function a request of docs/reference/protocols/agent.md.
 */
#ifndef CERTCTL_CONTROL_H
#define CERTCTL_CONTROL_H

#include <certctl/json.h>
#include <certctl/secret.h>
#include <stdatomic.h>

struct certctl_control_options {
	const char *server;              /* "https://HOST:8444" */
	const char *ca_file;             /* PEM; who signed the server's certificate */
	const char *identity_file;       /* key and client certificate; NULL: for enrolment only */
	const char *agent_id;            /* NULL: for enrolment only */
	const char *witness_file;        /* where heads of the audit trail are kept; NULL: nowhere */
	atomic_llong *contact_unix_s;    /* set to the time of every answer; NULL: nobody wants to know */
	bool (*is_cancelled)(void *arg); /* ends a request that waits; may be NULL */
	void *arg;
};

/** One thread at a time: each thread has its own.  talloc_free closes it.  Texts of `options` are borrowed. */
struct certctl_control;
int certctl_control_new(TALLOC_CTX *mem, const struct certctl_control_options *options, struct certctl_control **ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** Did the latest answer say that this agent was retired?  That is for good.  NULL is allowed. */
bool certctl_control_is_retired(const struct certctl_control *control);

/** A certificate of the fleet's CA, as enrolment and renewal answer it.  Texts are on `mem`. */
struct certctl_control_certificate {
	char *agent_id, *certificate, *chain;
};
struct certctl_control_enrolment {
	const struct certctl_secret *token;
	const char *csr_pem, *name, *hostname, *os, *architecture;
};
int certctl_control_enrol(struct certctl_control *control, TALLOC_CTX *mem,
	const struct certctl_control_enrolment *enrolment, struct certctl_control_certificate *ret,
	struct certctl_error *err) CERTCTL_CHECKED;
int certctl_control_renew(struct certctl_control *control, TALLOC_CTX *mem, const char *csr_pem,
	struct certctl_control_certificate *ret, struct certctl_error *err) CERTCTL_CHECKED;

int certctl_control_heartbeat(struct certctl_control *control, const json_t *body,
	struct certctl_error *err) CERTCTL_CHECKED;

/**
 * Wait for work, at most `wait_s`.  `held` ("job-a,job-b", may be "") names jobs that are in hand: they keep their lease and are not
 * handed out again.  `ret_jobs` is an array, the caller's to json_decref; empty when there is none.
 */
int certctl_control_work(struct certctl_control *control, const char *held, int wait_s, json_t **ret_jobs,
	struct certctl_error *err) CERTCTL_CHECKED;

/** CONFLICT: the job is no longer ours, or has had another request. */
int certctl_control_csr(struct certctl_control *control, const char *job_id, int64_t token, const char *csr_pem,
	struct certctl_error *err) CERTCTL_CHECKED;
/** `body`: token, state, report.  CONFLICT: the token is no longer the job's. */
int certctl_control_status(struct certctl_control *control, const char *job_id, const json_t *body,
	struct certctl_error *err) CERTCTL_CHECKED;
/**
 * What this agent is to keep; nothing is claimed.  A page: `after` is NULL, then what *ret_after was until that is NULL.
 * @param target_id  of this target alone; NULL: of all, and of none
 * @param ret_rows  the caller's to json_decref; *ret_after is on `mem`
 */
int certctl_control_plan(struct certctl_control *control, TALLOC_CTX *mem, const char *target_id, const char *after,
	json_t **ret_rows, const char **ret_after, struct certctl_error *err) CERTCTL_CHECKED;
/** [{"binding_id", "served_fingerprint"}], borrowed. */
int certctl_control_observe(struct certctl_control *control, json_t *observations,
	struct certctl_error *err) CERTCTL_CHECKED;
/** [{"certificate_id", "public_key_sha256", "destroyed_at"}], borrowed. */
int certctl_control_destroyed(struct certctl_control *control, json_t *keys, struct certctl_error *err) CERTCTL_CHECKED;

#endif
