/* Checks of a plugin's file: whose it is, who may write it, what its name says.  Opens nothing. */
#include "plugin_file.h"

#include "wire.h"

#include <certctl/name.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whoever can write the file or put another in its place decides what runs with the plugin's secrets. */
static int check_owner(const char *path, const struct stat *status, struct certctl_error *err)
{
	if (status->st_uid != 0 && status->st_uid != geteuid()) {
		certctl_fail(err, CERTCTL_E_DENIED, "%s: owned by user %u; root or user %u expected", path,
			(unsigned)status->st_uid, (unsigned)geteuid());
		return certctl_hint(err, "Run: chown root %s", path), CERTCTL_E_DENIED;
	}
	if (status->st_mode & (S_IWGRP | S_IWOTH)) {
		certctl_fail(err, CERTCTL_E_DENIED, "%s: writable by others (mode %04o)", path,
			(unsigned)status->st_mode & 07777);
		return certctl_hint(err, "Run: chmod go-w %s", path), CERTCTL_E_DENIED;
	}
	return 0;
}

static int check_directory(const char *path, struct certctl_error *err)
{
	const char *slash = strrchr(path, '/');
	char *directory = slash == path ? talloc_strdup(NULL, "/")
			  : slash       ? talloc_strndup(NULL, path, (size_t)(slash - path))
					: talloc_strdup(NULL, ".");
	struct stat status;
	int rc;

	if (!directory)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "%s: no memory", path);
	rc = stat(directory, &status) < 0 ? certctl_fail_errno(err, errno, "%s", directory)
					  : check_owner(directory, &status, err);
	talloc_free(directory);
	return rc;
}

int certctl_plugin_file_check(const char *path, struct certctl_error *err)
{
	struct stat status;

	if (stat(path, &status) < 0)
		return certctl_fail_errno(err, errno, "%s", path);
	if (!S_ISREG(status.st_mode))
		return certctl_fail(err, CERTCTL_E_DENIED, "%s: not a plain file", path);
	int rc = check_owner(path, &status, err);

	return rc < 0 ? rc : check_directory(path, err);
}

int certctl_plugin_file_name(TALLOC_CTX *mem, const char *path, enum certctl_plugin_kind *ret_kind, char **ret_id,
	struct certctl_error *err)
{
	static const char prefix[] = "certctl-", suffix[] = ".so";
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t len = strlen(name);

	for (uint32_t kind = 1; strncmp(name, prefix, strlen(prefix)) == 0 && certctl_wire_kinds[kind]; kind++) {
		const char *rest = name + strlen(prefix);
		size_t kind_len = strlen(certctl_wire_kinds[kind]);

		if (strncmp(rest, certctl_wire_kinds[kind], kind_len) != 0 || rest[kind_len] != '-' ||
			len < strlen(prefix) + kind_len + 1 + strlen(suffix) ||
			strcmp(name + len - strlen(suffix), suffix) != 0)
			continue;
		rest += kind_len + 1;
		char *id = talloc_strndup(mem, rest, strlen(rest) - strlen(suffix));

		if (!id)
			return certctl_fail(err, CERTCTL_E_NO_MEMORY, "%s: no memory", path);
		if (!certctl_id_is_valid(id)) {
			talloc_free(id);
			break;
		}
		*ret_kind = (enum certctl_plugin_kind)kind;
		*ret_id = id;
		return 0;
	}
	return certctl_fail(err, CERTCTL_E_INVALID,
		"%s: a file named certctl-<issuer|target|notifier>-<id>.so expected", path);
}
