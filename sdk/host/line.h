/**
 * A line: one socket that several threads talk over.  There is no reader thread.  Whoever waits for something reads while he
 * waits and hands on what is for others, so a lone call costs no switch between threads.
 */
#ifndef CERTCTL_LINE_H
#define CERTCTL_LINE_H

#include "frame.h"

#include <pthread.h>

struct certctl_line_waiter;

struct certctl_line {
	pthread_mutex_t lock;      /* of all below and of what `dispatch` changes */
	pthread_mutex_t send_lock; /* held while a frame is written; never together with a wait for `lock` */
	struct certctl_frame_reader reader;
	bool has_reader;
	struct certctl_line_waiter *waiters;
	struct certctl_error broken; /* code 0: the line works */
	/** Called with `lock` held for every frame; it may call certctl_line_break(). The frame is borrowed. */
	void (*dispatch)(void *arg, json_t *frame);
	void *arg;
};

/** The socket stays the caller's to close, after certctl_line_done(). */
void certctl_line_init(struct certctl_line *line, int fd, void (*dispatch)(void *arg, json_t *frame), void *arg);
void certctl_line_done(struct certctl_line *line);

/** Send a frame, without `lock`.  After an error other than LIMIT and INVALID the line is broken. */
int certctl_line_send(struct certctl_line *line, const json_t *frame, int64_t deadline_ms,
	struct certctl_error *err) CERTCTL_CHECKED;

/**
 * With `lock` held (released while waiting): until `is_done` says so, reading frames when nobody else does.
 * @param is_done  called with `lock` held, whenever a frame was dispatched
 * @return 0; TIMEOUT; the reason when the line broke before
 */
int certctl_line_wait(struct certctl_line *line, bool (*is_done)(void *arg), void *arg, int64_t deadline_ms,
	struct certctl_error *err) CERTCTL_CHECKED;

/** With `lock` held: take in what has come already, without waiting.  Does nothing while another thread reads. */
void certctl_line_poll(struct certctl_line *line);

/** With `lock` held: nothing more goes over this line, everybody who waits ends with this reason.  The first reason stays. */
void certctl_line_break(struct certctl_line *line, const struct certctl_error *why);

/** With `lock` held: let those who wait look again, after their conditions were changed by other means than a frame. */
void certctl_line_wake(struct certctl_line *line);

/** A condition variable on CLOCK_MONOTONIC, and waiting on it until a point of certctl_monotonic_ms(). */
void certctl_cond_init(pthread_cond_t *cond);
void certctl_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline_ms);

#endif
