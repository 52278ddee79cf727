/* The work loop: send what waits, ask for work, make requests and hand on what takes longer, again. */
#include "agent.h"
#include "deployments.h"
#include "spool.h"

#include <certctl/log.h>
#include <certctl/name.h>
#include <stdio.h>
#include <string.h>

#define POLL_WAIT_S 55
/* Their ids stand in the address of a poll, and a request line has at most 8 KiB. */
#define HELD_MAX     100
#define HELD_FULL_MS 1000

struct work {
	struct certctl_agent *agent;
	struct certctl_session session;
	struct certctl_spool *spool;
	struct certctl_deployments *deployments;
	json_t *last; /* what the last poll handed out */
};

/*
 * The same jobs twice in a row are a lost reply once, and a misunderstanding when it goes on: not to be repeated at the speed of
 * the network.
 */
static int check_progress(struct work *work, const json_t *jobs, struct certctl_error *err)
{
	bool is_same = json_array_size(jobs) > 0 && json_equal(jobs, work->last);

	json_decref(work->last);
	work->last = json_deep_copy(jobs);
	return is_same ? certctl_fail(err, CERTCTL_E_UNAVAILABLE, "control plane: hands out the same work again") : 0;
}

void certctl_agent_note_problem(struct certctl_agent *agent, const char *problem)
{
	pthread_mutex_lock(&agent->lock);
	snprintf(agent->problem, sizeof(agent->problem), "%s", problem);
	pthread_mutex_unlock(&agent->lock);
}

static int hand_out(struct work *work, const struct certctl_jobs_context *context, const json_t *jobs,
	struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *deployments = json_array();
	struct certctl_error why = { 0 };
	int result = 0;

	for (size_t i = 0; i < json_array_size(jobs); i++) {
		json_t *job = json_array_get(jobs, i);
		const char *step = certctl_json_text_or(job, "step", ""), *id = certctl_json_text_or(job, "id", "");
		int rc = 0;

		if (!certctl_id_is_valid(id))
			certctl_log(CERTCTL_LOG_ERROR, "job.unreadable", "job", id, NULL);
		else if (strcmp(step, "csr") == 0)
			rc = certctl_jobs_request(context, job, &why);
		else if (strcmp(step, "deploy") == 0 || strcmp(step, "test") == 0)
			json_array_append(deployments, job);
		else
			certctl_log(CERTCTL_LOG_WARNING, "job.unknown", "job", id, "step", step, NULL);
		result = rc < 0 ? rc : result;
	}
	certctl_deployments_add(work->deployments, deployments);
	certctl_agent_note_problem(work->agent, result < 0 ? why.what : "");
	if (result < 0)
		*err = why;
	return result;
}

/*
 * What is held is read before the reports are sent: a deployment that ends in between is in one of the two, so the poll does not
 * hand it out again.
 */
static int poll_once(struct work *work, TALLOC_CTX *mem, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *jobs = NULL;
	struct certctl_jobs_context context = { .socket = work->agent->settings->socket,
		.control = work->session.control,
		.spool = work->spool,
		.is_cancelled = certctl_stop_is_wanted,
		.arg = &work->agent->stop };
	const char *held = certctl_deployments_held(work->deployments, mem);
	int rc = certctl_jobs_flush(&context, err);

	if (rc == 0)
		rc = certctl_control_work(work->session.control, held ? held : "", POLL_WAIT_S, &jobs, err);
	if (rc == 0)
		rc = hand_out(work, &context, jobs, err);
	return rc == 0 ? check_progress(work, jobs, err) : rc;
}

static int work_once(struct work *work, struct certctl_error *err)
{
	int rc = certctl_session_refresh(work->agent, &work->session, err);

	if (rc < 0)
		return rc;
	if (certctl_deployments_count(work->deployments) >= HELD_MAX) {
		certctl_stop_wait(&work->agent->stop, HELD_FULL_MS);
		return 0;
	}
	TALLOC_CTX *mem = talloc_new(NULL);

	rc = poll_once(work, mem, err);
	talloc_free(mem);
	return rc;
}

static int open_work(struct work *work, struct certctl_error *err)
{
	int rc = 0;

	if (!work->spool) {
		char *dir = talloc_asprintf(NULL, "%s/spool", work->agent->settings->dir);

		rc = dir ? certctl_spool_open(NULL, dir, &work->spool, err)
			 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "spool");
		talloc_free(dir);
	}
	if (rc == 0 && !work->deployments)
		rc = certctl_deployments_start(work->agent, work->spool, &work->deployments, err);
	return rc;
}

static bool wait_after(struct work *work, struct certctl_backoff *backoff, const struct certctl_error *why)
{
	int64_t wait_ms = certctl_backoff_next_ms(backoff, why->retry_after_s);

	if (certctl_session_note_retirement(work->agent, &work->session) || certctl_stop_is_wanted(&work->agent->stop))
		return true;
	certctl_log_error(CERTCTL_LOG_WARNING, "work.failed", why, "again_in_ms", certctl_num(wait_ms), NULL);
	return certctl_stop_wait(&work->agent->stop, wait_ms);
}

void certctl_agent_work(struct certctl_agent *agent)
{
	struct work work = { .agent = agent };
	struct certctl_backoff backoff = { 0 };
	struct certctl_error err = { 0 };

	while (!certctl_stop_is_wanted(&agent->stop)) {
		int rc = open_work(&work, &err);

		if (rc == 0)
			rc = work_once(&work, &err);
		if (rc == 0)
			certctl_backoff_reset(&backoff);
		else if (wait_after(&work, &backoff, &err))
			break;
	}
	certctl_deployments_end(work.deployments);
	certctl_session_close(&work.session);
	talloc_free(work.spool);
	json_decref(work.last);
}
