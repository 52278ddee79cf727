/* A line between threads and one socket: the thread that waits reads.  Knows frames, not what they mean. */
#include "line.h"

#include <certctl/time.h>
#include <time.h>

struct certctl_line_waiter {
	struct certctl_line_waiter *next;
	pthread_cond_t cond;
	bool (*is_done)(void *arg);
	void *arg;
};

void certctl_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attributes);
	pthread_condattr_destroy(&attributes);
}

void certctl_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline_ms)
{
	struct timespec until = { .tv_sec = (time_t)(deadline_ms / 1000),
		.tv_nsec = (long)(deadline_ms % 1000) * 1000000 };

	if (deadline_ms == CERTCTL_FRAME_FOREVER)
		pthread_cond_wait(cond, lock);
	else
		pthread_cond_timedwait(cond, lock, &until);
}

void certctl_line_init(struct certctl_line *line, int fd, void (*dispatch)(void *arg, json_t *frame), void *arg)
{
	*line = (struct certctl_line){ .dispatch = dispatch, .arg = arg };
	pthread_mutex_init(&line->lock, NULL);
	pthread_mutex_init(&line->send_lock, NULL);
	certctl_frame_reader_init(&line->reader, fd, CERTCTL_FRAME_MAX);
}

void certctl_line_done(struct certctl_line *line)
{
	certctl_frame_reader_done(&line->reader);
	pthread_mutex_destroy(&line->send_lock);
	pthread_mutex_destroy(&line->lock);
}

void certctl_line_wake(struct certctl_line *line)
{
	for (struct certctl_line_waiter *waiter = line->waiters; waiter; waiter = waiter->next)
		pthread_cond_signal(&waiter->cond);
}

void certctl_line_break(struct certctl_line *line, const struct certctl_error *why)
{
	if (line->broken.code == 0)
		line->broken = *why;
	certctl_line_wake(line);
}

int certctl_line_send(struct certctl_line *line, const json_t *frame, int64_t deadline_ms, struct certctl_error *err)
{
	struct certctl_error why = { 0 };

	pthread_mutex_lock(&line->send_lock);
	int rc = certctl_frame_send(line->reader.fd, frame, line->reader.max, deadline_ms, &why);

	pthread_mutex_unlock(&line->send_lock);
	if (rc == 0)
		return 0;
	if (rc != CERTCTL_E_LIMIT && rc != CERTCTL_E_INVALID) {
		pthread_mutex_lock(&line->lock);
		certctl_line_break(line, &why);
		pthread_mutex_unlock(&line->lock);
	}
	if (err)
		*err = why;
	return rc;
}

/* One frame, as the only reader; `lock` is free while the socket is waited for. */
static int read_one(struct certctl_line *line, int64_t deadline_ms)
{
	struct certctl_error why = { 0 };
	CERTCTL_AUTO(json_decref) json_t *frame = NULL;
	bool waits = deadline_ms != CERTCTL_FRAME_NOW;

	if (waits) {
		line->has_reader = true;
		pthread_mutex_unlock(&line->lock);
	}
	int rc = certctl_frame_receive(&line->reader, deadline_ms, &frame, &why);

	if (waits) {
		pthread_mutex_lock(&line->lock);
		line->has_reader = false;
	}
	if (rc == 0)
		line->dispatch(line->arg, frame);
	else if (rc != CERTCTL_E_TIMEOUT)
		certctl_line_break(line, &why);
	return rc;
}

/* Those whose wait is over go; when nobody reads any more, one of the others takes over. */
static void wake_others(struct certctl_line *line, const struct certctl_line_waiter *self, bool needs_reader)
{
	for (struct certctl_line_waiter *waiter = line->waiters; waiter; waiter = waiter->next) {
		bool is_done = waiter != self && waiter->is_done(waiter->arg);

		if (waiter != self && (is_done || needs_reader)) {
			pthread_cond_signal(&waiter->cond);
			needs_reader = needs_reader && is_done;
		}
	}
}

static void leave(struct certctl_line *line, struct certctl_line_waiter *self)
{
	for (struct certctl_line_waiter **link = &line->waiters; *link; link = &(*link)->next)
		if (*link == self) {
			*link = self->next;
			break;
		}
	pthread_cond_destroy(&self->cond);
	if (line->waiters && !line->has_reader)
		wake_others(line, self, true);
}

int certctl_line_wait(struct certctl_line *line, bool (*is_done)(void *arg), void *arg, int64_t deadline_ms,
	struct certctl_error *err)
{
	struct certctl_line_waiter self = { .next = line->waiters, .is_done = is_done, .arg = arg };
	int rc = 0;

	certctl_cond_init(&self.cond);
	line->waiters = &self;
	while (!is_done(arg)) {
		if (line->broken.code < 0) {
			if (err)
				*err = line->broken;
			rc = line->broken.code;
			break;
		}
		if (deadline_ms != CERTCTL_FRAME_FOREVER && certctl_monotonic_ms() >= deadline_ms) {
			rc = certctl_fail(err, CERTCTL_E_TIMEOUT, "the deadline has passed");
			break;
		}
		if (line->has_reader)
			certctl_cond_wait_until(&self.cond, &line->lock, deadline_ms);
		else if (read_one(line, deadline_ms) == 0)
			wake_others(line, &self, false);
	}
	leave(line, &self);
	return rc;
}

void certctl_line_poll(struct certctl_line *line)
{
	while (!line->has_reader && line->broken.code == 0 && read_one(line, CERTCTL_FRAME_NOW) == 0)
		wake_others(line, NULL, false);
}
