/*
 * The configured paths: what stands there, how it becomes a link, how it becomes again what it was.  Knows the store, not the
 * journal; the caller has written the intent down before.
 */
#include "adopt.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COPY_MAX (16 * 1024 * 1024)

/* A configured path, its directory open. */
struct place {
	const char *path, *base;
	char *link_text; /* what our link there says */
	int dir_fd;
};

static int open_place(TALLOC_CTX *mem, const char *path, const char *store, struct place *ret,
	struct certctl_error *err)
{
	char *directory = deploy_directory_of(mem, path);

	*ret = (struct place){ .path = path, .base = strrchr(path, '/') + 1, .dir_fd = -1 };
	ret->link_text = deploy_store_link_text(mem, store, path);
	if (!directory || !ret->link_text)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	return certctl_dir_open(directory, &ret->dir_fd, err);
}

/* The text of the symlink there into `text`; "" when there is none. */
static void read_text(const struct place *place, char text[PATH_MAX])
{
	ssize_t len = readlinkat(place->dir_fd, place->base, text, PATH_MAX - 1);

	text[len > 0 ? len : 0] = 0;
}

static bool is_linked(const struct place *place)
{
	char text[PATH_MAX];

	read_text(place, text);
	return strcmp(text, place->link_text) == 0;
}

/* Does this link lead into a store that is not of our binding?  One of ours may lie elsewhere since the key moved. */
static bool is_of_another_binding(const struct place *place, const char *text)
{
	const char *folder = strstr(text, DEPLOY_STORE_FOLDER "/");

	if (!folder || !strstr(folder, "/" DEPLOY_STORE_CURRENT "/"))
		return false;
	const char *binding = folder + sizeof(DEPLOY_STORE_FOLDER);
	const char *ours = strstr(place->link_text, DEPLOY_STORE_FOLDER "/") + sizeof(DEPLOY_STORE_FOLDER);
	size_t len = strcspn(ours, "/");

	return strncmp(binding, ours, len) != 0 || binding[len] != '/';
}

static int look(const struct place *place, int *ret_original, struct certctl_error *err)
{
	struct stat status;
	char text[PATH_MAX];

	if (fstatat(place->dir_fd, place->base, &status, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			return certctl_fail_errno(err, errno, "%s", place->path);
		*ret_original = DEPLOY_WAS_MISSING;
		return 0;
	}
	read_text(place, text);
	if (strcmp(text, place->link_text) == 0) {
		*ret_original = DEPLOY_WAS_LINKED;
		return 0;
	}
	if (is_of_another_binding(place, text)) {
		certctl_fail(err, CERTCTL_E_CONFLICT, "%s: belongs to another binding: %s", place->path, text);
		return certctl_hint(err,
			"Give each binding paths of its own. If that binding is gone, remove the link first.");
	}
	if (!S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode))
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: not a file", place->path);
	*ret_original = DEPLOY_WAS_THERE;
	return 0;
}

int deploy_adopt_look(const char *path, const char *store, int *ret_original, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct place place;
	int rc = open_place(mem, path, store, &place, err);

	if (rc == 0)
		rc = look(&place, ret_original, err);
	if (rc == CERTCTL_E_NOT_FOUND)
		certctl_hint(err, "Create the directory first: its owner and mode are yours to choose.");
	certctl_close_auto(&place.dir_fd);
	talloc_free(mem);
	return rc;
}

/* Of this deployment alone, so that what another one left behind is never taken for it. */
static char *original_name(const struct deploy_entry *entry, const struct place *place)
{
	return talloc_asprintf(place->link_text, ".%s.certctl-old-%" PRId64, place->base, entry->generation);
}

/* Another file system: the content has to be copied, with its owner and mode. */
static int copy_file(const struct place *place, int to_fd, const char *name, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct certctl_secret content = { 0 };
	struct stat status;
	int rc = certctl_file_read_secret(mem, place->dir_fd, place->base, COPY_MAX, &content, err);

	if (rc == 0 && fstatat(place->dir_fd, place->base, &status, AT_SYMLINK_NOFOLLOW) < 0)
		rc = certctl_fail_errno(err, errno, "%s", place->path);
	if (rc == 0) {
		const struct certctl_file_attributes same = {
			.mode = status.st_mode & 07777, .uid = status.st_uid, .gid = status.st_gid
		};

		rc = certctl_file_create(to_fd, name, content.data, content.len, &same, err);
	}
	talloc_free(mem);
	return rc;
}

/* A symlink of the operator's: the same target, spelled so that it means the same from inside the store. */
static int copy_link(const struct place *place, int to_fd, const char *name, struct certctl_error *err)
{
	char text[PATH_MAX];
	char *target;

	read_text(place, text);
	if (text[0] == '/')
		target = talloc_strdup(NULL, text);
	else
		target = talloc_asprintf(NULL, "%.*s%s", (int)(place->base - place->path), place->path, text);
	int rc = !target                              ? certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory")
		 : symlinkat(target, to_fd, name) < 0 ? certctl_fail_errno(err, errno, "%s", place->path)
						      : 0;

	talloc_free(target);
	return rc;
}

/* Put what stands at the path into the generation `to_fd`. */
static int take_in(const struct deploy_entry *entry, const struct deploy_file *file, const struct place *place,
	int store_fd, int to_fd, struct certctl_error *err)
{
	char *name = deploy_store_name(place->link_text, place->path);
	char *inside = talloc_asprintf(place->link_text, "%" PRId64 "/%s", entry->before, name ? name : "");
	struct stat status;

	if (!name || !inside)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	if (file->original == DEPLOY_WAS_MISSING)
		return 0;
	if (file->original == DEPLOY_WAS_LINKED) {
		if (!entry->before || linkat(store_fd, inside, to_fd, name, 0) == 0 || errno == ENOENT)
			return 0;
		return certctl_fail_errno(err, errno, "%s", place->path);
	}
	if (fstatat(place->dir_fd, place->base, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return certctl_fail_errno(err, errno, "%s", place->path);
	if (S_ISLNK(status.st_mode))
		return copy_link(place, to_fd, name, err);
	/* A second name of the same file keeps access lists and labels too. */
	if (linkat(place->dir_fd, place->base, to_fd, name, 0) == 0)
		return 0;
	return errno == EXDEV ? copy_file(place, to_fd, name, err) : certctl_fail_errno(err, errno, "%s", place->path);
}

/* A second name for what stands there: renamed back, it is the very same file.  Needs no room when that time comes. */
static int keep_original(const struct deploy_entry *entry, const struct place *place, struct certctl_error *err)
{
	char *name = original_name(entry, place);

	if (!name)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	if (unlinkat(place->dir_fd, name, 0) < 0 && errno != ENOENT)
		return certctl_fail_errno(err, errno, "%s", name);
	if (linkat(place->dir_fd, place->base, place->dir_fd, name, 0) < 0)
		return certctl_fail_errno(err, errno, "%s: keeping what was there", place->path);
	return certctl_dir_sync(place->dir_fd, err);
}

static int for_each_place(const struct deploy_entry *entry,
	int (*act)(const struct deploy_entry *entry, const struct deploy_file *file, const struct place *place,
		void *arg, struct certctl_error *err),
	void *arg, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < entry->files.count; i++) {
		const struct deploy_file *file = &deploy_files(entry)[i];
		struct place place;

		rc = open_place(mem, file->path, entry->store, &place, err);
		if (rc == 0)
			rc = act(entry, file, &place, arg, err);
		certctl_close_auto(&place.dir_fd);
	}
	talloc_free(mem);
	return rc;
}

struct taking_in {
	int store_fd, to_fd;
};

static int take_in_and_keep(const struct deploy_entry *entry, const struct deploy_file *file, const struct place *place,
	void *arg, struct certctl_error *err)
{
	const struct taking_in *to = arg;
	int rc = take_in(entry, file, place, to->store_fd, to->to_fd, err);

	if (rc == 0 && file->original == DEPLOY_WAS_THERE)
		rc = keep_original(entry, place, err);
	return rc;
}

static int set_link(const struct deploy_entry *entry, const struct deploy_file *file, const struct place *place,
	void *arg, struct certctl_error *err)
{
	(void)entry, (void)arg;
	if (file->original == DEPLOY_WAS_LINKED)
		return 0;
	return certctl_link_replace(place->dir_fd, place->base, place->link_text, err);
}

int deploy_adopt(const struct deploy_entry *entry, int store_fd, struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int to_fd = -1;
	int rc = deploy_store_create(store_fd, entry->adopted, &to_fd, err);
	struct taking_in to = { .store_fd = store_fd, .to_fd = to_fd };

	if (rc == 0)
		rc = for_each_place(entry, take_in_and_keep, &to, err);
	if (rc == 0)
		rc = certctl_dir_sync(to_fd, err);
	if (rc == 0)
		rc = deploy_store_point(store_fd, entry->adopted, err);
	return rc < 0 ? rc : for_each_place(entry, set_link, NULL, err);
}

/* What a killed certctl_link_replace() leaves beside the path. */
static int remove_temporary(const struct place *place, struct certctl_error *err)
{
	char *name = talloc_asprintf(place->link_text, ".%s.certctl-new", place->base);

	if (!name)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	if (unlinkat(place->dir_fd, name, 0) < 0 && errno != ENOENT)
		return certctl_fail_errno(err, errno, "%s", name);
	return 0;
}

static int put_original(const struct deploy_entry *entry, const struct deploy_file *file, const struct place *place,
	void *arg, struct certctl_error *err)
{
	char *name = original_name(entry, place);
	int rc = name ? remove_temporary(place, err) : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	(void)arg;
	if (rc < 0 || file->original == DEPLOY_WAS_LINKED)
		return rc;
	if (file->original == DEPLOY_WAS_MISSING)
		return is_linked(place) ? certctl_file_remove(place->dir_fd, place->base, err) : 0;
	/* Where our link does not stand, the original still does, or somebody has put a file of theirs there meanwhile. */
	if (is_linked(place) && renameat(place->dir_fd, name, place->dir_fd, place->base) < 0)
		return certctl_fail_errno(err, errno, "%s: putting back what was there", place->path);
	return certctl_file_remove(place->dir_fd, name, err);
}

int deploy_adopt_undo(const struct deploy_entry *entry, struct certctl_error *err)
{
	return entry->adopted ? for_each_place(entry, put_original, NULL, err) : 0;
}

static int drop_original(const struct deploy_entry *entry, const struct deploy_file *file, const struct place *place,
	void *arg, struct certctl_error *err)
{
	char *name = original_name(entry, place);
	int rc = name ? remove_temporary(place, err) : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	(void)arg;
	return rc == 0 && file->original == DEPLOY_WAS_THERE ? certctl_file_remove(place->dir_fd, name, err) : rc;
}

int deploy_adopt_keep(const struct deploy_entry *entry, struct certctl_error *err)
{
	return entry->adopted ? for_each_place(entry, drop_original, NULL, err) : 0;
}

int deploy_adopt_retire(const char *path, const char *store, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct place place;
	int rc = open_place(mem, path, store, &place, err);

	if (rc == 0 && is_linked(&place))
		rc = certctl_file_remove(place.dir_fd, place.base, err);
	certctl_close_auto(&place.dir_fd);
	talloc_free(mem);
	return rc == CERTCTL_E_NOT_FOUND ? 0 : rc;
}
