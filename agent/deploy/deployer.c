/* The deployer's folders, its lock and the records of bindings in service.  Knows no step of a deployment. */
#include "deployer.h"

#include <certctl/files.h>
#include <certctl/log.h>
#include <certctl/time.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define PRIVATE 0700

static int close_folders(struct certctl_deployer *deployer)
{
	certctl_close_auto(&deployer->state_fd);
	certctl_close_auto(&deployer->journal_fd);
	certctl_close_auto(&deployer->bindings_fd);
	certctl_close_auto(&deployer->quarantine_fd);
	return 0;
}

static int make_folder(const char *state_dir, const char *name, int *ret_fd, struct certctl_error *err)
{
	char *path = talloc_asprintf(NULL, "%s/%s", state_dir, name);
	int rc = path ? certctl_dir_make(path, PRIVATE, ret_fd, err)
		      : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	talloc_free(path);
	return rc;
}

static const char *const *copy_words(TALLOC_CTX *mem, const char *const *words)
{
	size_t count = 0;

	while (words && words[count])
		count++;

	const char **copy = talloc_zero_array(mem, const char *, (unsigned)count + 1);

	for (size_t i = 0; copy && i < count; i++)
		copy[i] = talloc_strdup(copy, words[i]);
	return copy;
}

static const char *const *const *copy_rows(TALLOC_CTX *mem, const char *const *const *rows)
{
	size_t count = 0;

	while (rows && rows[count])
		count++;

	const char *const **copy = talloc_zero_array(mem, const char *const *, (unsigned)count + 1);

	for (size_t i = 0; copy && i < count; i++)
		copy[i] = copy_words(copy, rows[i]);
	return copy;
}

int certctl_deployer_new(TALLOC_CTX *mem, const struct certctl_deployer_options *options, struct certctl_deployer **ret,
	struct certctl_error *err)
{
	struct certctl_deployer *deployer = talloc_zero(mem, struct certctl_deployer);
	int rc;

	if (!deployer)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	*deployer = (struct certctl_deployer){ .state_fd = -1,
		.journal_fd = -1,
		.bindings_fd = -1,
		.quarantine_fd = -1,
		.rollback_s = options->rollback_hours * 3600,
		.clock = options->clock ? options->clock : certctl_clock_system() };
	deployer->policy.paths = copy_words(deployer, options->policy.paths);
	deployer->policy.commands = copy_rows(deployer, options->policy.commands);
	talloc_set_destructor(deployer, close_folders);
	rc = certctl_dir_make(options->state_dir, PRIVATE, &deployer->state_fd, err);
	if (rc == 0)
		rc = make_folder(options->state_dir, "journal", &deployer->journal_fd, err);
	if (rc == 0)
		rc = make_folder(options->state_dir, "bindings", &deployer->bindings_fd, err);
	if (rc == 0)
		rc = make_folder(options->state_dir, "quarantine", &deployer->quarantine_fd, err);
	if (rc < 0)
		talloc_free(deployer);
	else
		*ret = deployer;
	return rc;
}

int deploy_lock(const struct certctl_deployer *deployer, int *ret_fd, struct certctl_error *err)
{
	int fd, rc = certctl_open_below(deployer->state_fd, "lock", O_RDWR | O_CREAT, 0600, &fd, err);

	if (rc < 0)
		return rc;
	/* Every step has a time limit, so whoever holds it ends.  The descriptor is closed on exec: no child keeps the lock. */
	while (flock(fd, LOCK_EX) < 0) {
		if (errno == EINTR)
			continue;
		rc = certctl_fail_errno(err, errno, "lock");
		close(fd);
		return rc;
	}
	*ret_fd = fd;
	return 0;
}

static void name_record(const char *binding, char ret[NAME_MAX + 1])
{
	snprintf(ret, NAME_MAX + 1, "%s.json", binding);
}

int deploy_binding_read(const struct certctl_deployer *deployer, TALLOC_CTX *mem, const char *binding,
	struct deploy_binding *ret, struct certctl_error *err)
{
	struct certctl_error why;
	char name[NAME_MAX + 1];

	name_record(binding, name);
	*ret = (struct deploy_binding){ 0 };
	int rc = deploy_record_read(mem, deployer->bindings_fd, name, deploy_binding_fields, ret, &why);

	if (rc != CERTCTL_E_INVALID && rc != CERTCTL_E_LIMIT) {
		if (rc < 0 && err)
			*err = why;
		return rc;
	}
	/* What is on disk shows again what is in service; only the sequence and the dates of old generations are lost. */
	*ret = (struct deploy_binding){ 0 };
	rc = deploy_quarantine(deployer, deployer->bindings_fd, name, &why, err);
	return rc == 0 ? certctl_fail(err, CERTCTL_E_NOT_FOUND, "%s: unreadable, in quarantine", name) : rc;
}

int deploy_binding_write(const struct certctl_deployer *deployer, const char *binding,
	const struct deploy_binding *record, struct certctl_error *err)
{
	char name[NAME_MAX + 1];

	name_record(binding, name);
	return deploy_record_write(deployer->bindings_fd, name, deploy_binding_fields, record, sizeof(*record), err);
}

int deploy_quarantine(const struct certctl_deployer *deployer, int from_fd, const char *name,
	const struct certctl_error *why, struct certctl_error *err)
{
	char kept[NAME_MAX + 1];

	certctl_log_error(CERTCTL_LOG_ERROR, "deploy.quarantined", why, "file", name, NULL);
	snprintf(kept, sizeof(kept), "%.200s.%" PRId64, name, certctl_clock_now_s(deployer->clock));
	if (renameat(from_fd, name, deployer->quarantine_fd, kept) < 0)
		return certctl_fail_errno(err, errno, "quarantine: %s", name);
	int rc = certctl_dir_sync(deployer->quarantine_fd, err);

	return rc == 0 ? certctl_dir_sync(from_fd, err) : rc;
}
