/* The journal's files.  Knows phases and names, not what a phase means for the disk. */
#include "journal.h"

#include <certctl/files.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const phase_names[DEPLOY_PHASE_COUNT] = {
	[DEPLOY_STAGING] = ".staging",
	[DEPLOY_SWAPPING] = ".swapping",
	[DEPLOY_RESTORING] = ".restoring",
};

static void name_entry(const char *id, enum deploy_phase phase, char ret[NAME_MAX + 1])
{
	snprintf(ret, NAME_MAX + 1, "%s%s", id, phase_names[phase]);
}

int deploy_journal_begin(int journal_fd, const struct deploy_entry *entry, struct certctl_error *err)
{
	char name[NAME_MAX + 1];

	name_entry(entry->id, DEPLOY_STAGING, name);
	return deploy_record_write(journal_fd, name, deploy_entry_fields, entry, sizeof(*entry), err);
}

int deploy_journal_advance(int journal_fd, const char *id, enum deploy_phase from, enum deploy_phase to,
	struct certctl_error *err)
{
	char old_name[NAME_MAX + 1], new_name[NAME_MAX + 1];

	name_entry(id, from, old_name);
	name_entry(id, to, new_name);
	if (renameat(journal_fd, old_name, journal_fd, new_name) < 0)
		return certctl_fail_errno(err, errno, "journal: %s", new_name);
	return certctl_dir_sync(journal_fd, err);
}

int deploy_journal_end(int journal_fd, const char *id, enum deploy_phase phase, struct certctl_error *err)
{
	char name[NAME_MAX + 1];

	name_entry(id, phase, name);
	return certctl_file_remove(journal_fd, name, err);
}

/* 0: the name is no entry's. */
static enum deploy_phase phase_of(const char *name, size_t *ret_id_len)
{
	size_t len = strlen(name);

	for (enum deploy_phase phase = DEPLOY_STAGING; phase < DEPLOY_PHASE_COUNT; phase++) {
		size_t suffix = strlen(phase_names[phase]);

		if (len > suffix && name[0] != '.' && strcmp(name + len - suffix, phase_names[phase]) == 0) {
			*ret_id_len = len - suffix;
			return phase;
		}
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct deploy_journal_item *)a)->name, ((const struct deploy_journal_item *)b)->name);
}

int deploy_journal_list(TALLOC_CTX *mem, int journal_fd, struct deploy_journal_item **ret, size_t *ret_count,
	struct certctl_error *err)
{
	struct deploy_journal_item *items = talloc_array(mem, struct deploy_journal_item, 0);
	size_t count = 0, id_len = 0;
	int fd = openat(journal_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;

	if (!directory) {
		if (fd >= 0)
			close(fd);
		return certctl_fail_errno(err, errno, "journal");
	}
	for (struct dirent *entry = readdir(directory); entry && items; entry = readdir(directory)) {
		enum deploy_phase phase = phase_of(entry->d_name, &id_len);

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (!phase) {
			unlinkat(journal_fd, entry->d_name,
				0); /* a temporary file; the lock says that its writer is gone */
			continue;
		}
		items = talloc_realloc(mem, items, struct deploy_journal_item, (unsigned)count + 1);
		if (items)
			items[count++] = (struct deploy_journal_item){ .name = talloc_strdup(items, entry->d_name),
				.id = talloc_strndup(items, entry->d_name, id_len),
				.phase = phase };
	}
	closedir(directory);
	if (!items)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	qsort(items, count, sizeof(*items), by_name);
	*ret = items;
	*ret_count = count;
	return 0;
}

int deploy_journal_read(TALLOC_CTX *mem, int journal_fd, const struct deploy_journal_item *item,
	struct deploy_entry *ret, struct certctl_error *err)
{
	int rc = deploy_record_read(mem, journal_fd, item->name, deploy_entry_fields, ret, err);

	if (rc == 0 && strcmp(ret->id, item->id) != 0)
		rc = certctl_fail(err, CERTCTL_E_INVALID, "%s: speaks of deployment '%s'", item->name, ret->id);
	return rc;
}
