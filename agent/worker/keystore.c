/*
 * The key store: opening it, finding a key, making the request of a job.  Knows nothing of targets or of the socket.
 */
#include "agent/shared/listing.h"
#include "keyfiles.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* --- Opening ------------------------------------------------------------------------------------------------------- */

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static int close_store(struct certctl_keystore *store)
{
	close_fd(store->staged_fd);
	close_fd(store->previous_fd);
	close_fd(store->lock_fd);
	close_fd(store->dir_fd);
	pthread_mutex_destroy(&store->lock);
	return 0;
}

static int open_folder(TALLOC_CTX *mem, const char *dir, const char *name, int *ret_fd, struct certctl_error *err)
{
	char *path = talloc_asprintf(mem, "%s/%s", dir, name);

	return path ? certctl_dir_make(path, 0700, ret_fd, err) : certctl_fail(err, CERTCTL_E_NO_MEMORY, "%s", name);
}

static int lock_store(struct certctl_keystore *store, const char *dir, struct certctl_error *err)
{
	int rc = certctl_open_below(store->dir_fd, ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600, &store->lock_fd, err);

	if (rc < 0)
		return rc;
	if (flock(store->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK
			       ? certctl_fail(err, CERTCTL_E_CONFLICT, "%s: in use by another process", dir)
			       : certctl_fail_errno(err, errno, "%s/.lock", dir);
	return 0;
}

int certctl_keystore_open(TALLOC_CTX *mem, const struct certctl_keystore_options *options,
	struct certctl_keystore **ret, struct certctl_error *err)
{
	struct certctl_keystore *store = talloc(mem, struct certctl_keystore);

	if (!store)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "key store");
	*store = (struct certctl_keystore){ .dir_fd = -1,
		.staged_fd = -1,
		.previous_fd = -1,
		.lock_fd = -1,
		.rollback_hours = options->rollback_hours,
		.staged_hours = options->staged_hours,
		.clock = options->clock ? options->clock : certctl_clock_system(),
		.destroyed = options->destroyed,
		.arg = options->arg };
	pthread_mutex_init(&store->lock, NULL);
	talloc_set_destructor(store, close_store);
	int rc = certctl_dir_make(options->dir, 0700, &store->dir_fd, err);

	if (rc == 0)
		rc = lock_store(store, options->dir, err);
	if (rc == 0)
		rc = open_folder(store, options->dir, "staged", &store->staged_fd, err);
	if (rc == 0)
		rc = open_folder(store, options->dir, "previous", &store->previous_fd, err);
	if (rc < 0) {
		talloc_free(store);
		return rc;
	}
	*ret = store;
	return 0;
}

/* --- Finding ----------------------------------------------------------------------------------------------- */

int certctl_keystore_find(struct certctl_keystore *store, TALLOC_CTX *mem, const char *certificate_id,
	const char *public_key_sha256, struct certctl_key **ret, struct certctl_error *err)
{
	struct certctl_keyfile found;
	int rc = certctl_keyfile_check_id("certificate", certificate_id, err);

	if (rc < 0)
		return rc;
	pthread_mutex_lock(&store->lock);
	rc = certctl_keyfile_find(store, mem, certificate_id, public_key_sha256, &found, err);
	pthread_mutex_unlock(&store->lock);
	if (rc == 0)
		*ret = found.key;
	return rc;
}

/* --- Requests -------------------------------------------------------------------------------------------------------- */

static int make_request(TALLOC_CTX *mem, struct certctl_keystore *store, const struct certctl_key_order *order,
	const char *name, const struct certctl_key *key, char **ret_pem, struct certctl_error *err)
{
	char *pem = NULL;
	int rc = certctl_csr_make(mem, key, &order->request, &pem, err);

	if (rc == 0)
		rc = certctl_file_replace(store->staged_fd, name, pem, strlen(pem), &certctl_keyfile_private, err);
	if (rc == 0)
		*ret_pem = pem;
	return rc;
}

/* Names as a set: the order's are canonical but may come in any order. */
static bool has_exactly_these_names(const struct certctl_csr *csr, const struct certctl_name *const *names)
{
	size_t count = 0;

	for (; names && names[count]; count++) {
		bool is_there = false;

		for (size_t i = 0; i < csr->name_count && !is_there; i++)
			is_there = certctl_name_compare(csr->names[i], names[count]) == 0;
		if (!is_there)
			return false;
	}
	return count >= csr->name_count;
}

static bool is_same_request(const struct certctl_csr *csr, const struct certctl_key_order *order, const char *key_hash)
{
	const char *common_name = order->request.common_name;

	return csr->key_type == order->key_type && csr->must_staple == order->request.must_staple &&
	       strcmp(csr->public_key_sha256, key_hash) == 0 &&
	       (csr->common_name ? common_name && strcmp(csr->common_name, common_name) == 0 : !common_name) &&
	       has_exactly_these_names(csr, order->request.names);
}

static int repeat_request(TALLOC_CTX *mem, struct certctl_keystore *store, const struct certctl_key_order *order,
	const char *name, const struct certctl_key *key, struct certctl_key_staged *ret, struct certctl_error *err)
{
	struct certctl_csr *csr = NULL;
	size_t len;
	int rc = certctl_file_read(mem, store->staged_fd, name, KEYFILE_MAX_BYTES, &ret->csr_pem, &len, err);

	if (rc == CERTCTL_E_NOT_FOUND) /* killed between the key and the request */
		return make_request(mem, store, order, name, key, &ret->csr_pem, err);
	if (rc == 0)
		rc = certctl_csr_read(mem, ret->csr_pem, len, &csr, err);
	if (rc == 0 && !is_same_request(csr, order, ret->public_key_sha256))
		rc = certctl_fail(err, CERTCTL_E_CONFLICT, "job %s asks for another request than before",
			order->job_id);
	return rc;
}

/* Whoever may ask for requests must not be able to fill the store until nothing in it is found any more. */
static int check_room(TALLOC_CTX *mem, const struct certctl_keystore *store, struct certctl_error *err)
{
	char **names;
	size_t count;
	int rc = certctl_listing_read(mem, store->staged_fd, ".key", KEYFILES_MAX, &names, &count, err);

	if (rc == 0 && count >= KEYFILES_STAGED_MAX) {
		certctl_fail(err, CERTCTL_E_LIMIT, "key store: %zu keys wait for their certificates already", count);
		rc = certctl_hint(err, "A key goes when its certificate is deployed, or after staged_hours.");
	}
	return rc;
}

/* A new key, or a copy of the one in use where the profile says so. */
static int take_key(struct certctl_keystore *store, TALLOC_CTX *mem, const struct certctl_key_order *order,
	struct certctl_key **ret, bool *ret_is_new, struct certctl_error *err)
{
	char name[KEYFILE_NAME_SIZE], hash[65];
	int rc = CERTCTL_E_NOT_FOUND;

	snprintf(name, sizeof(name), "%s.key", order->certificate_id);
	if (order->reuse_key)
		rc = certctl_keyfile_read(mem, store->dir_fd, name, ret, hash, err);
	*ret_is_new = rc != 0 || certctl_key_type_of(*ret) != order->key_type;
	if (rc < 0 && rc != CERTCTL_E_NOT_FOUND)
		return rc;
	return *ret_is_new ? certctl_key_generate(mem, order->key_type, ret, err) : 0;
}

static int stage_request(struct certctl_keystore *store, TALLOC_CTX *mem, const struct certctl_key_order *order,
	struct certctl_key_staged *ret, struct certctl_error *err)
{
	char key_name[KEYFILE_NAME_SIZE], csr_name[KEYFILE_NAME_SIZE];
	struct certctl_key *key = NULL;

	snprintf(key_name, sizeof(key_name), "%s_%s.key", order->certificate_id, order->job_id);
	snprintf(csr_name, sizeof(csr_name), "%s_%s.csr", order->certificate_id, order->job_id);
	int rc = certctl_keyfile_read(mem, store->staged_fd, key_name, &key, ret->public_key_sha256, err);

	if (rc == 0)
		return repeat_request(mem, store, order, csr_name, key, ret, err);
	if (rc != CERTCTL_E_NOT_FOUND)
		return rc;
	rc = check_room(mem, store, err);
	if (rc == 0)
		rc = take_key(store, mem, order, &key, &ret->is_new, err);
	if (rc == 0)
		rc = certctl_keyfile_hash(key, ret->public_key_sha256, err);
	if (rc == 0)
		rc = certctl_keyfile_write(store->staged_fd, key_name, key, true, err);
	if (rc == 0)
		rc = make_request(mem, store, order, csr_name, key, &ret->csr_pem, err);
	return rc;
}

int certctl_keystore_csr(struct certctl_keystore *store, TALLOC_CTX *mem, const struct certctl_key_order *order,
	struct certctl_key_staged *ret, struct certctl_error *err)
{
	struct certctl_key_staged staged = { 0 };
	int rc = certctl_keyfile_check_id("certificate", order->certificate_id, err);

	if (rc == 0)
		rc = certctl_keyfile_check_id("job", order->job_id, err);
	if (rc < 0)
		return rc;
	pthread_mutex_lock(&store->lock);
	rc = stage_request(store, mem, order, &staged, err);
	pthread_mutex_unlock(&store->lock);
	if (rc == 0)
		*ret = staged;
	return rc;
}
