/** What the files of this room share: the deployer, its folders, and one deployment on its way. */
#ifndef CERTCTL_DEPLOY_DEPLOYER_H
#define CERTCTL_DEPLOY_DEPLOYER_H

#include "deploy_plan.h"
#include "journal.h"
#include "render.h"

struct certctl_deployer {
	int state_fd, journal_fd, bindings_fd, quarantine_fd;
	struct certctl_deploy_policy policy; /* copied */
	int64_t rollback_s;
	const struct certctl_clock *clock;
};

/** One at a time on this host, also among processes.  The caller close()s *ret_fd to let the next one in. */
int deploy_lock(const struct certctl_deployer *deployer, int *ret_fd, struct certctl_error *err) CERTCTL_CHECKED;
/** The record of a binding; NOT_FOUND when there is none, also when it was unreadable: it is moved to the quarantine then. */
int deploy_binding_read(const struct certctl_deployer *deployer, TALLOC_CTX *mem, const char *binding,
	struct deploy_binding *ret, struct certctl_error *err) CERTCTL_CHECKED;
int deploy_binding_write(const struct certctl_deployer *deployer, const char *binding,
	const struct deploy_binding *record, struct certctl_error *err) CERTCTL_CHECKED;
/** Move a file that makes no sense out of the way, and log it.  `from_fd` is one of the deployer's folders. */
int deploy_quarantine(const struct certctl_deployer *deployer, int from_fd, const char *name,
	const struct certctl_error *why, struct certctl_error *err) CERTCTL_CHECKED;
/** Unlink the generations of one binding whose time is over. `ret_next_unix_s`: the earliest that is left; 0: none. */
int deploy_expire_binding(const struct certctl_deployer *deployer, const char *binding, int64_t *ret_next_unix_s,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Where a deployment stands. */
enum deploy_state {
	DEPLOY_RUNNING = 1,
	DEPLOY_FAILED, /* report->error says why; to be put back */
	DEPLOY_ENDED,  /* report->outcome is set */
};

/** One deployment on its way, live or recovered. */
struct transaction {
	TALLOC_CTX *mem;  /* of the report */
	TALLOC_CTX *work; /* of everything else */
	const struct certctl_deployer *deployer;
	const struct certctl_deploy_task *task; /* NULL: recovered from the journal */
	struct certctl_deploy_report *report;
	enum deploy_state state;
	enum deploy_phase phase; /* 0: not in the journal */
	struct deploy_entry entry;
	struct certctl_secret *contents; /* one a file of the entry; NULL when recovered */
	int store_fd;                    /* -1: not open */
	const char *served_before; /* what the plugin's own look said when we began; NULL: nothing, or it has none */
	bool is_look;              /* nothing is written, whatever is found */
	bool was_activated;        /* an activation was begun, so the server may use the new pair */
};

/* prepare.c: everything that can be known before something is touched. */
/** Fill entry and contents from the task, or refuse.  `ret_is_unchanged`: all of it is in place and served already. */
int deploy_prepare(struct transaction *transaction, bool *ret_is_unchanged, struct certctl_error *err) CERTCTL_CHECKED;

/* disk.c: what happens to files. */
int deploy_stage(struct transaction *transaction, struct certctl_error *err) CERTCTL_CHECKED;
int deploy_swap(struct transaction *transaction, struct certctl_error *err) CERTCTL_CHECKED;
/** Everything as it was before, from whatever point; the new generation stays until deploy_forget(). */
int deploy_put_back(struct transaction *transaction, struct certctl_error *err) CERTCTL_CHECKED;
/** After putting back: remove what was staged, end the journal entry. */
int deploy_forget(struct transaction *transaction, struct certctl_error *err) CERTCTL_CHECKED;
/** It is served: record the binding, let go of what was before, end the journal entry. */
int deploy_finish(struct transaction *transaction, struct certctl_error *err) CERTCTL_CHECKED;

/* service.c: what happens to the server.  Each adds its step to the report. */
int deploy_validate(struct transaction *transaction, struct certctl_error *err) CERTCTL_CHECKED;
/** Equal activations of the `count` transactions run once; on failure each of that group is marked with the error. */
void deploy_activate_all(struct transaction *const *transactions, size_t count, const char *step, bool *ret_ok);
/** Until every probe sees the new certificate or the time is up.  Nothing to ask: 0, report->verified stays false. */
int deploy_look_for_new(struct transaction *transaction, int64_t deadline_ms,
	struct certctl_error *err) CERTCTL_CHECKED;
/** The same for what was served before.  `ret_is_known`: there was something to ask for. */
int deploy_look_for_old(struct transaction *transaction, int64_t deadline_ms, bool *ret_is_known,
	struct certctl_error *err) CERTCTL_CHECKED;
/** One look at each probe, or at the plugin's answer: fills entry.probes[].before. */
void deploy_look_once(struct transaction *transaction);

/* transaction.c: the order of all that. */
/** From swapped (or about to be) to the end, for all that are DEPLOY_RUNNING. */
void deploy_run(struct transaction *const *transactions, size_t count);
/** Put back all that are DEPLOY_FAILED, activate, look, report. */
void deploy_restore(struct transaction *const *transactions, size_t count);

/* recover.c */
typedef void deploy_recovered_fn(void *arg, const char *deployment_id, const struct certctl_deploy_report *report);
/** Under the lock: finish or undo everything in the journal. */
int deploy_recover_all(const struct certctl_deployer *deployer, deploy_recovered_fn *each, void *arg,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
