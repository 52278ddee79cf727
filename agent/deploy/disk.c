/*
 * What one deployment does to files: stage, swap, put back, finish.  Each function may be cut short anywhere; the journal entry
 * and the disk then say together what to do.  Runs no command and asks no server.
 */
#include "deployer.h"

#include "adopt.h"
#include "store.h"

#include <certctl/files.h>
#include <certctl/time.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static int write_files(const struct transaction *transaction, int generation_fd, struct certctl_error *err)
{
	const struct deploy_entry *entry = &transaction->entry;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < entry->files.count; i++) {
		const struct deploy_file *file = &deploy_files(entry)[i];
		const struct certctl_secret *content = &transaction->contents[i];
		const struct certctl_file_attributes attributes = {
			.mode = (mode_t)file->mode, .uid = (uid_t)file->uid, .gid = (gid_t)file->gid
		};
		char *name = deploy_store_name(transaction->work, file->path);

		rc = name ? certctl_file_create(generation_fd, name, content->data, content->len, &attributes, err)
			  : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	}
	return rc;
}

int deploy_stage(struct transaction *transaction, struct certctl_error *err)
{
	const struct deploy_entry *entry = &transaction->entry;
	CERTCTL_AUTO_CLOSE int generation_fd = -1;
	int rc = deploy_journal_begin(transaction->deployer->journal_fd, entry, err);

	if (rc < 0)
		return rc;
	transaction->phase = DEPLOY_STAGING;
	if (transaction->store_fd < 0)
		rc = deploy_store_make(entry->store, &transaction->store_fd, err);
	if (rc == 0)
		rc = deploy_store_create(transaction->store_fd, entry->generation, &generation_fd, err);
	if (rc == 0)
		rc = write_files(transaction, generation_fd, err);
	if (rc == 0 && entry->adopted)
		rc = deploy_adopt(entry, transaction->store_fd, err);
	if (rc == 0)
		rc = deploy_store_prepare(transaction->store_fd, entry->generation,
			entry->adopted ? entry->adopted : entry->before, err);
	return rc;
}

static int advance(struct transaction *transaction, enum deploy_phase to, struct certctl_error *err)
{
	int rc = deploy_journal_advance(transaction->deployer->journal_fd, transaction->entry.id, transaction->phase,
		to, err);

	if (rc == 0)
		transaction->phase = to;
	return rc;
}

int deploy_swap(struct transaction *transaction, struct certctl_error *err)
{
	const struct deploy_entry *entry = &transaction->entry;
	int rc = transaction->phase == DEPLOY_STAGING ? advance(transaction, DEPLOY_SWAPPING, err) : 0;

	if (rc == 0 && transaction->store_fd < 0)
		rc = deploy_store_open(entry->store, &transaction->store_fd, err);
	return rc == 0 ? deploy_store_point(transaction->store_fd, entry->generation, err) : rc;
}

int deploy_put_back(struct transaction *transaction, struct certctl_error *err)
{
	const struct deploy_entry *entry = &transaction->entry;
	int64_t current = 0;
	int rc = 0;

	/* Without this note a crash would let recovery try the new pair once more: a pity, not a danger. */
	if (transaction->phase == DEPLOY_SWAPPING && advance(transaction, DEPLOY_RESTORING, NULL) < 0)
		certctl_assert(transaction->phase == DEPLOY_SWAPPING);
	if (transaction->store_fd < 0)
		rc = deploy_store_open(entry->store, &transaction->store_fd, err);
	if (rc == CERTCTL_E_NOT_FOUND)
		return 0; /* cut short before the store was made */
	if (rc == 0)
		rc = deploy_store_current(transaction->store_fd, &current, err);
	/* Only from the new generation: an adopted one that was never pointed to may be half made. */
	if (rc == 0 && current == entry->generation)
		rc = deploy_store_point(transaction->store_fd, entry->adopted ? entry->adopted : entry->before, err);
	if (rc == 0)
		rc = deploy_adopt_undo(entry, err);
	if (rc == 0)
		rc = deploy_store_point(transaction->store_fd, entry->before, err);
	return rc;
}

/* A store that was made for this deployment goes with it; what is not empty stays. */
static void remove_empty_store(const struct deploy_entry *entry)
{
	char *folder = deploy_directory_of(NULL, entry->store);

	if (!entry->before && rmdir(entry->store) == 0 && folder)
		rmdir(folder);
	talloc_free(folder);
}

int deploy_forget(struct transaction *transaction, struct certctl_error *err)
{
	const struct deploy_entry *entry = &transaction->entry;
	int rc = 0;

	if (transaction->store_fd >= 0) {
		rc = deploy_store_tidy(transaction->store_fd, err);
		if (rc == 0)
			rc = deploy_store_remove(transaction->store_fd, entry->generation, err);
		if (rc == 0)
			rc = deploy_store_remove(transaction->store_fd, entry->adopted, err);
		if (rc == 0)
			remove_empty_store(entry);
	}
	return rc == 0 ? deploy_journal_end(transaction->deployer->journal_fd, entry->id, transaction->phase, err) : rc;
}

static bool has_path(const struct deploy_entry *entry, const char *path)
{
	for (size_t i = 0; i < entry->files.count; i++)
		if (strcmp(deploy_files(entry)[i].path, path) == 0)
			return true;
	return false;
}

/* Paths that the binding had and has no longer, and a store that moved: our links there point to nothing any more. */
static int retire(const struct transaction *transaction, const struct deploy_binding *was, struct certctl_error *err)
{
	const struct deploy_entry *entry = &transaction->entry;
	CERTCTL_AUTO_CLOSE int store_fd = -1;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < was->files.count; i++)
		if (!has_path(entry, deploy_files(was)[i].path))
			rc = deploy_adopt_retire(deploy_files(was)[i].path, was->store, err);
	if (rc < 0 || !was->store || strcmp(was->store, entry->store) == 0)
		return rc;
	rc = deploy_store_open(was->store, &store_fd, err);
	if (rc == CERTCTL_E_NOT_FOUND)
		return 0;
	return rc == 0 ? deploy_store_point(store_fd, 0, err) : rc;
}

static int add_old(TALLOC_CTX *mem, struct deploy_binding *record, const char *store, int64_t generation,
	int64_t until_unix_s, struct certctl_error *err)
{
	char *path = talloc_asprintf(mem, "%s/%" PRId64, store, generation);

	for (size_t i = 0; path && i < record->old.count; i++)
		if (strcmp(deploy_olds(record)[i].path, path) == 0)
			return 0; /* it has its date already */

	struct deploy_old *olds = talloc_array(mem, struct deploy_old, (unsigned)record->old.count + 1);

	if (!path || !olds)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	if (record->old.count)
		memcpy(olds, record->old.items, record->old.count * sizeof(*olds));
	olds[record->old.count] = (struct deploy_old){ .path = path, .until_unix_s = until_unix_s };
	record->old = (struct certctl_list){ .count = record->old.count + 1, .items = olds };
	return 0;
}

static int write_binding(const struct transaction *transaction, const struct deploy_binding *was,
	struct certctl_error *err)
{
	const struct deploy_entry *entry = &transaction->entry;
	int64_t until_unix_s = certctl_clock_now_s(transaction->deployer->clock) + transaction->deployer->rollback_s;
	struct deploy_binding record = { .deployment = entry->id,
		.store = entry->store,
		.content = entry->content,
		.fingerprint = entry->fingerprint,
		.sequence = entry->sequence,
		.generation = entry->generation,
		.files = entry->files,
		.old = was->old };
	int64_t *numbers = NULL;
	size_t count = 0;
	int rc = deploy_store_list(transaction->work, transaction->store_fd, &numbers, &count, err);

	/* Every other generation there: what was in service, what was adopted, and what a lost record had forgotten. */
	for (size_t i = 0; rc == 0 && i < count; i++)
		if (numbers[i] != entry->generation)
			rc = add_old(transaction->work, &record, entry->store, numbers[i], until_unix_s, err);
	if (rc == 0 && was->store && strcmp(was->store, entry->store) != 0)
		rc = add_old(transaction->work, &record, was->store, was->generation, until_unix_s, err);
	return rc == 0 ? deploy_binding_write(transaction->deployer, entry->binding, &record, err) : rc;
}

int deploy_finish(struct transaction *transaction, struct certctl_error *err)
{
	const struct deploy_entry *entry = &transaction->entry;
	struct deploy_binding was;
	int64_t next_unix_s;
	int rc = deploy_binding_read(transaction->deployer, transaction->work, entry->binding, &was, err);

	if (rc == 0 || rc == CERTCTL_E_NOT_FOUND)
		rc = deploy_adopt_keep(entry, err);
	if (rc == 0)
		rc = retire(transaction, &was, err);
	if (rc == 0)
		rc = write_binding(transaction, &was, err);
	if (rc == 0)
		rc = deploy_store_tidy(transaction->store_fd, err);
	if (rc == 0)
		rc = deploy_journal_end(transaction->deployer->journal_fd, entry->id, transaction->phase, err);
	if (rc == 0 && transaction->deployer->rollback_s == 0)
		rc = deploy_expire_binding(transaction->deployer, entry->binding, &next_unix_s, err);
	return rc;
}
