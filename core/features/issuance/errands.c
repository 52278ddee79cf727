/* The thread of the errands: when there is a round, and whom it may ask.  Knows nothing of what is asked. */
#include "errands.h"

#include <certctl/log.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ROUND_MS 5000

struct errands {
	struct core *core;
	int ready_fd, stop_fd;
	const char *after;
	bool was_failing;
	pthread_t thread;
};

const char *errand_issuers(const struct errand *errand, uint32_t capability, bool has)
{
	struct job_runner *runners = NULL;
	const char **ids;
	size_t count = 0, kept = 0;

	if (connectors_runners(errand->core->connectors, errand->mem, &runners, &count, NULL) < 0)
		return NULL;
	ids = talloc_zero_array(errand->mem, const char *, (unsigned)count + 1);
	for (size_t i = 0; ids && i < count; i++) {
		const char *id = runners[i].name + strlen("issuer/");
		struct certctl_connector *issuer = NULL;

		if (connectors_issuer(errand->core->connectors, id, &issuer, NULL) == 0 &&
			!(certctl_connector_description(issuer)->caps & capability) == !has)
			ids[kept++] = id;
	}
	return ids ? db_array(errand->mem, ids, kept) : NULL;
}

/* --- The thread ------------------------------------------------------------------------------------------------------ */

/* True: it can be read, or was never to come. */
static bool wait_for(int fd, int timeout_ms)
{
	struct pollfd one = { .fd = fd, .events = POLLIN };

	return poll(&one, 1, timeout_ms) > 0;
}

static bool must_stop(void *arg)
{
	return wait_for(((struct errands *)arg)->stop_fd, 0);
}

static void one_round(struct errands *errands)
{
	struct certctl_error err = { 0 };
	struct errand errand = { .core = errands->core,
		.mem = talloc_new(NULL),
		.must_stop = must_stop,
		.arg = errands,
		.after = errands->after,
		.keeper = errands };
	int rc = errand_windows(&errand, &err);

	if (rc == 0)
		rc = errand_abandon(&errand, &err);
	/* Said once, not every five seconds of an outage. */
	if (rc < 0 && !errands->was_failing)
		certctl_log_error(CERTCTL_LOG_ERROR, "errands.failed", &err, NULL);
	errands->was_failing = rc < 0;
	errands->after = errand.after;
	talloc_free(errand.mem);
}

static void *run(void *arg)
{
	struct errands *errands = arg;
	struct pollfd begin[] = { { .fd = errands->ready_fd, .events = POLLIN },
		{ .fd = errands->stop_fd, .events = POLLIN } };

	while (poll(begin, CERTCTL_COUNT(begin), -1) < 0)
		;
	while (!must_stop(errands)) {
		one_round(errands);
		wait_for(errands->stop_fd, ROUND_MS);
	}
	return NULL;
}

/* --- In and out ------------------------------------------------------------------------------------------------------ */

int errands_start(struct core *core, TALLOC_CTX *mem, struct certctl_error *err)
{
	struct errands *errands = talloc_zero(mem, struct errands);

	if (!errands)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	errands->core = core;
	errands->after = "";
	errands->ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	errands->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int error_number = errands->ready_fd < 0 || errands->stop_fd < 0
				   ? errno
				   : pthread_create(&errands->thread, NULL, run, errands);

	if (error_number) {
		close(errands->ready_fd);
		close(errands->stop_fd);
		talloc_free(errands);
		return certctl_fail_errno(err, error_number, "errands: thread");
	}
	core->errands = errands;
	return 0;
}

void errands_woken(struct core *core)
{
	eventfd_write(core->errands->ready_fd, 1);
}

void errands_stop(struct core *core)
{
	struct errands *errands = core->errands;

	if (!errands)
		return;
	eventfd_write(errands->stop_fd, 1);
	pthread_join(errands->thread, NULL);
	close(errands->ready_fd);
	close(errands->stop_fd);
	core->errands = NULL;
	talloc_free(errands);
}
