/*
 * The CA in its own directory.  It is made in ca.new/, recorded with the host, and renamed to ca/: a crash at any point leaves
 * either no CA, or one that the next start finishes, and what was recorded is never lost.  Processes that start at once take
 * turns on a lock; servers that start at once find the record of the first.
 */
#include "local_ca.h"

#include <certctl/files.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define FILE_MAX  65536
#define KEY_NAME  "ca.key"
#define CERT_NAME "ca.crt"

static const struct certctl_file_attributes private_file = { .mode = 0600, .uid = (uid_t)-1, .gid = (gid_t)-1 };
static const struct certctl_file_attributes public_file = { .mode = 0644, .uid = (uid_t)-1, .gid = (gid_t)-1 };

static int lock(int dir_fd, int *ret_fd, struct certctl_error *err)
{
	int fd = -1;
	int rc = certctl_open_below(dir_fd, "lock", O_RDWR | O_CREAT, 0600, &fd, err);

	if (rc < 0)
		return rc;
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR) {
			rc = certctl_fail_errno(err, errno, "lock");
			close(fd);
			return rc;
		}
	*ret_fd = fd;
	return 0;
}

/* Is there such a folder? */
static bool exists(int dir_fd, const char *name)
{
	struct stat status;

	return fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

static int read_material(int dir_fd, const char *folder, TALLOC_CTX *mem, struct local_ca_material *ret,
	struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int fd = -1;
	char *certificates;
	size_t len;
	int rc = certctl_open_below(dir_fd, folder, O_RDONLY | O_DIRECTORY, 0, &fd, err);

	if (rc >= 0)
		rc = certctl_file_read_secret(mem, fd, KEY_NAME, FILE_MAX, &ret->key, err);
	if (rc >= 0)
		rc = certctl_file_read(mem, fd, CERT_NAME, FILE_MAX, &certificates, &len, err);
	if (rc < 0)
		return certctl_error_prefix(err, "%s", folder);
	ret->certificates = certificates;
	return 0;
}

static int write_material(int dir_fd, const struct local_ca_material *material, struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int fd = -1;
	int rc;

	if (mkdirat(dir_fd, "ca.new", 0700) < 0)
		return certctl_fail_errno(err, errno, "ca.new");
	if ((rc = certctl_open_below(dir_fd, "ca.new", O_RDONLY | O_DIRECTORY, 0, &fd, err)) < 0 ||
		(rc = certctl_file_create(fd, KEY_NAME, material->key.data, material->key.len, &private_file, err)) <
			0 ||
		(rc = certctl_file_create(fd, CERT_NAME, material->certificates, strlen(material->certificates),
			 &public_file, err)) < 0)
		return rc;
	return certctl_dir_sync(dir_fd, err);
}

static int publish(int dir_fd, struct certctl_error *err)
{
	if (renameat2(dir_fd, "ca.new", dir_fd, "ca", RENAME_NOREPLACE) < 0)
		return certctl_fail_errno(err, errno, "ca");
	return certctl_dir_sync(dir_fd, err);
}

/* The hash of the public key in ca.new when it is whole, otherwise NULL. */
static const char *staged_key(int dir_fd, TALLOC_CTX *mem)
{
	struct certctl_certificate *certificate;
	struct local_ca_material staged = { 0 };

	if (!exists(dir_fd, "ca.new") || read_material(dir_fd, "ca.new", mem, &staged, NULL) < 0 ||
		certctl_certificate_read(mem, staged.certificates, strlen(staged.certificates), &certificate, NULL) < 0)
		return NULL;
	return certificate->public_key_sha256;
}

static int make(const struct local_ca_config *config, const struct certctl_host *host, int dir_fd, TALLOC_CTX *mem,
	struct certctl_error *err)
{
	struct local_ca_material material = { 0 };
	struct certctl_error ignored;
	char *public_key_sha256;
	int rc;

	if ((rc = certctl_tree_remove(dir_fd, "ca.new", err)) < 0 ||
		(rc = local_ca_root_make(config, host->now_s(host), mem, &material, &public_key_sha256, err)) < 0)
		return rc;
	rc = write_material(dir_fd, &material, err);
	if (rc >= 0)
		rc = local_ca_record_put(host, public_key_sha256, err);
	if (rc == CERTCTL_E_CONFLICT) /* another server made this issuer's CA: this one was never used */
		(void)!certctl_tree_remove(dir_fd, "ca.new", &ignored);
	return rc < 0 ? rc : publish(dir_fd, err);
}

/* No CA here yet: finish what a crash left, make one, or refuse because it is elsewhere. */
static int create(const struct local_ca_config *config, const struct certctl_host *host, int dir_fd, TALLOC_CTX *mem,
	struct certctl_error *err)
{
	const char *staged = staged_key(dir_fd, mem);
	char *recorded = NULL;
	bool is_kept;
	int rc = local_ca_record_get(host, mem, &recorded, &is_kept, err);

	if (rc < 0)
		return rc;
	if (!recorded)
		return make(config, host, dir_fd, mem, err);
	if (staged && strcmp(staged, recorded) == 0)
		return publish(dir_fd, err);
	certctl_fail(err, CERTCTL_E_CONFLICT, "the CA of this issuer (public key %.16s...) is not in %.60s", recorded,
		config->directory);
	certctl_hint(err,
		"Copy the folder ca from the server that made it, or from its backup; or set up a new issuer.");
	return CERTCTL_E_CONFLICT;
}

static int open_locked(const struct local_ca_config *config, const struct certctl_host *host, int dir_fd,
	TALLOC_CTX *mem, struct local_ca_material *ret, struct certctl_error *err)
{
	int rc = exists(dir_fd, "ca") ? 0 : create(config, host, dir_fd, mem, err);

	return rc < 0 ? rc : read_material(dir_fd, "ca", mem, ret, err);
}

int local_ca_store_open(const struct local_ca_config *config, const struct certctl_host *host, TALLOC_CTX *mem,
	struct local_ca_material *ret, struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int dir_fd = -1;
	CERTCTL_AUTO_CLOSE int lock_fd = -1;
	int rc = certctl_dir_open(config->directory, &dir_fd, err);

	if (rc >= 0)
		rc = lock(dir_fd, &lock_fd, err);
	if (rc < 0) {
		certctl_error_prefix(err, "directory");
		return rc;
	}
	return open_locked(config, host, dir_fd, mem, ret, err);
}
