/**
 * The deployment transaction: put a key, a certificate and its chain into service on this host, or put everything back.
 *
 *     lock; check that key, leaf, chain and names belong together; same content in place and served -> success;
 *     journal; stage a new generation; swap by one rename of its link; validate; activate; probe;
 *     on failure link the previous generation again, activate again, report both.
 *
 * Killed at any instruction, a server that starts, reloads or runs sees the old pair or the new pair, never a mix; the next
 * certctl_deploy_recover() finishes or undoes from the journal.
 */
#ifndef CERTCTL_DEPLOY_H
#define CERTCTL_DEPLOY_H

#include <certctl/target.h>
#include <certctl/x509.h>

struct certctl_connector;

/** What this host permits, from the worker's own configuration; the control plane cannot change it. */
struct certctl_deploy_policy {
	const char *const *paths;           /* files may be written at or below these; NULL-terminated */
	const char *const *const *commands; /* rows as in certctl_command_is_allowed(); NULL-terminated */
};

struct certctl_deployer_options {
	const char *state_dir; /* journal, lock, records; 0700, made when missing.  Generations lie beside the files */
	struct certctl_deploy_policy policy;
	int64_t rollback_hours; /* how long the previous generation and key stay; 0: until the new one is served */
	const struct certctl_clock *clock; /* NULL: the system's */
};

/** One a host.  Not thread-safe: deployments of one host run one after the other. */
struct certctl_deployer;
int certctl_deployer_new(TALLOC_CTX *mem, const struct certctl_deployer_options *options, struct certctl_deployer **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** One certificate for one target. */
struct certctl_deployment {
	const char *id;                   /* the job; the same id again is a repeat */
	const char *binding;              /* stable name of (certificate, target): owns the generations */
	struct certctl_connector *target; /* its plugin, for plan and the optional operations */
	const json_t *item;               /* binding options; NULL: none */
	const struct certctl_bundle *bundle;
	const struct certctl_key *key;
	int64_t sequence; /* of the version: a target never goes back to an older one unless is_rollback */
	bool is_rollback;
};

enum certctl_deploy_outcome {
	CERTCTL_DEPLOY_COMPLETED = 1, /* in place, activated, and served where a probe exists */
	CERTCTL_DEPLOY_UNCHANGED,     /* was in place and served already */
	CERTCTL_DEPLOY_ROLLED_BACK,   /* failed; the previous pair is in place, activated and served again */
	CERTCTL_DEPLOY_BROKEN,        /* failed, and putting back failed too: both reasons are there */
	CERTCTL_DEPLOY_REFUSED,       /* nothing was touched */
};
/** One step as it went, for the report an operator reads. */
struct certctl_deploy_step {
	const char *name; /* "check" "stage" "swap" "validate" "activate" "probe" "restore" "reactivate" "reprobe" */
	bool ok;
	const char *detail; /* output of the command, fingerprint seen; may be "" */
	int64_t elapsed_ms;
};
struct certctl_deploy_report {
	enum certctl_deploy_outcome outcome;
	bool verified;                                  /* a probe saw the new fingerprint */
	const char *served_fingerprint;                 /* what the probe saw last; NULL: no probe */
	const struct certctl_deploy_step *const *steps; /* NULL-terminated */
	struct certctl_error error;                     /* why, unless COMPLETED or UNCHANGED */
};

/**
 * Deploy all of them: each is staged, swapped and validated on its own, a bad one goes back alone; equal activate steps run once;
 * then each is probed.
 * What a crash of any process left is finished or undone first.  Waits while another process deploys on this host.
 * @param ret_reports  an array with one report a deployment, in their order, on `mem`; also set when the call returns an error
 * @return 0 when every outcome is COMPLETED or UNCHANGED, otherwise the first error
 */
int certctl_deploy(struct certctl_deployer *deployer, TALLOC_CTX *mem,
	const struct certctl_deployment *const *deployments, struct certctl_deploy_report **ret_reports,
	struct certctl_error *err) CERTCTL_CHECKED;

/** What a deployment would do, and what is served now. */
struct certctl_deploy_look {
	enum {
		CERTCTL_LOOK_IN_PLACE = 1, /* nothing: it is there and served */
		CERTCTL_LOOK_WOULD_DEPLOY,
		CERTCTL_LOOK_WOULD_REFUSE, /* `error` says why */
	} outcome;
	const char *
		served_fingerprint; /* what the first probe saw, or one that saw another certificate; NULL: nothing answered */
	bool has_probe;             /* there was something to ask */
	const char *const *would; /* sentences, NULL-terminated */
	struct certctl_error error;
};
/**
 * Look without touching anything: no lock is taken, nothing is written, no command is run.  Any thread, also during a deployment,
 * of which it may see any moment.
 * @param ret_looks  one a deployment, in their order, on `mem`
 */
int certctl_deploy_look(struct certctl_deployer *deployer, TALLOC_CTX *mem,
	const struct certctl_deployment *const *deployments, struct certctl_deploy_look **ret_looks,
	struct certctl_error *err) CERTCTL_CHECKED;

/** A binding in service, as its record says. */
struct certctl_deploy_bound {
	const char *binding, *deployment, *fingerprint; /* deployment: the job that put it there */
	int64_t sequence, generation;
	size_t old_count; /* generations that are kept for a roll-back */
	int64_t old_until_unix_s;
};
/** At most `max`, by name, on `mem`. */
int certctl_deploy_list(struct certctl_deployer *deployer, TALLOC_CTX *mem, size_t max,
	struct certctl_deploy_bound **ret, size_t *ret_count, struct certctl_error *err) CERTCTL_CHECKED;

/** Finish or undo what a crash left; run before the first deployment.  `each` is told what was done about which job. */
int certctl_deploy_recover(struct certctl_deployer *deployer,
	void (*each)(void *arg, const char *deployment_id, const struct certctl_deploy_report *report), void *arg,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Unlink previous generations whose rollback time is over.  `ret_next_unix_s`: when to come again; 0: nothing left. */
int certctl_deploy_expire(struct certctl_deployer *deployer, int64_t *ret_next_unix_s,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
