/* What a few files were, kept in memory that is wiped, and putting them back.  Knows nothing of why. */
#include "files_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* Key, certificate and chain files are kilobytes; a name that leads to more than this is a mistake. */
#define CONTENT_MAX ((size_t)16 * 1024 * 1024)

enum entry_kind {
	ENTRY_ABSENT = 1,
	ENTRY_FILE,
	ENTRY_LINK,
};

struct entry {
	enum entry_kind kind;
	const char *name;
	struct certctl_file_attributes attributes;
	struct certctl_secret content; /* of a file; it may be a key */
	const char *target;            /* of a link */
};

struct certctl_snapshot {
	int dir_fd;
	size_t count;
	struct entry entries[];
};

static int close_snapshot(struct certctl_snapshot *snapshot)
{
	certctl_close_auto(&snapshot->dir_fd);
	return 0;
}

static int take_link(struct certctl_snapshot *snapshot, int parent_fd, const char *base, struct entry *entry,
	struct certctl_error *err)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(parent_fd, base, target, sizeof(target));

	if (len < 0)
		return certctl_file_fail(err, errno, entry->name);
	if ((size_t)len == sizeof(target))
		return certctl_file_fail(err, ENAMETOOLONG, entry->name);
	entry->kind = ENTRY_LINK;
	entry->target = talloc_strndup(snapshot, target, (size_t)len);
	return entry->target ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for a snapshot");
}

static int take_entry(struct certctl_snapshot *snapshot, const char *name, struct entry *entry,
	struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int parent_fd = -1;
	struct stat status;
	const char *base;
	int rc;

	entry->name = talloc_strdup(snapshot, name);
	if (!entry->name)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for a snapshot");
	rc = certctl_parent_open(snapshot->dir_fd, name, &parent_fd, &base, err);
	if (rc == 0 && fstatat(parent_fd, base, &status, AT_SYMLINK_NOFOLLOW) < 0)
		rc = certctl_file_fail(err, errno, name);
	if (rc == CERTCTL_E_NOT_FOUND) {
		entry->kind = ENTRY_ABSENT;
		return 0;
	}
	if (rc < 0)
		return rc;
	if (S_ISLNK(status.st_mode))
		return take_link(snapshot, parent_fd, base, entry, err);
	entry->kind = ENTRY_FILE;
	entry->attributes = (struct certctl_file_attributes){
		.mode = status.st_mode & 07777,
		.uid = status.st_uid,
		.gid = status.st_gid,
	};
	return certctl_file_read_secret(snapshot, parent_fd, base, CONTENT_MAX, &entry->content, err);
}

int certctl_snapshot_take(TALLOC_CTX *mem, int dir_fd, const char *const *names, struct certctl_snapshot **ret,
	struct certctl_error *err)
{
	struct certctl_snapshot *snapshot;
	size_t count = 0;
	int rc = 0;

	while (names[count])
		count++;
	snapshot = talloc_zero_size(mem, sizeof(*snapshot) + count * sizeof(snapshot->entries[0]));
	if (!snapshot)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for a snapshot");
	snapshot->count = count;
	snapshot->dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
	talloc_set_destructor(snapshot, close_snapshot);
	if (snapshot->dir_fd < 0)
		rc = certctl_fail_errno(err, errno, "keeping the directory of a snapshot");
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = take_entry(snapshot, names[i], &snapshot->entries[i], err);
	if (rc < 0) {
		talloc_free(snapshot);
		return rc;
	}
	*ret = snapshot;
	return 0;
}

static int restore_entry(int dir_fd, const struct entry *entry, struct certctl_error *err)
{
	switch (entry->kind) {
	case ENTRY_ABSENT:
		return certctl_file_remove(dir_fd, entry->name, err);
	case ENTRY_LINK:
		return certctl_link_replace(dir_fd, entry->name, entry->target, err);
	case ENTRY_FILE:
		return certctl_file_replace(dir_fd, entry->name, entry->content.data, entry->content.len,
			&entry->attributes, err);
	}
	return certctl_fail(err, CERTCTL_E_INTERNAL, "a snapshot holds an entry of kind %d", (int)entry->kind);
}

/* All of them are tried: one file that cannot be put back is no reason to leave the others changed. */
int certctl_snapshot_restore(const struct certctl_snapshot *snapshot, struct certctl_error *err)
{
	struct certctl_error first = { 0 };
	int first_rc = 0;

	for (size_t i = 0; i < snapshot->count; i++) {
		struct certctl_error problem;
		int rc = restore_entry(snapshot->dir_fd, &snapshot->entries[i], &problem);

		if (rc < 0 && first_rc == 0) {
			first_rc = rc;
			first = problem;
		}
	}
	if (first_rc < 0 && err)
		*err = first;
	return first_rc;
}
