/* Requests that agents hand in.  Knows the rules of who may hand in what; knows no CA. */
#include "core/features/issuance/issuance.sql.h"
#include "core/platform/pki/pki.h"
#include "issuance.h"

#include <string.h>

static int check_refusal(struct db *db, TALLOC_CTX *mem, const char *certificate_id, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_run(db, mem, &query_issuance_refusal, DB_VALUES(db_text(certificate_id)), &rows, err);
	const char *refusal = rc == 0 ? db_get_text(rows, 0, "refusal") : NULL;

	return refusal ? certctl_fail(err, CERTCTL_E_DENIED, "%s", refusal) : rc;
}

int issuance_request_placed(struct db *db, const char *certificate_id, const char *placement_id, const char *created_by,
	struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	int rc = check_refusal(db, mem, certificate_id, err);

	talloc_free(mem);
	return rc < 0 ? rc
		      : db_run(db, NULL, &query_issuance_insert,
				DB_VALUES(db_text(certificate_id), db_text(placement_id), db_text(created_by)), NULL,
				err);
}

int issuance_request(struct db *db, const char *certificate_id, const char *created_by, struct certctl_error *err)
{
	return issuance_request_placed(db, certificate_id, NULL, created_by, err);
}

/* What is handed in, and what was found out. */
struct handing_in {
	struct core *core;
	TALLOC_CTX *mem;
	const struct issuance_csr *in;
	const struct certctl_csr *csr;
	const char *state; /* NULL: not decided yet */
};

/* The job ended already: the same request is answered, another one is too late. */
static int answer_ended(struct handing_in *work, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_once(work->core->db, work->mem, &query_csr_job_ended,
		DB_VALUES(db_text(work->in->job_id), db_text(work->in->agent_id)), &rows, err);

	if (rc < 0)
		return rc;
	if (db_rows(rows) == 0)
		return certctl_fail(err, CERTCTL_E_NOT_FOUND, "job '%s' is not there", work->in->job_id);
	const char *hash = db_get_text(rows, 0, "csr_sha256");

	if (!hash || strcmp(hash, work->csr->sha256) != 0)
		return certctl_fail(err, CERTCTL_E_CONFLICT, "job '%s' has ended", work->in->job_id);
	work->state = db_get_text(rows, 0, "state");
	return 0;
}

/* 0 and work->state set: a repeat.  0 and NULL: go on. */
static int check_turn(struct handing_in *work, const struct db_result *rows, struct certctl_error *err)
{
	const char *hash = db_get_text(rows, 0, "csr_sha256");

	if (hash && strcmp(hash, work->csr->sha256) == 0) {
		work->state = db_get_text(rows, 0, "state");
		return 0;
	}
	if (hash || strcmp(db_get_text(rows, 0, "state"), "AwaitingCSR") != 0)
		return certctl_fail(err, CERTCTL_E_CONFLICT, "another request was handed in for this job");
	if (db_get_integer(rows, 0, "token") != work->in->token)
		return certctl_fail(err, CERTCTL_E_CONFLICT, "fenced: this token is no longer the job's");
	return 0;
}

static int check_order(struct handing_in *work, const struct db_result *rows, struct certctl_error *err)
{
	const char *refusal = db_get_text(rows, 0, "refusal");
	const char *const *usages = NULL;
	struct certctl_name **names = NULL;

	if (refusal)
		return certctl_fail(err, CERTCTL_E_DENIED, "%s", refusal);
	int rc = pki_names_read(work->mem, db_get_text(rows, 0, "names"), &names, err);

	if (rc == 0)
		rc = pki_usages_read(work->mem, db_get_text(rows, 0, "extended_key_usages"), &usages, err);
	struct pki_expectation expected = { .names = (const struct certctl_name *const *)names,
		.common_name = db_get_text(rows, 0, "common_name"),
		.key_type = certctl_key_type_from_name(db_get_text(rows, 0, "key_type")),
		.must_staple = db_get_boolean(rows, 0, "must_staple"),
		.extended_key_usage = usages };

	return rc < 0 ? rc : pki_csr_check(work->csr, &expected, err);
}

/* Pass it on; where somebody was faster, work->state stays NULL. */
static int take(struct handing_in *work, const struct db_result *job, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_once(work->core->db, work->mem, &query_csr_take,
		DB_VALUES(db_text(work->in->job_id), db_integer(work->in->token), db_text(work->in->pem),
			db_text(work->csr->sha256), db_text(work->csr->public_key_sha256),
			db_boolean(db_get_boolean(job, 0, "reuse_key"))),
		&rows, err);
	const char *obstacle = rc == 0 ? db_get_text(rows, 0, "obstacle") : NULL;

	if (rc == 0 && !obstacle)
		work->state = "Pending";
	else if (rc == 0 && strcmp(obstacle, "foreign") == 0)
		rc = certctl_fail(err, CERTCTL_E_DENIED, "csr: this key was seen under another certificate");
	else if (rc == 0 && strcmp(obstacle, "used") == 0)
		rc = certctl_fail(err, CERTCTL_E_DENIED,
			"csr: a new key is expected: the profile does not say reuse_key");
	return rc;
}

/* What a transaction needs that ends a job. */
struct refusing {
	struct handing_in *work;
	const struct certctl_error *why;
};

static int refuse(struct db *db, void *arg, struct certctl_error *err)
{
	const struct refusing *refusing = arg;
	const struct handing_in *work = refusing->work;
	struct db_result *rows = NULL;
	int rc = db_run(db, work->mem, &query_csr_hold,
		DB_VALUES(db_text(work->in->job_id), db_integer(work->in->token)), &rows, err);

	if (rc == 0 && db_rows(rows) == 0)
		rc = certctl_fail(err, CERTCTL_E_CONFLICT, "another request was handed in for this job");
	return rc < 0 ? rc
		      : job_end(db, work->in->job_id, work->in->token,
				&(struct job_end){
					.state = "Failed", .error_json = job_error_json(work->mem, refusing->why) },
				err);
}

static int hand_in(struct handing_in *work, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_once(work->core->db, work->mem, &query_csr_job,
		DB_VALUES(db_text(work->in->job_id), db_text(work->in->agent_id)), &rows, err);

	if (rc < 0)
		return rc;
	if (db_rows(rows) == 0)
		return answer_ended(work, err);
	rc = check_turn(work, rows, err);
	if (rc < 0 || work->state)
		return rc;
	rc = check_order(work, rows, err);
	if (rc == 0)
		rc = take(work, rows, err);
	if (rc != CERTCTL_E_DENIED)
		return rc;
	/* A refusal is final: the agent would make the same mistake again.  It commits, and is told afterwards. */
	struct certctl_error refused = *err;
	struct refusing refusing = { .work = work, .why = &refused };

	rc = db_transaction(work->core->db, refuse, &refusing, err);
	if (rc < 0)
		return rc;
	jobs_wake(work->core->jobs);
	*err = refused;
	return err->code;
}

int issuance_accept_csr(struct core *core, TALLOC_CTX *mem, const struct issuance_csr *in, const char **ret_state,
	struct certctl_error *err)
{
	struct handing_in work = { .core = core, .mem = mem, .in = in };
	struct certctl_csr *csr = NULL;
	int rc = certctl_csr_read(mem, in->pem, strlen(in->pem), &csr, err);

	if (rc < 0)
		return certctl_error_prefix(err, "csr");
	work.csr = csr;
	/* Who looks again finds what somebody faster has made of the job. */
	for (int looks = 0; rc == 0 && !work.state && looks < 3; looks++)
		rc = hand_in(&work, err);
	if (rc == 0 && !work.state)
		rc = certctl_fail(err, CERTCTL_E_CONFLICT, "another request was handed in for this job");
	if (rc < 0)
		return rc;
	if (strcmp(work.state, "Pending") == 0)
		jobs_wake(core->jobs);
	*ret_state = work.state;
	return 0;
}
