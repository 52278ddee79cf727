/*
 * What a deployment would do, said instead of done: everything that can be known beforehand (prepare.c), in sentences.  Writes
 * nothing, takes no lock, runs no command.
 */
#include "deployer.h"

#include "agent/shared/listing.h"

#include <agent/probe/probe.h>
#include <certctl/files.h>
#include <certctl/log.h>
#include <inttypes.h>
#include <string.h>

#define BINDINGS_MAX 100000

/* --- Sentences ------------------------------------------------------------------------------------------------------------ */

struct sentences {
	const char **rows;
	unsigned count;
};

static void say(struct sentences *sentences, TALLOC_CTX *mem, char *sentence)
{
	sentences->rows = talloc_realloc(mem, sentences->rows, const char *, sentences->count + 2);
	certctl_assert(sentences->rows && sentence);
	sentences->rows[sentences->count++] = sentence;
	sentences->rows[sentences->count] = NULL;
}

static char *command_text(TALLOC_CTX *mem, const char *verb, const struct certctl_list *argv)
{
	const char *const *words = argv->items;
	char *text = talloc_strdup(mem, verb);

	for (size_t i = 0; text && i < argv->count; i++)
		text = talloc_asprintf_append(text, " %s", words[i]);
	return text;
}

static void say_files(struct sentences *sentences, TALLOC_CTX *mem, const struct deploy_entry *entry)
{
	static const char *const was[] = {
		[DEPLOY_WAS_LINKED] = "replace",
		[DEPLOY_WAS_THERE] = "take over and replace",
		[DEPLOY_WAS_MISSING] = "make",
	};

	for (size_t i = 0; i < entry->files.count; i++) {
		const struct deploy_file *file = &deploy_files(entry)[i];

		say(sentences, mem, talloc_asprintf(mem, "%s %s", was[file->original], file->path));
	}
}

static void say_steps(struct sentences *sentences, TALLOC_CTX *mem, const struct transaction *transaction)
{
	static const struct certctl_deploy_operations none;
	const struct deploy_entry *entry = &transaction->entry;
	const struct certctl_deploy_operations *by_plugin =
		transaction->task->operations ? transaction->task->operations : &none;

	say_files(sentences, mem, entry);
	if (by_plugin->validate)
		say(sentences, mem, talloc_strdup(mem, "let the plugin check the configuration"));
	else if (entry->validate.count)
		say(sentences, mem, command_text(mem, "run", &entry->validate));
	if (by_plugin->activate)
		say(sentences, mem, talloc_strdup(mem, "let the plugin activate it"));
	else if (entry->activate.count)
		say(sentences, mem, command_text(mem, "run", &entry->activate));
	if (by_plugin->served)
		say(sentences, mem, talloc_strdup(mem, "let the plugin look at what is served"));
	for (size_t i = 0; i < entry->probes.count; i++) {
		const struct deploy_probe *row = &deploy_probes(entry)[i];
		struct certctl_probe probe = { .address = row->address,
			.server_name = row->server_name,
			.port = (uint16_t)row->port,
			.starttls = (uint16_t)row->starttls,
			.key_type = (uint32_t)row->key_type };

		say(sentences, mem, talloc_asprintf(mem, "look at %s", certctl_probe_text(mem, &probe)));
	}
}

/* --- Looking ---------------------------------------------------------------------------------------------------------------- */

/* What one probe saw; when they differ, what should not be there. */
static const char *seen(const struct transaction *transaction)
{
	const struct deploy_entry *entry = &transaction->entry;
	const char *first = transaction->served_before;

	for (size_t i = 0; i < entry->probes.count; i++) {
		const char *before = deploy_probes(entry)[i].before;

		if (before && strcmp(before, entry->fingerprint) != 0)
			return before;
		first = first ? first : before;
	}
	return first;
}

static bool has_probe(const struct transaction *transaction)
{
	return transaction->entry.probes.count > 0 ||
	       (transaction->task->operations && transaction->task->operations->served);
}

static int look_at(struct certctl_deployer *deployer, TALLOC_CTX *mem, const struct certctl_deployment *deployment,
	struct certctl_deploy_look *ret, struct certctl_error *err)
{
	TALLOC_CTX *work = talloc_new(NULL);
	struct certctl_deploy_report report = { 0 };
	struct certctl_deploy_task *task;
	struct transaction transaction = { .mem = work,
		.work = work,
		.deployer = deployer,
		.report = &report,
		.state = DEPLOY_RUNNING,
		.store_fd = -1,
		.is_look = true };
	struct sentences sentences = { 0 };
	bool is_unchanged = false;
	int rc = deploy_plan_one(work, deployment, &task, err);

	if (rc < 0) {
		talloc_free(work);
		return rc;
	}
	transaction.task = task;
	*ret = (struct certctl_deploy_look){ .outcome = CERTCTL_LOOK_WOULD_DEPLOY };
	if (deploy_prepare(&transaction, &is_unchanged, &ret->error) < 0)
		ret->outcome = CERTCTL_LOOK_WOULD_REFUSE;
	else if (is_unchanged)
		ret->outcome = CERTCTL_LOOK_IN_PLACE;
	if (ret->outcome != CERTCTL_LOOK_WOULD_REFUSE) {
		ret->served_fingerprint = talloc_strdup(mem, seen(&transaction));
		ret->has_probe = has_probe(&transaction);
	}
	if (ret->outcome == CERTCTL_LOOK_WOULD_DEPLOY)
		say_steps(&sentences, mem, &transaction);
	ret->would = sentences.rows;
	certctl_close_auto(&transaction.store_fd);
	talloc_free(work);
	return 0;
}

int certctl_deploy_look(struct certctl_deployer *deployer, TALLOC_CTX *mem,
	const struct certctl_deployment *const *deployments, struct certctl_deploy_look **ret_looks,
	struct certctl_error *err)
{
	size_t count = 0;
	int rc = 0;

	while (deployments[count])
		count++;

	struct certctl_deploy_look *looks = talloc_zero_array(mem, struct certctl_deploy_look, (unsigned)count + 1);

	if (!looks)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = look_at(deployer, mem, deployments[i], &looks[i], err);
	if (rc == 0)
		*ret_looks = looks;
	return rc;
}

/* --- What is in service --------------------------------------------------------------------------------------------------- */

static struct certctl_deploy_bound bound_of(const char *binding, const struct deploy_binding *record)
{
	struct certctl_deploy_bound bound = { .binding = binding,
		.deployment = record->deployment,
		.fingerprint = record->fingerprint,
		.sequence = record->sequence,
		.generation = record->generation,
		.old_count = record->old.count };

	for (size_t i = 0; i < record->old.count; i++)
		if (deploy_olds(record)[i].until_unix_s > bound.old_until_unix_s)
			bound.old_until_unix_s = deploy_olds(record)[i].until_unix_s;
	return bound;
}

int certctl_deploy_list(struct certctl_deployer *deployer, TALLOC_CTX *mem, size_t max,
	struct certctl_deploy_bound **ret, size_t *ret_count, struct certctl_error *err)
{
	char **names;
	size_t count = 0, found = 0;
	int rc = certctl_listing_read(mem, deployer->bindings_fd, ".json", BINDINGS_MAX, &names, &count, err);
	struct certctl_deploy_bound *rows =
		talloc_array(mem, struct certctl_deploy_bound, (unsigned)(count < max ? count : max) + 1);

	if (rc == 0 && !rows)
		rc = certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; rc == 0 && i < count && found < max; i++) {
		char *binding = talloc_strndup(mem, names[i], strlen(names[i]) - strlen(".json"));
		struct deploy_binding record;

		/* One that cannot be read is for the next deployment to put aside. */
		if (binding && deploy_record_read(mem, deployer->bindings_fd, names[i], deploy_binding_fields, &record,
				       NULL) == 0)
			rows[found++] = bound_of(binding, &record);
	}
	if (rc == 0) {
		*ret = rows;
		*ret_count = found;
	}
	return rc;
}
