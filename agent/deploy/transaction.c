/*
 * The order of things: check, stage, swap and validate one by one, activate equal ones once, look at each, finish; and the way
 * back.  Each step is a function of disk.c or service.c; this file decides what follows what.
 */
#include "deployer.h"

#include "report.h"

#include <certctl/files.h>
#include <certctl/log.h>
#include <certctl/time.h>
#include <string.h>

static void end(struct transaction *transaction, enum certctl_deploy_outcome outcome)
{
	transaction->state = DEPLOY_ENDED;
	transaction->report->outcome = outcome;
}

static void fail(struct transaction *transaction, const struct certctl_error *why)
{
	transaction->state = DEPLOY_FAILED;
	transaction->report->error = *why;
}

/* One of the steps on files, with its line in the report. */
static int step(struct transaction *transaction, const char *name,
	int (*act)(struct transaction *transaction, struct certctl_error *err), struct certctl_error *err)
{
	int64_t began_ms = certctl_monotonic_ms();
	int rc = act(transaction, err);

	deploy_report_step(transaction->mem, transaction->report, name, rc == 0, began_ms, rc < 0 ? err->what : "");
	return rc;
}

/* --- The way back ----------------------------------------------------------------------------------------------------- */

/* Both reasons in one text: why it failed, and why putting back failed. */
static void add_reason(struct certctl_error *error, const struct certctl_error *second)
{
	char first[sizeof(error->what)];

	memcpy(first, error->what, sizeof(first));
	certctl_fail(error, error->code ? (enum certctl_code)error->code : CERTCTL_E_INTERNAL, "%.70s; and back: %.70s",
		first, second->what);
	certctl_hint(error, "Look at the server: it may not serve what is on disk.");
}

/* The old certificate, as far as anybody can tell: by the probe where there is something to ask for, else by the activation. */
static void judge(struct transaction *transaction, bool is_activated, int64_t deadline_ms)
{
	struct certctl_error why = { 0 };
	int64_t began_ms = certctl_monotonic_ms();
	bool is_known;
	int rc = deploy_look_for_old(transaction, deadline_ms, &is_known, &why);

	if (is_known)
		deploy_report_step(transaction->mem, transaction->report, "reprobe", rc == 0, began_ms, why.what);
	if (rc < 0)
		add_reason(&transaction->report->error, &why);
	else if (!is_known && !is_activated)
		add_reason(&transaction->report->error, &(struct certctl_error){ .what = "activating again failed" });
	end(transaction, rc == 0 && (is_known || is_activated) ? CERTCTL_DEPLOY_ROLLED_BACK : CERTCTL_DEPLOY_BROKEN);
}

/* Nothing was activated: usually the server has never noticed.  Somebody else's reload in between is why we look. */
static bool is_undisturbed(struct transaction *transaction)
{
	struct certctl_error why;
	bool is_known;

	return !transaction->was_activated && deploy_look_for_old(transaction, 0, &is_known, &why) == 0;
}

/* Journal and staged files go last: until then a crash leads back here. */
static void forget(struct transaction *transaction)
{
	struct certctl_error why;

	if (transaction->phase && deploy_forget(transaction, &why) < 0)
		certctl_log_error(CERTCTL_LOG_WARNING, "deploy.forget_failed", &why, "deployment",
			transaction->entry.id, NULL);
}

void deploy_restore(struct transaction *const *transactions, size_t count)
{
	struct transaction **again = talloc_array(NULL, struct transaction *, (unsigned)count + 1);
	bool *is_activated = talloc_zero_array(again, bool, (unsigned)count + 1);
	size_t again_count = 0;

	certctl_assert(again && is_activated);
	for (size_t i = 0; i < count; i++) {
		struct transaction *transaction = transactions[i];
		struct certctl_error why = { 0 };

		if (transaction->state != DEPLOY_FAILED)
			continue;
		if (step(transaction, "restore", deploy_put_back, &why) < 0) {
			/* The entry stays in the journal: recovery tries again. */
			add_reason(&transaction->report->error, &why);
			end(transaction, CERTCTL_DEPLOY_BROKEN);
		} else if (is_undisturbed(transaction)) {
			end(transaction, CERTCTL_DEPLOY_ROLLED_BACK);
			forget(transaction);
		} else {
			again[again_count++] = transaction;
		}
	}
	deploy_activate_all(again, again_count, "reactivate", is_activated);

	int64_t now_ms = certctl_monotonic_ms();

	for (size_t i = 0; i < again_count; i++) {
		judge(again[i], is_activated[i], now_ms + again[i]->entry.probe_timeout_s * 1000);
		forget(again[i]);
	}
	talloc_free(again);
}

/* --- The way forward ---------------------------------------------------------------------------------------------------- */

/* Swap and validate: a bad one goes back alone, before anybody else's activation could read it. */
static void swap_one(struct transaction *transaction)
{
	struct certctl_error why = { 0 };
	int rc = step(transaction, "swap", deploy_swap, &why);

	if (rc == 0)
		rc = deploy_validate(transaction, &why);
	if (rc == 0)
		return;
	fail(transaction, &why);
	deploy_restore(&transaction, 1);
}

static void look_and_finish(struct transaction *transaction, int64_t activated_ms)
{
	struct certctl_error why = { 0 };
	int rc = deploy_look_for_new(transaction, activated_ms + transaction->entry.probe_timeout_s * 1000, &why);

	if (rc < 0) {
		fail(transaction, &why);
		return;
	}
	/* It is served.  What cannot be written down now stays in the journal, and recovery finishes it. */
	if (deploy_finish(transaction, &why) < 0)
		certctl_log_error(CERTCTL_LOG_WARNING, "deploy.finish_failed", &why, "deployment",
			transaction->entry.id, NULL);
	end(transaction, CERTCTL_DEPLOY_COMPLETED);
}

static size_t running(struct transaction *const *transactions, size_t count, struct transaction **ret)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++)
		if (transactions[i]->state == DEPLOY_RUNNING)
			ret[found++] = transactions[i];
	return found;
}

void deploy_run(struct transaction *const *transactions, size_t count)
{
	struct transaction **live = talloc_array(NULL, struct transaction *, (unsigned)count + 1);
	bool *is_activated = talloc_zero_array(live, bool, (unsigned)count + 1);

	certctl_assert(live && is_activated);
	for (size_t i = 0; i < count; i++)
		if (transactions[i]->state == DEPLOY_RUNNING)
			swap_one(transactions[i]);
	deploy_activate_all(live, running(transactions, count, live), "activate", is_activated);

	int64_t activated_ms = certctl_monotonic_ms();

	for (size_t i = 0; i < count; i++)
		if (transactions[i]->state == DEPLOY_RUNNING)
			look_and_finish(transactions[i], activated_ms);
	deploy_restore(transactions, count);
	talloc_free(live);
}

/* --- From a task ---------------------------------------------------------------------------------------------------------- */

static void begin(struct transaction *transaction)
{
	struct certctl_error why = { 0 };
	int64_t began_ms = certctl_monotonic_ms();
	bool is_unchanged = false;
	int rc = deploy_prepare(transaction, &is_unchanged, &why);

	deploy_report_step(transaction->mem, transaction->report, "check", rc == 0, began_ms,
		rc < 0         ? why.what
		: is_unchanged ? "in place already"
			       : "");
	if (rc < 0) {
		transaction->report->error = why;
		end(transaction, CERTCTL_DEPLOY_REFUSED);
	} else if (is_unchanged) {
		end(transaction, CERTCTL_DEPLOY_UNCHANGED);
	} else if (step(transaction, "stage", deploy_stage, &why) < 0) {
		fail(transaction, &why);
		deploy_restore(&transaction, 1);
	}
}

static int close_store(struct transaction *transaction)
{
	certctl_close_auto(&transaction->store_fd);
	return 0;
}

static struct transaction *new_transaction(TALLOC_CTX *work, TALLOC_CTX *mem, const struct certctl_deployer *deployer,
	const struct certctl_deploy_task *task, struct certctl_deploy_report *report)
{
	struct transaction *transaction = talloc_zero(work, struct transaction);

	if (!transaction)
		return NULL;
	*transaction = (struct transaction){ .mem = mem,
		.work = transaction,
		.deployer = deployer,
		.task = task,
		.report = report,
		.state = DEPLOY_RUNNING,
		.store_fd = -1 };
	talloc_set_destructor(transaction, close_store);
	return transaction;
}

static bool is_same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

/* Another deployment of this call has the same binding, or the id under which the journal would know both. */
static bool is_twice(struct transaction *const *transactions, size_t count, struct certctl_error *why)
{
	const struct certctl_deploy_task *task = transactions[count]->task;

	for (size_t i = 0; i < count; i++) {
		const struct certctl_deploy_task *other = transactions[i]->task;

		if (is_same(other->binding, task->binding))
			certctl_fail(why, CERTCTL_E_CONFLICT, "binding %s: twice in one call", task->binding);
		else if (is_same(other->id, task->id))
			certctl_fail(why, CERTCTL_E_CONFLICT, "deployment %s: twice in one call", task->id);
		else
			continue;
		return true;
	}
	return false;
}

static int first_error(const struct certctl_deploy_report *reports, size_t count, struct certctl_error *err)
{
	for (size_t i = 0; i < count; i++) {
		if (reports[i].outcome == CERTCTL_DEPLOY_COMPLETED || reports[i].outcome == CERTCTL_DEPLOY_UNCHANGED)
			continue;
		if (err)
			*err = reports[i].error;
		return reports[i].error.code;
	}
	return 0;
}

static int check_journal_is_clear(const struct certctl_deployer *deployer, const struct certctl_deploy_task *task,
	TALLOC_CTX *work, struct certctl_error *err)
{
	struct deploy_journal_item *items;
	struct deploy_entry entry = { 0 };
	size_t count;
	int rc = deploy_journal_list(work, deployer->journal_fd, &items, &count, err);

	for (size_t i = 0; rc == 0 && i < count; i++) {
		rc = deploy_journal_read(work, deployer->journal_fd, &items[i], &entry, err);
		if (rc == 0 && task->binding && strcmp(entry.binding, task->binding) == 0) {
			rc = certctl_fail(err, CERTCTL_E_UNAVAILABLE,
				"binding %s: deployment %s could not be put back yet", entry.binding, entry.id);
			certctl_hint(err, "The log says why (deploy.recovered).");
		}
	}
	return rc;
}

static int begin_all(struct transaction **transactions, const struct certctl_deployer *deployer, TALLOC_CTX *work,
	TALLOC_CTX *mem, const struct certctl_deploy_task *const *tasks, size_t count,
	struct certctl_deploy_report *reports, struct certctl_error *err)
{
	for (size_t i = 0; i < count; i++) {
		transactions[i] = new_transaction(work, mem, deployer, tasks[i], &reports[i]);
		if (!transactions[i])
			return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	}
	for (size_t i = 0; i < count; i++) {
		struct certctl_error why = { 0 };

		if (is_twice(transactions, i, &why) || check_journal_is_clear(deployer, tasks[i], work, &why) < 0) {
			reports[i].error = why;
			end(transactions[i], CERTCTL_DEPLOY_REFUSED);
		} else {
			begin(transactions[i]);
		}
	}
	return 0;
}

static void refuse_all(struct certctl_deploy_report *reports, size_t count, const struct certctl_error *why)
{
	for (size_t i = 0; i < count; i++)
		if (!reports[i].outcome) {
			reports[i].outcome = CERTCTL_DEPLOY_REFUSED;
			reports[i].error = *why;
		}
}

int certctl_deploy_tasks(struct certctl_deployer *deployer, TALLOC_CTX *mem,
	const struct certctl_deploy_task *const *tasks, struct certctl_deploy_report **ret_reports,
	struct certctl_error *err)
{
	TALLOC_CTX *work = talloc_new(NULL);
	CERTCTL_AUTO_CLOSE int lock_fd = -1;
	struct certctl_error why = { 0 };
	size_t count = 0;

	while (tasks[count])
		count++;

	struct certctl_deploy_report *reports =
		talloc_zero_array(mem, struct certctl_deploy_report, (unsigned)count + 1);
	struct transaction **transactions = talloc_zero_array(work, struct transaction *, (unsigned)count + 1);

	if (!reports || !transactions) {
		talloc_free(work);
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	}
	for (size_t i = 0; i < count; i++)
		deploy_report_init(&reports[i]);
	int rc = deploy_lock(deployer, &lock_fd, &why);

	/* Another process may have died since this one recovered. */
	if (rc == 0)
		rc = deploy_recover_all(deployer, NULL, NULL, &why);
	if (rc == 0)
		rc = begin_all(transactions, deployer, work, reports, tasks, count, reports, &why);
	if (rc == 0)
		deploy_run(transactions, count);
	else
		refuse_all(reports, count, &why);
	talloc_free(work);
	*ret_reports = reports;
	return first_error(reports, count, err);
}
