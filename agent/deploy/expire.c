/* Unlinking generations, and with them keys, that are only kept for a way back.  Knows records and paths, no server. */
#include "deployer.h"

#include "store.h"

#include "agent/shared/quarantine.h"

#include <certctl/files.h>
#include <certctl/log.h>
#include <certctl/time.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int remove_generation(const char *path, struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int store_fd = -1;
	char *store = deploy_directory_of(NULL, path);
	int rc = store ? deploy_store_open(store, &store_fd, err)
		       : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	if (rc == 0)
		rc = certctl_tree_remove(store_fd, strrchr(path, '/') + 1, err);
	talloc_free(store);
	return rc == CERTCTL_E_NOT_FOUND ? 0 : rc;
}

int deploy_expire_binding(const struct certctl_deployer *deployer, const char *binding, int64_t *ret_next_unix_s,
	struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	int64_t now_s = certctl_clock_now_s(deployer->clock), next_s = 0;
	struct deploy_binding record;
	size_t kept = 0;
	int rc = deploy_binding_read(deployer, mem, binding, &record, err);

	for (size_t i = 0; rc == 0 && i < record.old.count; i++) {
		const struct deploy_old old = deploy_olds(&record)[i];

		if (old.until_unix_s > now_s) {
			deploy_olds(&record)[kept++] = old;
			next_s = next_s && next_s < old.until_unix_s ? next_s : old.until_unix_s;
		} else {
			rc = remove_generation(old.path, err);
		}
	}
	/* First the files, then the record: cut short in between, it is done again. */
	if (rc == 0 && kept < record.old.count) {
		record.old.count = kept;
		rc = deploy_binding_write(deployer, binding, &record, err);
	}
	talloc_free(mem);
	if (rc == CERTCTL_E_NOT_FOUND)
		rc = 0;
	if (rc == 0)
		*ret_next_unix_s = next_s;
	return rc;
}

/* 0 when the name is no record's. */
static size_t binding_length(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && len > 5 && strcmp(name + len - 5, ".json") == 0 ? len - 5 : 0;
}

int certctl_deploy_expire(struct certctl_deployer *deployer, int64_t *ret_next_unix_s, struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int lock_fd = -1;
	int64_t earliest_s = 0;
	int rc = deploy_lock(deployer, &lock_fd, err);

	if (rc < 0)
		return rc;

	int fd = openat(deployer->bindings_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;

	if (!directory) {
		certctl_close_auto(&fd);
		return certctl_fail_errno(err, errno, "listing bindings");
	}
	for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
		size_t len = binding_length(entry->d_name);
		char *binding = len ? talloc_strndup(NULL, entry->d_name, len) : NULL;
		struct certctl_error why;
		int64_t next_s = 0;

		/* One that fails keeps its record and is tried again; it must not keep the keys of the others alive. */
		if (binding && deploy_expire_binding(deployer, binding, &next_s, &why) < 0) {
			certctl_log_error(CERTCTL_LOG_WARNING, "deploy.expire_failed", &why, "binding", binding, NULL);
			rc = why.code;
			if (err)
				*err = why;
		}
		if (next_s && (!earliest_s || next_s < earliest_s))
			earliest_s = next_s;
		talloc_free(binding);
	}
	closedir(directory);
	if (rc == 0)
		rc = certctl_quarantine_tidy_all(deployer->quarantine_fd, certctl_clock_now_s(deployer->clock), err);
	if (rc == 0)
		*ret_next_unix_s = earliest_s;
	return rc;
}
