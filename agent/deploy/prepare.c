/*
 * Everything that can be known before something is touched: is the plan sound, is it permitted, does the bundle belong together,
 * what stands on the disk, what is served.  Changes nothing; a refusal here leaves no trace.
 */
#include "deployer.h"

#include "adopt.h"
#include "policy.h"
#include "store.h"

#include <certctl/files.h>
#include <certctl/name.h>
#include <certctl/time.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define FILES_MAX   100
#define CONTENT_MAX (16 * 1024 * 1024)
#define VALIDATE_S  60
#define ACTIVATE_S  60
#define PROBE_S     30

static size_t count_of(const void *list)
{
	const void *const *rows = list;
	size_t count = 0;

	while (rows && rows[count])
		count++;
	return count;
}

static int check_ids(const struct certctl_deploy_task *task, struct certctl_error *err)
{
	if (!task->id || !certctl_id_is_valid(task->id))
		return certctl_fail(err, CERTCTL_E_INVALID, "deployment: id is missing or malformed");
	if (!task->binding || !certctl_id_is_valid(task->binding))
		return certctl_fail(err, CERTCTL_E_INVALID, "deployment: binding is missing or malformed");
	return 0;
}

/* --- The plan, as an entry ------------------------------------------------------------------------------------------ */

static int take_files(struct transaction *transaction, const struct certctl_plan *plan, struct certctl_error *err)
{
	size_t count = count_of(plan->files);
	struct deploy_file *files;
	int rc = 0;

	if (count == 0 || count > FILES_MAX)
		return certctl_fail(err, CERTCTL_E_INVALID, "plan: 1..%d files expected, got %zu", FILES_MAX, count);
	files = talloc_zero_array(transaction->work, struct deploy_file, (unsigned)count);
	if (!files)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; rc == 0 && i < count; i++) {
		const struct certctl_plan_file *file = plan->files[i];
		uid_t uid;
		gid_t gid;

		rc = certctl_path_check(file->path, err);
		for (size_t k = 0; rc == 0 && k < i; k++)
			if (strcmp(files[k].path, file->path) == 0)
				rc = certctl_fail(err, CERTCTL_E_INVALID, "%s: twice in the plan", file->path);
		if (rc == 0)
			rc = certctl_owner_lookup(file->owner, file->group, &uid, &gid, err);
		if (rc == 0)
			files[i] = (struct deploy_file){ .path = file->path,
				.mode = deploy_file_mode(file) & 07777,
				.uid = uid == (uid_t)-1 ? -1 : (int64_t)uid,
				.gid = gid == (gid_t)-1 ? -1 : (int64_t)gid };
	}
	transaction->entry.files = (struct certctl_list){ .count = count, .items = files };
	return rc;
}

static int take_probes(struct transaction *transaction, const struct certctl_plan *plan, struct certctl_error *err)
{
	size_t count = count_of(plan->probes);
	struct deploy_probe *probes = talloc_zero_array(transaction->work, struct deploy_probe, (unsigned)count);

	if (!probes)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; i < count; i++) {
		const struct certctl_probe *probe = plan->probes[i];

		if (!probe->address || !probe->address[0] || !probe->port ||
			probe->key_type >= CERTCTL_KEY_TYPE_COUNT || probe->starttls > CERTCTL_STARTTLS_MYSQL)
			return certctl_fail(err, CERTCTL_E_INVALID,
				"plan: probe %zu: address, port, key type or STARTTLS", i);
		probes[i] = (struct deploy_probe){ .address = probe->address,
			.server_name = probe->server_name,
			.port = probe->port,
			.starttls = probe->starttls,
			.key_type = probe->key_type };
	}
	transaction->entry.probes = (struct certctl_list){ .count = count, .items = probes };
	return 0;
}

static struct certctl_list words(const char *const *argv, bool is_wanted)
{
	size_t count = is_wanted ? count_of(argv) : 0;

	return (struct certctl_list){ .count = count, .items = count ? (void *)argv : NULL };
}

static int64_t or_default(int32_t value_s, int64_t fallback_s)
{
	return value_s > 0 ? value_s : fallback_s;
}

/* The store lies beside the key: who serves the certificate reads the key, so it gets there. */
static const char *store_neighbour(const struct certctl_plan *plan)
{
	for (const struct certctl_plan_file *const *file = plan->files; *file; file++)
		if (deploy_file_has_key(*file))
			return (*file)->path;
	return plan->files[0]->path;
}

static int take_plan(struct transaction *transaction, struct certctl_error *err)
{
	static const struct certctl_deploy_operations none;
	const struct certctl_deploy_task *task = transaction->task;
	const struct certctl_deploy_operations *by_plugin = task->operations ? task->operations : &none;
	const struct certctl_plan *plan = task->plan;
	struct deploy_entry *entry = &transaction->entry;
	int rc;

	entry->id = task->id;
	entry->binding = task->binding;
	entry->sequence = task->sequence;
	entry->validate = words(plan->validate, !by_plugin->validate);
	entry->activate = words(plan->activate, !by_plugin->activate);
	entry->validate_timeout_s = or_default(plan->validate_timeout_s, VALIDATE_S);
	entry->activate_timeout_s = or_default(plan->activate_timeout_s, ACTIVATE_S);
	entry->probe_timeout_s = or_default(plan->probe_timeout_s, PROBE_S);
	entry->is_by_plugin = by_plugin->validate || by_plugin->activate || by_plugin->served;
	rc = take_files(transaction, plan, err);
	if (rc == 0)
		rc = take_probes(transaction, plan, err);
	if (rc == 0)
		entry->store = deploy_store_path(transaction->work, store_neighbour(plan), task->binding);
	return rc == 0 && !entry->store ? certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory") : rc;
}

/* --- The disk as it is ----------------------------------------------------------------------------------------------- */

static int look_at_disk(struct transaction *transaction, struct certctl_error *err)
{
	struct deploy_entry *entry = &transaction->entry;
	bool is_adopted = true;
	int64_t next = 1;
	int rc = deploy_store_open(entry->store, &transaction->store_fd, err);

	if (rc == CERTCTL_E_NOT_FOUND)
		rc = 0;
	if (rc == 0)
		rc = deploy_store_current(transaction->store_fd, &entry->before, err);
	if (rc == 0 && transaction->store_fd >= 0)
		rc = deploy_store_next(transaction->store_fd, &next, err);
	for (size_t i = 0; rc == 0 && i < entry->files.count; i++) {
		struct deploy_file *file = &deploy_files(entry)[i];

		rc = deploy_adopt_look(file->path, entry->store, &file->original, err);
		is_adopted = is_adopted && file->original == DEPLOY_WAS_LINKED;
	}
	entry->adopted = is_adopted ? 0 : next;
	entry->generation = is_adopted ? next : next + 1;
	return rc;
}

static const char *real_path(void *arg, const char *path)
{
	struct transaction *transaction = arg;
	const struct deploy_entry *entry = &transaction->entry;
	char *name = NULL;

	for (size_t i = 0; !name && i < entry->files.count; i++)
		if (strcmp(deploy_files(entry)[i].path, path) == 0)
			name = deploy_store_name(transaction->work, path);
	return name ? talloc_asprintf(transaction->work, "%s/%" PRId64 "/%s", entry->store, entry->generation, name)
		    : NULL;
}

static int render_files(struct transaction *transaction, const struct deploy_material *material,
	struct certctl_error *err)
{
	struct deploy_entry *entry = &transaction->entry;
	int rc = 0;

	transaction->contents =
		talloc_zero_array(transaction->work, struct certctl_secret, (unsigned)entry->files.count);
	if (!transaction->contents)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	for (size_t i = 0; rc == 0 && i < entry->files.count; i++) {
		struct certctl_secret *content = &transaction->contents[i];
		char *hash = talloc_zero_size(transaction->work, 65);

		rc = deploy_render(transaction->work, material, transaction->task->plan->files[i], real_path,
			transaction, content, err);
		if (rc == 0 && !hash)
			rc = certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
		if (rc == 0)
			certctl_sha256_hex(content->data, content->len, hash);
		deploy_files(entry)[i].sha256 = hash;
	}
	return rc;
}

/* --- Is it all there already? ---------------------------------------------------------------------------------------- */

static bool file_is_intact(const struct transaction *transaction, const struct deploy_file *file)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct certctl_secret content = { 0 };
	char hash[65] = "", *name = deploy_store_name(mem, file->path);
	char *inside = name ? talloc_asprintf(mem, "%" PRId64 "/%s", transaction->entry.before, name) : NULL;
	struct stat status;
	bool is_intact = inside && fstatat(transaction->store_fd, inside, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
			 S_ISREG(status.st_mode) && (status.st_mode & 07777) == (mode_t)file->mode &&
			 (file->uid < 0 || status.st_uid == (uid_t)file->uid) &&
			 (file->gid < 0 || status.st_gid == (gid_t)file->gid) &&
			 certctl_file_read_secret(mem, transaction->store_fd, inside, CONTENT_MAX, &content, NULL) == 0;

	if (is_intact)
		certctl_sha256_hex(content.data, content.len, hash);
	talloc_free(mem);
	return is_intact && strcmp(hash, file->sha256) == 0;
}

static bool is_in_place(const struct transaction *transaction, const struct deploy_binding *record)
{
	const struct deploy_entry *entry = &transaction->entry;
	bool is_same = record->content && strcmp(record->content, entry->content) == 0 &&
		       strcmp(record->store, entry->store) == 0 && record->generation == entry->before &&
		       entry->before && !entry->adopted;

	for (size_t i = 0; is_same && i < record->files.count; i++)
		is_same = file_is_intact(transaction, &deploy_files(record)[i]);
	return is_same;
}

static bool is_new(const struct transaction *transaction, const char *seen)
{
	return seen && strcmp(seen, transaction->entry.fingerprint) == 0;
}

static bool has_own_look(const struct transaction *transaction)
{
	return transaction->task->operations && transaction->task->operations->served;
}

static bool is_served(const struct transaction *transaction)
{
	const struct deploy_entry *entry = &transaction->entry;

	if (has_own_look(transaction))
		return is_new(transaction, transaction->served_before);
	for (size_t i = 0; i < entry->probes.count; i++)
		if (!is_new(transaction, deploy_probes(entry)[i].before))
			return false;
	return true;
}

static int check_sequence(const struct transaction *transaction, const struct deploy_binding *record,
	struct certctl_error *err)
{
	if (!record->deployment || transaction->task->is_rollback || transaction->entry.sequence >= record->sequence)
		return 0;
	certctl_fail(err, CERTCTL_E_CONFLICT, "version %" PRId64 " is older than %" PRId64 ", which is in service",
		transaction->entry.sequence, record->sequence);
	return certctl_hint(err, "Deploy it as a roll-back if that is what you want.");
}

/* The same content under another number: remember the number, so that an older version is still refused. */
static int remember_sequence(const struct transaction *transaction, struct deploy_binding *record,
	struct certctl_error *err)
{
	if (record->sequence == transaction->entry.sequence || transaction->is_look)
		return 0;
	record->sequence = transaction->entry.sequence;
	record->deployment = transaction->entry.id;
	return deploy_binding_write(transaction->deployer, transaction->entry.binding, record, err);
}

static int compare(struct transaction *transaction, struct deploy_binding *record, bool *ret_is_unchanged,
	struct certctl_error *err)
{
	deploy_look_once(transaction);
	*ret_is_unchanged = is_in_place(transaction, record) && is_served(transaction);
	if (!*ret_is_unchanged)
		return 0;
	transaction->report->verified = has_own_look(transaction) || transaction->entry.probes.count > 0;
	if (transaction->report->verified)
		transaction->report->served_fingerprint =
			talloc_strdup(transaction->mem, transaction->entry.fingerprint);
	return remember_sequence(transaction, record, err);
}

int deploy_prepare(struct transaction *transaction, bool *ret_is_unchanged, struct certctl_error *err)
{
	const struct certctl_deploy_task *task = transaction->task;
	struct deploy_entry *entry = &transaction->entry;
	struct deploy_material material;
	struct deploy_binding record = { 0 };
	char *content = talloc_zero_size(transaction->work, 65);
	int rc = check_ids(task, err);

	if (rc == 0 && !task->plan) {
		*err = *task->refused;
		return err->code;
	}
	if (rc == 0)
		rc = take_plan(transaction, err);
	if (rc == 0)
		rc = deploy_policy_check(&transaction->deployer->policy, entry, err);
	if (rc == 0)
		rc = deploy_material_read(transaction->work, task->bundle, task->key,
			certctl_clock_now_s(transaction->deployer->clock), &material, err);
	if (rc == 0)
		rc = content ? deploy_content_hash(&material, task->plan, content, err)
			     : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	if (rc < 0)
		return rc;
	entry->content = content;
	entry->fingerprint = material.leaf->fingerprint_sha256;
	rc = deploy_binding_read(transaction->deployer, transaction->work, task->binding, &record, err);
	if (rc == CERTCTL_E_NOT_FOUND)
		rc = 0;
	entry->previous_fingerprint = record.fingerprint;
	if (rc == 0)
		rc = check_sequence(transaction, &record, err);
	if (rc == 0)
		rc = look_at_disk(transaction, err);
	if (rc == 0)
		rc = render_files(transaction, &material, err);
	return rc == 0 ? compare(transaction, &record, ret_is_unchanged, err) : rc;
}
