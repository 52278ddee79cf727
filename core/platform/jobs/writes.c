/* The writes by which a job goes on, all of them fenced.  Knows nothing of what a job is about. */
#include "core/platform/jobs/jobs.sql.h"
#include "jobs.h"

#include <certctl/json.h>
#include <string.h>

#define FENCED "fenced: another worker has this job"

static int is_written(const struct db_result *rows, struct certctl_error *err)
{
	return db_rows(rows) == 1 ? 0 : job_fenced(err);
}

int job_fenced(struct certctl_error *err)
{
	return certctl_fail(err, CERTCTL_E_CONFLICT, FENCED);
}

bool job_is_fenced(const struct certctl_error *err)
{
	return err->code == CERTCTL_E_CONFLICT && strcmp(err->what, FENCED) == 0;
}

int job_release(struct db *db, const char *id, int64_t token, const struct job_release *how, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct db_result *rows = NULL;
	int rc = db_run(db, mem, &query_job_release,
		DB_VALUES(db_text(id), db_integer(token), db_text(how->state), db_text(how->step),
			db_integer(how->delay_s), db_text(how->error_json), db_text(how->saved_state),
			db_text(how->saved_state_version), db_text(how->hold_reason)),
		&rows, err);

	if (rc == 0)
		rc = is_written(rows, err);
	talloc_free(mem);
	return rc;
}

int job_end(struct db *db, const char *id, int64_t token, const struct job_end *how, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct db_result *rows = NULL;
	int rc = db_run(db, mem, &query_job_end,
		DB_VALUES(db_text(id), db_integer(token), db_text(how->state), db_text(how->error_json),
			db_text(how->report_json), db_text(how->hold_reason), db_text(how->version_id)),
		&rows, err);

	if (rc == 0)
		rc = is_written(rows, err);
	talloc_free(mem);
	return rc;
}

char *job_error_json(TALLOC_CTX *mem, const struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref)
	json_t *json = json_pack("{s:s, s:s, s:s, s:b}", "code", certctl_code_name(err->code), "what", err->what,
		"hint", err->hint, "retryable", err->retryable);

	return json ? certctl_json_text(mem, json, NULL) : NULL;
}

int64_t job_backoff_s(int64_t attempts, int64_t remaining_s, int64_t retry_after_s, uint64_t random)
{
	static const int64_t first_s = 30, longest_s = 86400;
	int64_t most_s = longest_s;

	if (remaining_s > 0 && remaining_s / 10 < most_s)
		most_s = remaining_s / 10;
	int64_t window_s = attempts > 12 ? most_s : first_s << (attempts > 1 ? attempts - 1 : 0);

	if (window_s > most_s)
		window_s = most_s;
	int64_t delay_s = 1 + (int64_t)(random % (uint64_t)(window_s > 0 ? window_s : 1));

	return delay_s < retry_after_s ? retry_after_s : delay_s;
}
