/*
 * The store of one binding: numbered generations and the one link that says which is current.  Knows nothing of configured
 * paths but what their links must say, nothing of commands, nothing of the journal.
 */
#include "store.h"

#include <certctl/x509.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FORWARD "forward" /* prepared links: renamed over `current`, or removed */
#define BACK    "back"
/* Passing through is enough: names are not secret, files have their own modes, and a server may run as anybody. */
#define STORE_MODE 0711
#define NAME_KEEP  100 /* of a base name; the hash before it makes it unique */

char *deploy_directory_of(TALLOC_CTX *mem, const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash > path ? talloc_strndup(mem, path, (size_t)(slash - path)) : talloc_strdup(mem, "/");
}

char *deploy_store_path(TALLOC_CTX *mem, const char *key_path, const char *binding)
{
	const char *slash = strrchr(key_path, '/');

	return talloc_asprintf(mem, "%.*s/" DEPLOY_STORE_FOLDER "/%s", (int)(slash - key_path), key_path, binding);
}

char *deploy_store_name(TALLOC_CTX *mem, const char *path)
{
	char hash[65];

	certctl_sha256_hex(path, strlen(path), hash);
	return talloc_asprintf(mem, "%.8s-%.*s", hash, NAME_KEEP, strrchr(path, '/') + 1);
}

char *deploy_store_link_text(TALLOC_CTX *mem, const char *store, const char *path)
{
	size_t directory_len = (size_t)(strrchr(path, '/') - path) + 1;
	char *name = deploy_store_name(mem, path);
	/* Relative where it can be: it survives a directory that is mounted elsewhere or seen from a chroot. */
	bool is_beside = strncmp(store, path, directory_len) == 0 &&
			 strncmp(store + directory_len, DEPLOY_STORE_FOLDER "/", sizeof(DEPLOY_STORE_FOLDER)) == 0;
	char *text = name ? talloc_asprintf(mem, "%s/" DEPLOY_STORE_CURRENT "/%s",
				    is_beside ? store + directory_len : store, name)
			  : NULL;

	talloc_free(name);
	return text;
}

static int check_ours(int fd, const char *store, struct certctl_error *err)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return certctl_fail_errno(err, errno, "%s", store);
	if (status.st_uid == geteuid() && !(status.st_mode & (S_IWGRP | S_IWOTH)))
		return 0;
	certctl_fail(err, CERTCTL_E_DENIED, "%s: others may write there", store);
	return certctl_hint(err, "Remove it, or make it the worker's own with mode 0711.");
}

int deploy_store_open(const char *store, int *ret_fd, struct certctl_error *err)
{
	int fd, rc = certctl_dir_open(store, &fd, err);

	if (rc < 0)
		return rc;
	rc = check_ours(fd, store, err);
	if (rc < 0)
		close(fd);
	else
		*ret_fd = fd;
	return rc;
}

int deploy_store_make(const char *store, int *ret_fd, struct certctl_error *err)
{
	char *folder = deploy_directory_of(NULL, store);
	CERTCTL_AUTO_CLOSE int folder_fd = -1, store_fd = -1;
	int rc = folder ? certctl_dir_make(folder, STORE_MODE, &folder_fd, err)
			: certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	talloc_free(folder);
	if (rc == 0)
		rc = certctl_dir_make(store, STORE_MODE, &store_fd, err);
	if (rc == 0)
		rc = check_ours(store_fd, store, err);
	if (rc < 0)
		return rc;
	*ret_fd = store_fd;
	store_fd = -1;
	return 0;
}

/* "7" and nothing else: a link that says more was not made by us. */
static bool parse_generation(const char *text, int64_t *ret)
{
	char *end;
	long long value;

	if (text[0] < '1' || text[0] > '9')
		return false;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (*end || errno || value > INT32_MAX)
		return false;
	*ret = value;
	return true;
}

static int read_link(int store_fd, const char *name, int64_t *ret, struct certctl_error *err)
{
	char text[32];
	ssize_t len = readlinkat(store_fd, name, text, sizeof(text) - 1);

	if (len < 0 && errno == ENOENT) {
		*ret = 0;
		return 0;
	}
	if (len < 0)
		return certctl_fail_errno(err, errno, "%s", name);
	text[len] = 0;
	if (parse_generation(text, ret))
		return 0;
	certctl_fail(err, CERTCTL_E_CONFLICT, "%s: the link says '%s', not a generation", name, text);
	return certctl_hint(err,
		"Somebody else changed the store. Remove the link to let the next deployment make it again.");
}

int deploy_store_current(int store_fd, int64_t *ret, struct certctl_error *err)
{
	if (store_fd >= 0)
		return read_link(store_fd, DEPLOY_STORE_CURRENT, ret, err);
	*ret = 0;
	return 0;
}

int deploy_store_list(TALLOC_CTX *mem, int store_fd, int64_t **ret, size_t *ret_count, struct certctl_error *err)
{
	int fd = openat(store_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	int64_t *numbers = talloc_array(mem, int64_t, 0), number;
	size_t count = 0;

	if (!directory) {
		certctl_close_auto(&fd);
		return certctl_fail_errno(err, errno, "listing generations");
	}
	for (struct dirent *entry = readdir(directory); entry && numbers; entry = readdir(directory)) {
		if (!parse_generation(entry->d_name, &number))
			continue;
		numbers = talloc_realloc(mem, numbers, int64_t, (unsigned)count + 1);
		if (numbers)
			numbers[count++] = number;
	}
	closedir(directory);
	if (!numbers)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	*ret = numbers;
	*ret_count = count;
	return 0;
}

int deploy_store_next(int store_fd, int64_t *ret, struct certctl_error *err)
{
	int64_t *numbers = NULL, highest = 0;
	size_t count = 0;
	int rc = deploy_store_list(NULL, store_fd, &numbers, &count, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < count; i++)
		highest = numbers[i] > highest ? numbers[i] : highest;
	talloc_free(numbers);
	*ret = highest + 1;
	return 0;
}

int deploy_store_create(int store_fd, int64_t generation, int *ret_fd, struct certctl_error *err)
{
	char name[24];
	CERTCTL_AUTO_CLOSE int fd = -1;
	int rc = deploy_store_remove(store_fd, generation, err);

	snprintf(name, sizeof(name), "%" PRId64, generation);
	if (rc == 0 && mkdirat(store_fd, name, 0700) < 0)
		rc = certctl_fail_errno(err, errno, "generation %s", name);
	if (rc == 0)
		rc = certctl_open_below(store_fd, name, O_RDONLY | O_DIRECTORY, 0, &fd, err);
	if (rc == 0 && fchmod(fd, STORE_MODE) < 0)
		rc = certctl_fail_errno(err, errno, "generation %s", name);
	if (rc < 0)
		return rc;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

static int write_link(int store_fd, const char *name, int64_t generation, struct certctl_error *err)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, generation);
	return certctl_link_replace(store_fd, name, text, err);
}

/* Nobody follows it before it is renamed, so it need not replace an old one in one step. */
static int prepare_link(int store_fd, const char *name, int64_t generation, struct certctl_error *err)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, generation);
	if (unlinkat(store_fd, name, 0) < 0 && errno != ENOENT)
		return certctl_fail_errno(err, errno, "%s", name);
	if (generation && symlinkat(text, store_fd, name) < 0)
		return certctl_fail_errno(err, errno, "%s", name);
	return 0;
}

int deploy_store_prepare(int store_fd, int64_t forward, int64_t back, struct certctl_error *err)
{
	int rc = prepare_link(store_fd, FORWARD, forward, err);

	if (rc == 0)
		rc = prepare_link(store_fd, BACK, back, err);
	return rc == 0 ? certctl_dir_sync(store_fd, err) : rc;
}

int deploy_store_point(int store_fd, int64_t generation, struct certctl_error *err)
{
	static const char *const prepared[] = { FORWARD, BACK };
	int64_t now = 0, said = 0;
	int rc = deploy_store_current(store_fd, &now, err);

	if (rc < 0)
		return rc;
	if (now == generation)
		return certctl_dir_sync(store_fd, err);
	if (generation == 0)
		return certctl_file_remove(store_fd, DEPLOY_STORE_CURRENT, err);
	for (size_t i = 0; i < CERTCTL_COUNT(prepared); i++) {
		if (read_link(store_fd, prepared[i], &said, NULL) < 0 || said != generation)
			continue;
		if (renameat(store_fd, prepared[i], store_fd, DEPLOY_STORE_CURRENT) < 0)
			return certctl_fail_errno(err, errno, "swapping to generation %" PRId64, generation);
		return certctl_dir_sync(store_fd, err);
	}
	return write_link(store_fd, DEPLOY_STORE_CURRENT, generation, err);
}

int deploy_store_tidy(int store_fd, struct certctl_error *err)
{
	int rc = prepare_link(store_fd, FORWARD, 0, err);

	return rc == 0 ? prepare_link(store_fd, BACK, 0, err) : rc;
}

int deploy_store_remove(int store_fd, int64_t generation, struct certctl_error *err)
{
	char name[24];

	snprintf(name, sizeof(name), "%" PRId64, generation);
	return generation ? certctl_tree_remove(store_fd, name, err) : 0;
}
