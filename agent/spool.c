/* The spool: one JSON file a report, named after its job.  Job ids begin with their time, so names are the order. */
#include "spool.h"

#include "agent/shared/listing.h"
#include "agent/shared/quarantine.h"

#include <certctl/files.h>
#include <certctl/log.h>
#include <certctl/name.h>
#include <certctl/time.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SUFFIX     ".json"
#define REPORT_MAX ((size_t)1024 * 1024)
#define NAME_SIZE  96
#define COUNT_MAX  100000

static const struct certctl_file_attributes private_file = { .mode = 0600, .uid = (uid_t)-1, .gid = (gid_t)-1 };

struct certctl_spool {
	int dir_fd;
	pthread_mutex_t lock;
};

static int close_spool(struct certctl_spool *spool)
{
	if (spool->dir_fd >= 0)
		close(spool->dir_fd);
	pthread_mutex_destroy(&spool->lock);
	return 0;
}

int certctl_spool_open(TALLOC_CTX *mem, const char *dir, struct certctl_spool **ret, struct certctl_error *err)
{
	struct certctl_spool *spool = talloc(mem, struct certctl_spool);

	if (!spool)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "spool");
	spool->dir_fd = -1;
	pthread_mutex_init(&spool->lock, NULL);
	talloc_set_destructor(spool, close_spool);
	int rc = certctl_dir_make(dir, 0700, &spool->dir_fd, err);

	if (rc == 0)
		rc = certctl_quarantine_tidy(spool->dir_fd, certctl_clock_now_s(certctl_clock_system()), err);
	if (rc < 0) {
		talloc_free(spool);
		return rc;
	}
	*ret = spool;
	return 0;
}

int certctl_spool_add(struct certctl_spool *spool, const char *job_id, const json_t *body, struct certctl_error *err)
{
	char name[NAME_SIZE];
	size_t len;

	if (!certctl_id_is_valid(job_id))
		return certctl_fail(err, CERTCTL_E_INVALID, "spool: job is not an id");
	snprintf(name, sizeof(name), "%s" SUFFIX, job_id);
	char *text = certctl_json_text(NULL, body, &len);

	pthread_mutex_lock(&spool->lock);
	int rc = text ? certctl_file_replace(spool->dir_fd, name, text, len, &private_file, err)
		      : certctl_fail(err, CERTCTL_E_NO_MEMORY, "spool");

	pthread_mutex_unlock(&spool->lock);
	talloc_free(text);
	return rc;
}

/* A report that cannot be read tells nothing: the job comes again, and its deployment is found unchanged. */
static int quarantine(struct certctl_spool *spool, const char *name, struct certctl_error *err)
{
	certctl_log_error(CERTCTL_LOG_WARNING, "report.quarantined", err, "file", name, NULL);
	return certctl_quarantine_put(spool->dir_fd, name, err);
}

static int send_file(struct certctl_spool *spool, TALLOC_CTX *mem, const char *name,
	enum certctl_spool_verdict (*send)(void *arg, const char *job_id, json_t *body, struct certctl_error *err),
	void *arg, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *body = NULL;
	char *text;
	size_t len;
	int rc = certctl_file_read(mem, spool->dir_fd, name, REPORT_MAX, &text, &len, err);

	if (rc == 0)
		rc = certctl_json_parse(text, len, NULL, &body, err);
	if (rc == CERTCTL_E_INVALID || rc == CERTCTL_E_LIMIT)
		return quarantine(spool, name, err);
	if (rc < 0)
		return rc;
	char *job_id = talloc_strndup(mem, name, strlen(name) - strlen(SUFFIX));

	if (send(arg, job_id, body, err) == CERTCTL_SPOOL_LATER)
		return err->code;
	return certctl_file_remove(spool->dir_fd, name, err);
}

int certctl_spool_flush(struct certctl_spool *spool,
	enum certctl_spool_verdict (*send)(void *arg, const char *job_id, json_t *body, struct certctl_error *err),
	void *arg, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct certctl_error why = { 0 };
	char **names;
	size_t count;

	pthread_mutex_lock(&spool->lock);
	int rc = certctl_listing_read(mem, spool->dir_fd, SUFFIX, COUNT_MAX, &names, &count, &why);

	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = send_file(spool, mem, names[i], send, arg, &why);
	pthread_mutex_unlock(&spool->lock);
	talloc_free(mem);
	if (rc < 0 && err)
		*err = why;
	return rc;
}

int certctl_spool_count(struct certctl_spool *spool, size_t *ret, struct certctl_error *err)
{
	char **names = NULL;
	int rc = certctl_listing_read(NULL, spool->dir_fd, SUFFIX, COUNT_MAX, &names, ret, err);

	talloc_free(names);
	return rc;
}
