/* Which files this process may still open (Landlock).  Raw system calls: glibc has no wrappers. */
#include "confine.h"

#include <certctl/plugin.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the headers of Debian 12; the numbers are the kernel's for ever (linux/landlock.h of 6.12). */
#define ACCESS_FS_TRUNCATE  (UINT64_C(1) << 14) /* ABI 3 */
#define ACCESS_FS_IOCTL_DEV (UINT64_C(1) << 15) /* ABI 5 */
#define ACCESS_NET_TCP      (UINT64_C(3))       /* ABI 4: bind, connect */
#define SCOPE_ALL           (UINT64_C(3))       /* ABI 6: abstract Unix sockets, signals */

struct ruleset_attributes {
	uint64_t handled_access_fs;
	uint64_t handled_access_net; /* ABI 4 */
	uint64_t scoped;             /* ABI 6 */
};

#define ACCESS_FILE_READ  ((uint64_t)LANDLOCK_ACCESS_FS_READ_FILE)
#define ACCESS_FILE_WRITE (ACCESS_FILE_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_FS_TRUNCATE)
#define ACCESS_READ       (ACCESS_FILE_READ | LANDLOCK_ACCESS_FS_READ_DIR)
#define ACCESS_WRITE                                                                                                   \
	(ACCESS_READ | ACCESS_FILE_WRITE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |            \
		LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SYM |              \
		LANDLOCK_ACCESS_FS_REFER)

/*
 * What every plugin may read, where it exists.  Add a row when a library of the system needs a file to work; never a folder
 * that may hold a key.
 */
static const struct {
	const char *path;
	uint32_t needs; /* 0: always */
	uint64_t access;
} system_paths[] = {
	{ "/usr", 0, ACCESS_READ },
	{ "/lib", 0, ACCESS_READ },
	{ "/lib64", 0, ACCESS_READ },
	{ "/etc/ld.so.cache", 0, ACCESS_READ },
	{ "/etc/localtime", 0, ACCESS_READ },
	{ "/etc/passwd", 0, ACCESS_READ },
	{ "/etc/group", 0, ACCESS_READ },
	{ "/etc/nsswitch.conf", 0, ACCESS_READ },
	{ "/etc/gnutls", 0, ACCESS_READ },
	{ "/etc/ssl/openssl.cnf", 0, ACCESS_READ },
	{ "/etc/crypto-policies", 0, ACCESS_READ },
	{ "/etc/pkcs11", 0, ACCESS_READ },
	{ "/dev/null", 0, ACCESS_FILE_WRITE },
	{ "/dev/urandom", 0, ACCESS_READ },
	{ "/dev/random", 0, ACCESS_READ },
	{ "/etc/resolv.conf", CERTCTL_NEEDS_NETWORK, ACCESS_READ },
	{ "/etc/hosts", CERTCTL_NEEDS_NETWORK, ACCESS_READ },
	{ "/etc/host.conf", CERTCTL_NEEDS_NETWORK, ACCESS_READ },
	{ "/etc/gai.conf", CERTCTL_NEEDS_NETWORK, ACCESS_READ },
	{ "/etc/services", CERTCTL_NEEDS_NETWORK, ACCESS_READ },
	{ "/etc/protocols", CERTCTL_NEEDS_NETWORK, ACCESS_READ },
	{ "/etc/ssl/certs", CERTCTL_NEEDS_NETWORK, ACCESS_READ },
	{ "/etc/pki/tls/certs", CERTCTL_NEEDS_NETWORK, ACCESS_READ },
	{ "/etc/pki/ca-trust/extracted", CERTCTL_NEEDS_NETWORK, ACCESS_READ },
};

/* Rights that the running kernel knows; asking for others fails. */
static uint64_t rights_of(int abi)
{
	uint64_t rights = ((uint64_t)LANDLOCK_ACCESS_FS_REFER - 1); /* ABI 1: the 13 below it */

	if (abi >= 2)
		rights |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		rights |= ACCESS_FS_TRUNCATE;
	if (abi >= 5)
		rights |= ACCESS_FS_IOCTL_DEV;
	return rights;
}

/* A path that is not there needs no rule. */
static int allow(int ruleset, int abi, const char *path, uint64_t access, struct certctl_error *err)
{
	struct landlock_path_beneath_attr rule = { .parent_fd = open(path, O_PATH | O_CLOEXEC) };
	struct stat status;

	if (rule.parent_fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES
			       ? 0
			       : certctl_fail_errno(err, errno, "%s", path);
	rule.allowed_access = access & rights_of(abi);
	if (fstat(rule.parent_fd, &status) == 0 && !S_ISDIR(status.st_mode))
		rule.allowed_access &= ACCESS_FILE_WRITE;
	int rc = (int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0
			 ? certctl_fail_errno(err, errno, "landlock: %s", path)
			 : 0;

	close(rule.parent_fd);
	return rc;
}

static int allow_all(int ruleset, int abi, const json_t *paths, uint64_t access, struct certctl_error *err)
{
	for (size_t i = 0; i < json_array_size(paths); i++) {
		int rc = allow(ruleset, abi, json_string_value(json_array_get(paths, i)), access, err);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Where our own libraries are, when not below /usr: a build tree, /opt. */
static int allow_libraries(int ruleset, int abi, struct certctl_error *err)
{
	char folder[4096];
	Dl_info info;

	if (dladdr((const void *)(uintptr_t)certctl_fail, &info) == 0 || !info.dli_fname ||
		strlen(info.dli_fname) >= sizeof(folder) || !strrchr(info.dli_fname, '/'))
		return 0;
	memcpy(folder, info.dli_fname, strlen(info.dli_fname) + 1);
	*strrchr(folder, '/') = 0;
	return allow(ruleset, abi, folder, ACCESS_READ, err);
}

static int allow_paths(int ruleset, int abi, const struct confinement *what, struct certctl_error *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < CERTCTL_COUNT(system_paths); i++)
		if ((system_paths[i].needs & what->needs) == system_paths[i].needs)
			rc = allow(ruleset, abi, system_paths[i].path, system_paths[i].access, err);
	if (rc < 0 || (rc = allow_libraries(ruleset, abi, err)) < 0 ||
		(rc = allow(ruleset, abi, what->plugin_file, ACCESS_READ, err)) < 0 ||
		(rc = allow_all(ruleset, abi, what->read, ACCESS_READ, err)) < 0)
		return rc;
	return allow_all(ruleset, abi, what->write, ACCESS_WRITE, err);
}

int confine_files(const struct confinement *what, int *ret_abi, struct certctl_error *err)
{
	int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset_attributes attributes = { 0 };

	*ret_abi = 0;
	if (abi < 1)
		return 0; /* a kernel without Landlock: reported as such */
	attributes.handled_access_fs = rights_of(abi);
	if (abi >= 4 && !(what->needs & CERTCTL_NEEDS_NETWORK))
		attributes.handled_access_net = ACCESS_NET_TCP;
	if (abi >= 6)
		attributes.scoped = SCOPE_ALL;
	size_t size = abi < 4   ? offsetof(struct ruleset_attributes, handled_access_net)
		      : abi < 6 ? offsetof(struct ruleset_attributes, scoped)
				: sizeof(attributes);
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, size, 0);

	if (ruleset < 0)
		return certctl_fail_errno(err, errno, "landlock_create_ruleset");
	int rc = allow_paths(ruleset, abi, what, err);

	if (rc == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		rc = certctl_fail_errno(err, errno, "landlock_restrict_self");
	close(ruleset);
	if (rc == 0)
		*ret_abi = abi;
	return rc;
}
