/*
 * After a crash: finish or undo what the journal says is under way.  Needs nothing but the journal and the disk.
 *
 *     staging     nothing has been swapped: undo
 *     swapping    the new pair is complete and checked: finish, or fail and go back as ever; undo where only the plugin can activate
 *     restoring   it had been found bad: go back
 */
#include "deployer.h"

#include "policy.h"
#include "report.h"

#include <certctl/files.h>
#include <certctl/log.h>
#include <string.h>

static const char *const outcome_names[] = {
	[CERTCTL_DEPLOY_COMPLETED] = "completed",
	[CERTCTL_DEPLOY_UNCHANGED] = "unchanged",
	[CERTCTL_DEPLOY_ROLLED_BACK] = "rolled_back",
	[CERTCTL_DEPLOY_BROKEN] = "broken",
	[CERTCTL_DEPLOY_REFUSED] = "refused",
};

static void tell(const char *id, const struct certctl_deploy_report *report, deploy_recovered_fn *each, void *arg)
{
	certctl_log_error(CERTCTL_LOG_NOTICE, "deploy.recovered", &report->error, "deployment", id, "outcome",
		outcome_names[report->outcome], NULL);
	if (each)
		each(arg, id, report);
}

/* A plugin activates, and there is none here: the files go back; the next deployment activates what is right then. */
static void put_back_without_plugin(struct transaction *transaction)
{
	struct certctl_error why = { 0 };

	certctl_fail(&transaction->report->error, CERTCTL_E_INTERRUPTED,
		"cut short; the files are as before, the server may not be");
	certctl_hint(&transaction->report->error,
		"Deploy again: the plugin of this target activates what is in place.");
	transaction->state = DEPLOY_ENDED;
	transaction->report->outcome = CERTCTL_DEPLOY_BROKEN;
	if (deploy_put_back(transaction, &why) == 0 && deploy_forget(transaction, &why) == 0)
		return;
	transaction->report->error = why;
}

static void resume(struct transaction *transaction)
{
	if (transaction->phase == DEPLOY_SWAPPING && !transaction->entry.is_by_plugin) {
		/* A reload may be half done: should the new pair fail, the old one is activated again whatever happens. */
		transaction->was_activated = true;
		deploy_run(&transaction, 1);
		return;
	}
	if (transaction->phase != DEPLOY_STAGING && transaction->entry.is_by_plugin) {
		put_back_without_plugin(transaction);
		return;
	}
	certctl_fail(&transaction->report->error, CERTCTL_E_INTERRUPTED, "cut short %s",
		transaction->phase == DEPLOY_STAGING ? "before anything was swapped" : "while it was put back");
	transaction->state = DEPLOY_FAILED;
	transaction->was_activated = transaction->phase == DEPLOY_RESTORING;
	deploy_restore(&transaction, 1);
}

/* An entry that nobody can read says nothing about the disk; but every link there leads to a pair that belongs together. */
static int set_aside(const struct certctl_deployer *deployer, const struct deploy_journal_item *item,
	struct certctl_deploy_report *report, struct certctl_error *err)
{
	report->outcome = CERTCTL_DEPLOY_BROKEN;
	certctl_hint(&report->error, "The journal entry is in quarantine. Deploy again.");
	return deploy_quarantine(deployer, deployer->journal_fd, item->name, &report->error, err);
}

static int recover_one(const struct certctl_deployer *deployer, TALLOC_CTX *mem, const struct deploy_journal_item *item,
	struct certctl_deploy_report *report, struct certctl_error *err)
{
	struct transaction transaction = { .mem = mem,
		.work = mem,
		.deployer = deployer,
		.report = report,
		.state = DEPLOY_RUNNING,
		.phase = item->phase,
		.store_fd = -1 };
	int rc = deploy_journal_read(mem, deployer->journal_fd, item, &transaction.entry, &report->error);

	/* The configuration may have become stricter; and a journal is only a file. */
	if (rc == 0)
		rc = deploy_policy_check(&deployer->policy, &transaction.entry, &report->error);
	if (rc < 0)
		return set_aside(deployer, item, report, err);
	resume(&transaction);
	certctl_close_auto(&transaction.store_fd);
	return 0;
}

int deploy_recover_all(const struct certctl_deployer *deployer, deploy_recovered_fn *each, void *arg,
	struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct deploy_journal_item *items;
	size_t count = 0;
	int rc = deploy_journal_list(mem, deployer->journal_fd, &items, &count, err);

	for (size_t i = 0; rc == 0 && i < count; i++) {
		struct certctl_deploy_report report;

		deploy_report_init(&report);
		rc = recover_one(deployer, mem, &items[i], &report, err);
		if (rc == 0)
			tell(items[i].id, &report, each, arg);
	}
	talloc_free(mem);
	return rc;
}

int certctl_deploy_recover(struct certctl_deployer *deployer, deploy_recovered_fn *each, void *arg,
	struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int lock_fd = -1;
	int rc = deploy_lock(deployer, &lock_fd, err);

	return rc == 0 ? deploy_recover_all(deployer, each, arg, err) : rc;
}
