/* The work loop: send what waits, ask for work, do it, again. */
#include "agent.h"
#include "spool.h"

#include <certctl/log.h>
#include <stdio.h>

#define POLL_WAIT_S 55

struct work {
	struct certctl_agent *agent;
	struct certctl_session session;
	struct certctl_spool *spool;
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

static int work_once(struct work *work, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *jobs = NULL;
	int rc = certctl_session_refresh(work->agent, &work->session, err);

	if (rc < 0)
		return rc;
	struct certctl_jobs_context context = { .socket = work->agent->settings->socket,
		.control = work->session.control,
		.spool = work->spool,
		.is_cancelled = certctl_stop_is_wanted,
		.arg = &work->agent->stop };

	/* First what was done already: a poll before would hand it out again. */
	rc = certctl_jobs_flush(&context, err);
	if (rc == 0)
		rc = certctl_control_work(work->session.control, POLL_WAIT_S, &jobs, err);
	if (rc == 0)
		rc = certctl_jobs_run(&context, jobs, err);
	return rc == 0 ? check_progress(work, jobs, err) : rc;
}

static int open_spool(struct work *work, struct certctl_error *err)
{
	char *dir = talloc_asprintf(NULL, "%s/spool", work->agent->settings->dir);
	int rc = dir ? certctl_spool_open(NULL, dir, &work->spool, err)
		     : certctl_fail(err, CERTCTL_E_NO_MEMORY, "spool");

	talloc_free(dir);
	return rc;
}

static bool wait_after(struct work *work, struct certctl_backoff *backoff, const struct certctl_error *why)
{
	int64_t wait_ms = certctl_backoff_next_ms(backoff, why->retry_after_s);

	if (certctl_stop_is_wanted(&work->agent->stop))
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
		int rc = work.spool ? 0 : open_spool(&work, &err);

		if (rc == 0)
			rc = work_once(&work, &err);
		if (rc == 0)
			certctl_backoff_reset(&backoff);
		else if (wait_after(&work, &backoff, &err))
			break;
	}
	certctl_session_close(&work.session);
	talloc_free(work.spool);
	json_decref(work.last);
}
