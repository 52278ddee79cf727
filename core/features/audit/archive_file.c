/* A file that is there whole or not at all, whenever somebody pulls the plug. */
#include "archive_file.h"
#include "trail.h"

#include <certctl/files.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define PIECE_MAX (128 << 20)
#define READ_SIZE 65536

static const char *end_hash(TALLOC_CTX *mem, gnutls_hash_hd_t hash)
{
	unsigned char sha256[AUDIT_HASH];

	gnutls_hash_deinit(hash, sha256);
	return audit_hex(mem, sha256);
}

int archive_file_hash(TALLOC_CTX *mem, const char *path, const char **ret, struct certctl_error *err)
{
	CERTCTL_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	gnutls_hash_hd_t hash;
	char piece[READ_SIZE];
	ssize_t len;

	*ret = NULL;
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return certctl_fail_errno(err, errno, "%s", path);
	certctl_assert(gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) == 0);
	while ((len = read(fd, piece, sizeof(piece))) > 0)
		gnutls_hash(hash, piece, (size_t)len);
	const char *sha256 = end_hash(mem, hash);

	if (len < 0)
		return certctl_fail_errno(err, errno, "%s", path);
	*ret = sha256;
	return sha256 ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

int archive_file_open(TALLOC_CTX *mem, const char *path, struct archive_file *ret, struct certctl_error *err)
{
	*ret = (struct archive_file){ .path = path, .partial = talloc_asprintf(mem, "%s.partial", path), .fd = -1 };
	if (!ret->partial)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	ret->fd = open(ret->partial, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (ret->fd < 0)
		return certctl_fail_errno(err, errno, "%s", ret->partial);
	if (flock(ret->fd, LOCK_EX | LOCK_NB) < 0)
		return certctl_fail(err, CERTCTL_E_CONFLICT, "%s: somebody else writes it", ret->partial);
	if (fchmod(ret->fd, 0600) < 0 || ftruncate(ret->fd, 0) < 0)
		return certctl_fail_errno(err, errno, "%s", ret->partial);
	return 0;
}

void archive_file_close(struct archive_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

static int write_all(int fd, const char *data, size_t len, struct certctl_error *err)
{
	while (len > 0) {
		ssize_t written = write(fd, data, len);

		if (written < 0 && errno != EINTR)
			return certctl_fail_errno(err, errno, "write");
		if (written > 0) {
			data += written;
			len -= (size_t)written;
		}
	}
	return 0;
}

static int write_piece(const struct archive_file *file, archive_piece_fn *next, void *arg, gnutls_hash_hd_t hash,
	bool *ret_is_done, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct certctl_buffer piece;

	certctl_buffer_init(&piece, mem, PIECE_MAX);
	int rc = next(arg, &piece, ret_is_done, err);

	if (rc == 0)
		rc = certctl_buffer_finish(&piece, err);
	if (rc == 0)
		rc = write_all(file->fd, piece.data, piece.len, err);
	if (rc == 0)
		gnutls_hash(hash, piece.data, piece.len);
	talloc_free(mem);
	return rc;
}

int archive_file_write(TALLOC_CTX *mem, struct archive_file *file, archive_piece_fn *next, void *arg,
	struct certctl_error *err)
{
	gnutls_hash_hd_t hash;
	bool is_done = false;
	int rc = 0;

	certctl_assert(gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) == 0);
	while (rc == 0 && !is_done)
		rc = write_piece(file, next, arg, hash, &is_done, err);
	file->sha256 = end_hash(mem, hash);
	if (rc == 0 && fsync(file->fd) < 0)
		rc = certctl_fail_errno(err, errno, "fsync");
	if (rc == 0 && !file->sha256)
		rc = certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	return rc < 0 ? certctl_error_prefix(err, "%s", file->partial) : 0;
}

static int sync_folder(const char *path, struct certctl_error *err)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? talloc_strndup(NULL, path, (size_t)(slash - path) + 1) : talloc_strdup(NULL, ".");
	CERTCTL_AUTO_CLOSE int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int rc = fd < 0 ? certctl_fail_errno(err, errno, "%s", folder ? folder : path) : certctl_dir_sync(fd, err);

	talloc_free(folder);
	return rc;
}

int archive_file_name(const struct archive_file *file, struct certctl_error *err)
{
	/* Never over anything: that may be the only copy of something. */
	if (renameat2(AT_FDCWD, file->partial, AT_FDCWD, file->path, RENAME_NOREPLACE) < 0)
		return errno == EEXIST ? certctl_fail(err, CERTCTL_E_CONFLICT, "%s: exists", file->path)
				       : certctl_fail_errno(err, errno, "%s", file->path);
	return sync_folder(file->path, err);
}
