/*
 * What one deployment does to the server: validate, activate, look at what it serves.  By the plan's commands and probes, or by
 * operations of the plugin.  Touches no file.
 */
#include "deployer.h"

#include "report.h"

#include <agent/probe/probe.h>
#include <certctl/exec.h>
#include <certctl/time.h>
#include <string.h>
#include <time.h>

#define ASK_AGAIN_MS     100
#define LOOK_ONCE_MS     2000
#define LOOK_AT_LEAST_MS 2000 /* each gets a fair look, however long those before it took */

/* --- Commands ------------------------------------------------------------------------------------------------------- */

/* What a command says last is usually why it failed. */
static const char *last_line(char *output)
{
	size_t len = strlen(output);

	while (len > 0 && (output[len - 1] == '\n' || output[len - 1] == ' '))
		output[--len] = 0;
	const char *line = strrchr(output, '\n');

	return line ? line + 1 : output;
}

/* Run an argument vector; `ret_detail`, on `mem`, is what it said, also when it failed, which is `failure`. */
static int run(TALLOC_CTX *mem, const char *step, enum certctl_code failure, const struct certctl_list *list,
	int64_t timeout_s, bool leave_descendants, const char **ret_detail, struct certctl_error *err)
{
	struct certctl_command command = {
		.argv = deploy_argv(mem, list), .timeout_s = (int32_t)timeout_s, .leave_descendants = leave_descendants
	};
	struct certctl_command_result result = { 0 };
	int rc;

	if (!command.argv)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	rc = certctl_command_run(mem, &command, NULL, NULL, &result, err);
	if (result.output)
		*ret_detail = talloc_strdup(mem, result.output);
	if (rc < 0)
		return certctl_error_prefix(err, "%s", step);
	if (result.signal)
		return certctl_fail(err, failure, "%s: %s: ended by signal %d", step, command.argv[0], result.signal);
	if (result.exit_code != 0)
		return certctl_fail(err, failure, "%s: exit code %d: %s", step, result.exit_code,
			last_line(result.output));
	return 0;
}

static const struct certctl_deploy_operations *operations_of(const struct transaction *transaction)
{
	static const struct certctl_deploy_operations none;

	return transaction->task && transaction->task->operations ? transaction->task->operations : &none;
}

int deploy_validate(struct transaction *transaction, struct certctl_error *err)
{
	const struct certctl_deploy_operations *by_plugin = operations_of(transaction);
	const struct deploy_entry *entry = &transaction->entry;
	int64_t began_ms = certctl_monotonic_ms();
	const char *detail = "";
	int rc;

	if (by_plugin->validate)
		rc = by_plugin->validate(transaction->task, err);
	else if (entry->validate.count)
		rc = run(transaction->work, "validate", CERTCTL_E_DENIED, &entry->validate, entry->validate_timeout_s,
			false, &detail, err);
	else
		return 0;
	deploy_report_step(transaction->mem, transaction->report, "validate", rc == 0, began_ms,
		rc < 0 && !detail[0] ? err->what : detail);
	return rc;
}

/* --- Activation of many ---------------------------------------------------------------------------------------------- */

static bool is_same_argv(const struct certctl_list *a, const struct certctl_list *b)
{
	const char *const *words_a = a->items, *const *words_b = b->items;

	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(words_a[i], words_b[i]) != 0)
			return false;
	return true;
}

static bool is_same_activation(const struct transaction *a, const struct transaction *b)
{
	bool a_by_plugin = operations_of(a)->activate, b_by_plugin = operations_of(b)->activate;

	if (a_by_plugin || b_by_plugin)
		return a_by_plugin && b_by_plugin && a->task->target == b->task->target;
	return is_same_argv(&a->entry.activate, &b->entry.activate);
}

static int activate_by_plugin(struct transaction *const *group, size_t count, struct certctl_error *err)
{
	const struct certctl_deploy_task **tasks =
		talloc_zero_array(group[0]->work, const struct certctl_deploy_task *, (unsigned)count + 1);

	if (!tasks)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < count; i++)
		tasks[i] = group[i]->task;
	return operations_of(group[0])->activate(tasks, err);
}

/* One activation for all of the group; the step stands in each report. */
static bool activate_group(struct transaction *const *group, size_t count, const char *step)
{
	const struct deploy_entry *entry = &group[0]->entry;
	struct certctl_error why = { 0 };
	int64_t began_ms = certctl_monotonic_ms();
	const char *detail = "";
	int rc = 0;

	for (size_t i = 0; i < count; i++)
		group[i]->was_activated = true;
	if (operations_of(group[0])->activate)
		rc = activate_by_plugin(group, count, &why);
	else if (entry->activate.count)
		rc = run(group[0]->work, step, CERTCTL_E_UNAVAILABLE, &entry->activate, entry->activate_timeout_s, true,
			&detail, &why);
	else
		return true;
	if (rc < 0 && !detail[0])
		detail = why.what;
	for (size_t i = 0; i < count; i++) {
		deploy_report_step(group[i]->mem, group[i]->report, step, rc == 0, began_ms, detail);
		if (rc < 0 && group[i]->state == DEPLOY_RUNNING) {
			group[i]->state = DEPLOY_FAILED;
			group[i]->report->error = why;
		}
	}
	return rc == 0;
}

void deploy_activate_all(struct transaction *const *transactions, size_t count, const char *step, bool *ret_ok)
{
	struct transaction **group = talloc_array(NULL, struct transaction *, (unsigned)count + 1);
	bool *is_done = talloc_zero_array(group, bool, (unsigned)count + 1);

	certctl_assert(group && is_done);
	for (size_t first = 0; first < count; first++) {
		size_t members = 0;

		if (is_done[first])
			continue;
		for (size_t i = first; i < count; i++) {
			if (is_done[i] || !is_same_activation(transactions[first], transactions[i]))
				continue;
			is_done[i] = true;
			group[members++] = transactions[i];
		}
		bool is_ok = activate_group(group, members, step);

		for (size_t i = first; i < count; i++)
			for (size_t k = 0; k < members; k++)
				if (transactions[i] == group[k])
					ret_ok[i] = is_ok;
	}
	talloc_free(group);
}

/* --- Looking ----------------------------------------------------------------------------------------------------------- */

static struct certctl_probe probe_of(const struct deploy_probe *row)
{
	return (struct certctl_probe){ .address = row->address,
		.server_name = row->server_name,
		.port = (uint16_t)row->port,
		.starttls = (uint16_t)row->starttls,
		.key_type = (uint32_t)row->key_type };
}

static void remember_seen(struct transaction *transaction, const char *fingerprint)
{
	if (fingerprint[0])
		transaction->report->served_fingerprint = talloc_strdup(transaction->mem, fingerprint);
}

static bool is_one_of(const char *seen, const char *const *fingerprints)
{
	for (; seen && *fingerprints; fingerprints++)
		if (strcmp(seen, *fingerprints) == 0)
			return true;
	return false;
}

/* The plugin's own look, until it says one of these or the time is up. */
static int ask_plugin(struct transaction *transaction, const char *const *fingerprints, int64_t deadline_ms,
	struct certctl_error *err)
{
	static const struct timespec pause = { .tv_nsec = ASK_AGAIN_MS * 1000000 };

	for (;;) {
		const char *seen = NULL;
		int rc = operations_of(transaction)->served(transaction->task, transaction->work, &seen, err);

		remember_seen(transaction, rc == 0 && seen ? seen : "");
		if (rc == 0 && is_one_of(seen, fingerprints))
			return 0;
		if (rc == 0)
			rc = certctl_fail(err, CERTCTL_E_UNAVAILABLE, "the server says that it serves %.16s...",
				seen ? seen : "nothing");
		if (certctl_monotonic_ms() >= deadline_ms)
			return rc;
		nanosleep(&pause, NULL);
	}
}

static int look(struct transaction *transaction, const struct deploy_probe *row, const char *const *fingerprints,
	int64_t deadline_ms, struct certctl_error *err)
{
	const struct certctl_probe probe = probe_of(row);
	int64_t at_least_ms = certctl_monotonic_ms() + LOOK_AT_LEAST_MS;
	struct certctl_served served;
	int rc = certctl_probe_until(&probe, fingerprints, deadline_ms > at_least_ms ? deadline_ms : at_least_ms,
		&served, err);

	remember_seen(transaction, served.fingerprint_sha256);
	return rc;
}

int deploy_look_for_new(struct transaction *transaction, int64_t deadline_ms, struct certctl_error *err)
{
	const struct deploy_entry *entry = &transaction->entry;
	const char *const fingerprints[] = { entry->fingerprint, NULL };
	int64_t began_ms = certctl_monotonic_ms();
	bool by_plugin = operations_of(transaction)->served;
	int rc = 0;

	if (by_plugin)
		rc = ask_plugin(transaction, fingerprints, deadline_ms, err);
	for (size_t i = 0; !by_plugin && rc == 0 && i < entry->probes.count; i++)
		rc = look(transaction, &deploy_probes(entry)[i], fingerprints, deadline_ms, err);
	if (!by_plugin && entry->probes.count == 0)
		return 0;
	transaction->report->verified = rc == 0;
	if (rc < 0)
		certctl_error_prefix(err, "probe");
	deploy_report_step(transaction->mem, transaction->report, "probe", rc == 0, began_ms,
		rc < 0 ? err->what : entry->fingerprint);
	return rc;
}

/* What was served, or, from a server that had missed a reload, what was in place. */
static int look_for_old_by_plugin(struct transaction *transaction, int64_t deadline_ms, bool *ret_is_known,
	struct certctl_error *err)
{
	const char *const fingerprints[] = { transaction->served_before, transaction->entry.previous_fingerprint,
		NULL };

	*ret_is_known = transaction->served_before != NULL;
	return *ret_is_known ? ask_plugin(transaction, fingerprints, deadline_ms, err) : 0;
}

int deploy_look_for_old(struct transaction *transaction, int64_t deadline_ms, bool *ret_is_known,
	struct certctl_error *err)
{
	const struct deploy_entry *entry = &transaction->entry;
	int rc = 0;

	if (operations_of(transaction)->served)
		return look_for_old_by_plugin(transaction, deadline_ms, ret_is_known, err);
	*ret_is_known = false;
	for (size_t i = 0; rc == 0 && i < entry->probes.count; i++) {
		const struct deploy_probe *probe = &deploy_probes(entry)[i];
		const char *const fingerprints[] = { probe->before, entry->previous_fingerprint, NULL };

		if (!probe->before)
			continue;
		*ret_is_known = true;
		rc = look(transaction, probe, fingerprints, deadline_ms, err);
	}
	return rc;
}

void deploy_look_once(struct transaction *transaction)
{
	struct deploy_entry *entry = &transaction->entry;

	if (operations_of(transaction)->served) {
		if (operations_of(transaction)
				->served(transaction->task, transaction->work, &transaction->served_before, NULL) < 0)
			transaction->served_before = NULL;
		return;
	}
	for (size_t i = 0; i < entry->probes.count; i++) {
		struct deploy_probe *row = &deploy_probes(entry)[i];
		const struct certctl_probe probe = probe_of(row);
		struct certctl_served served;

		if (certctl_probe_once(&probe, certctl_monotonic_ms() + LOOK_ONCE_MS, &served, NULL) == 0)
			row->before = talloc_strdup(transaction->work, served.fingerprint_sha256);
	}
}
