/* Deployments in hand, and tests of targets between them.  Knows nothing of polling, nor of what a deployment is: jobs.c does. */
#include "deployments.h"

#include "agent.h"
#include "spool.h"

#include <certctl/log.h>
#include <string.h>

/* With two PEM texts of 64 KiB each a batch stays below CERTCTL_LINK_FRAME_MAX. */
#define BATCH_MAX 25

struct certctl_deployments {
	struct certctl_agent *agent;
	struct certctl_spool *spool;
	struct certctl_session session;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	json_t *held; /* jobs in the order they came; the first `running` of them are being made */
	size_t running;
	bool is_over;
};

/* --- What is held -------------------------------------------------------------------------------------------------- */

static const char *id_of(const json_t *job)
{
	return certctl_json_text_or(job, "id", "");
}

static bool is_held(const struct certctl_deployments *deployments, const json_t *job)
{
	for (size_t i = 0; i < json_array_size(deployments->held); i++)
		if (strcmp(id_of(json_array_get(deployments->held, i)), id_of(job)) == 0)
			return true;
	return false;
}

void certctl_deployments_add(struct certctl_deployments *deployments, const json_t *jobs)
{
	pthread_mutex_lock(&deployments->lock);
	for (size_t i = 0; i < json_array_size(jobs); i++)
		if (!is_held(deployments, json_array_get(jobs, i)))
			json_array_append(deployments->held, json_array_get(jobs, i));
	pthread_cond_signal(&deployments->changed);
	pthread_mutex_unlock(&deployments->lock);
}

char *certctl_deployments_held(struct certctl_deployments *deployments, TALLOC_CTX *mem)
{
	char *text = talloc_strdup(mem, "");

	pthread_mutex_lock(&deployments->lock);
	for (size_t i = 0; text && i < json_array_size(deployments->held); i++)
		text = talloc_asprintf_append(text, "%s%s", i > 0 ? "," : "",
			id_of(json_array_get(deployments->held, i)));
	pthread_mutex_unlock(&deployments->lock);
	return text;
}

size_t certctl_deployments_count(struct certctl_deployments *deployments)
{
	pthread_mutex_lock(&deployments->lock);
	size_t count = json_array_size(deployments->held);

	pthread_mutex_unlock(&deployments->lock);
	return count;
}

/* The next batch, a copy: jobs are this thread's from here on.  May be empty. */
static json_t *take_batch(struct certctl_deployments *deployments)
{
	json_t *batch = json_array();

	pthread_mutex_lock(&deployments->lock);
	for (size_t i = 0; i < json_array_size(deployments->held) && i < BATCH_MAX; i++)
		json_array_append_new(batch, json_deep_copy(json_array_get(deployments->held, i)));
	deployments->running = json_array_size(batch);
	pthread_mutex_unlock(&deployments->lock);
	return batch;
}

/* Made and in the spool, or not made and still held. */
static void end_batch(struct certctl_deployments *deployments, bool is_made)
{
	pthread_mutex_lock(&deployments->lock);
	for (size_t i = 0; is_made && i < deployments->running; i++)
		json_array_remove(deployments->held, 0);
	deployments->running = 0;
	pthread_mutex_unlock(&deployments->lock);
}

/* --- The thread ------------------------------------------------------------------------------------------------------ */

static bool await_jobs(struct certctl_deployments *deployments)
{
	pthread_mutex_lock(&deployments->lock);
	while (json_array_size(deployments->held) == 0 && !deployments->is_over)
		pthread_cond_wait(&deployments->changed, &deployments->lock);
	bool is_over = deployments->is_over;

	pthread_mutex_unlock(&deployments->lock);
	return !is_over;
}

/* A batch, if there is one, and its reports. */
static int make_round(struct certctl_deployments *deployments, struct certctl_error *err)
{
	struct certctl_agent *agent = deployments->agent;
	int rc = certctl_session_refresh(agent, &deployments->session, err);

	if (rc < 0)
		return rc;
	struct certctl_jobs_context context = { .socket = agent->settings->socket,
		.control = deployments->session.control,
		.spool = deployments->spool,
		.is_cancelled = certctl_stop_is_wanted,
		.arg = &agent->stop };
	CERTCTL_AUTO(json_decref) json_t *batch = take_batch(deployments);

	if (json_array_size(batch) > 0)
		rc = certctl_jobs_make(&context, batch, err);
	end_batch(deployments, rc == 0);
	return rc == 0 ? certctl_jobs_flush(&context, err) : rc;
}

static void *run(void *arg)
{
	struct certctl_deployments *deployments = arg;
	struct certctl_stop *stop = &deployments->agent->stop;
	struct certctl_backoff backoff = { 0 };
	struct certctl_error err = { 0 };
	bool is_behind = false; /* something failed: try again without waiting for more work */

	while ((is_behind || await_jobs(deployments)) && !certctl_stop_is_wanted(stop)) {
		is_behind = make_round(deployments, &err) < 0;
		if (!is_behind) {
			certctl_backoff_reset(&backoff);
			certctl_session_close(&deployments->session); /* idle agents have one connection */
			continue;
		}
		int64_t wait_ms = certctl_backoff_next_ms(&backoff, err.retry_after_s);

		if (certctl_session_note_retirement(deployments->agent, &deployments->session) ||
			certctl_stop_is_wanted(stop))
			break;
		certctl_log_error(CERTCTL_LOG_WARNING, "deployment.delayed", &err, "again_in_ms", certctl_num(wait_ms),
			NULL);
		if (certctl_stop_wait(stop, wait_ms))
			break;
	}
	certctl_session_close(&deployments->session);
	return NULL;
}

int certctl_deployments_start(struct certctl_agent *agent, struct certctl_spool *spool,
	struct certctl_deployments **ret, struct certctl_error *err)
{
	struct certctl_deployments *deployments = talloc_zero(NULL, struct certctl_deployments);

	if (!deployments)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "deployments");
	deployments->agent = agent;
	deployments->spool = spool;
	deployments->held = json_array();
	pthread_mutex_init(&deployments->lock, NULL);
	pthread_cond_init(&deployments->changed, NULL);
	int rc = pthread_create(&deployments->thread, NULL, run, deployments);

	if (rc != 0) {
		json_decref(deployments->held);
		talloc_free(deployments);
		return certctl_fail_errno(err, rc, "thread");
	}
	*ret = deployments;
	return 0;
}

void certctl_deployments_end(struct certctl_deployments *deployments)
{
	if (!deployments)
		return;
	pthread_mutex_lock(&deployments->lock);
	deployments->is_over = true;
	pthread_cond_signal(&deployments->changed);
	pthread_mutex_unlock(&deployments->lock);
	pthread_join(deployments->thread, NULL);
	pthread_cond_destroy(&deployments->changed);
	pthread_mutex_destroy(&deployments->lock);
	json_decref(deployments->held);
	talloc_free(deployments);
}
