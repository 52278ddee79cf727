/* One plugin process as its parent sees it: start, hello, last words, end.  Knows nothing of operations. */
#include "caller.h"

#include <certctl/time.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- Last words --------------------------------------------------------------------------------------------------- */

/* The newest LAST_WORDS_MAX bytes stay. */
static void remember(struct child *child, const char *text, size_t len)
{
	if (len > LAST_WORDS_MAX) {
		text += len - LAST_WORDS_MAX;
		len = LAST_WORDS_MAX;
	}
	if (child->last_words_len + len > LAST_WORDS_MAX) {
		size_t keep = LAST_WORDS_MAX - len;

		memmove(child->last_words, child->last_words + child->last_words_len - keep, keep);
		child->last_words_len = keep;
	}
	memcpy(child->last_words + child->last_words_len, text, len);
	child->last_words_len += len;
}

void child_drain(struct child *child)
{
	char text[1024];
	ssize_t got;

	child->drained_ms = certctl_monotonic_ms();
	/* Bounded: a plugin that writes as fast as we read must not keep us. */
	for (int round = 0; round < 64 && (got = read(child->error_fd, text, sizeof(text))) > 0; round++)
		remember(child, text, (size_t)got);
}

void child_hint(struct child *child, struct certctl_error *err)
{
	char text[LAST_WORDS_MAX + 1], clean[140];
	size_t len;

	pthread_mutex_lock(&child->lock);
	child_drain(child);
	len = child->last_words_len;
	memcpy(text, child->last_words, len);
	pthread_mutex_unlock(&child->lock);
	while (len > 0 && text[len - 1] == '\n')
		len--;
	text[len] = 0;
	if (len == 0)
		return;
	for (char *newline = strchr(text, '\n'); newline; newline = strchr(newline, '\n'))
		*newline = ' ';
	certctl_wire_clean(clean, sizeof(clean), len < sizeof(clean) ? text : text + len - (sizeof(clean) - 1));
	certctl_hint(err, "Last words: %s", clean);
}

/* --- Its log ------------------------------------------------------------------------------------------------------ */

static const char *json_text(const json_t *value)
{
	return json_is_string(value) ? json_string_value(value) : NULL;
}

static void remember_record(struct child *child, const char *event, const char *const *pairs, size_t count)
{
	char line[256];
	int len = snprintf(line, sizeof(line), "%s", event);

	for (size_t i = 0; i + 1 < count && len >= 0 && (size_t)len < sizeof(line); i += 2)
		len += snprintf(line + len, sizeof(line) - (size_t)len, " %s=%s", pairs[i],
			pairs[i + 1] ? pairs[i + 1] : "");
	remember(child, line, strnlen(line, sizeof(line)));
	remember(child, "\n", 1);
}

/* A process that was taken over may send records as fast as it can; nobody's disk shall fill for that. */
static bool is_flood(struct child *child)
{
	int64_t second = certctl_monotonic_ms() / 1000;

	if (second != child->log_second) {
		unsigned dropped = child->log_dropped;

		child->log_second = second;
		child->logged = child->log_dropped = 0;
		if (dropped > 0) {
			const char *pairs[] = { "instance", child->instance, "plugin", child->plugin, "records",
				certctl_num(dropped) };

			pool_log(child->pool, CERTCTL_LOG_WARNING, "plugin.log_dropped", pairs, CERTCTL_COUNT(pairs));
		}
	}
	if (child->logged++ < CERTCTL_LOG_SECOND_MAX)
		return false;
	child->log_dropped++;
	return true;
}

static void take_record(struct child *child, const json_t *frame)
{
	const json_t *said = json_object_get(frame, "pairs");
	const char *event = certctl_json_text_or(frame, "event", "plugin.log");
	enum certctl_log_level level = certctl_log_level_from_name(certctl_json_text_or(frame, "level", "info"));
	const char *pairs[4 + 2 * 16] = { "instance", child->instance, "plugin", child->plugin };
	size_t count = 4;

	if (is_flood(child))
		return;
	for (size_t i = 0; i + 1 < json_array_size(said) && count + 2 <= CERTCTL_COUNT(pairs); i += 2) {
		const char *key = json_text(json_array_get(said, i));

		if (!key)
			continue;
		pairs[count++] = key;
		pairs[count++] = json_text(json_array_get(said, i + 1));
	}
	remember_record(child, event, pairs + 4, count - 4);
	pool_log(child->pool, level < CERTCTL_LOG_WARNING ? CERTCTL_LOG_INFO : level, event, pairs, count);
}

void child_log(struct child *child, const json_t *frame)
{
	pthread_mutex_lock(&child->lock);
	take_record(child, frame);
	pthread_mutex_unlock(&child->lock);
}

/* --- The end ------------------------------------------------------------------------------------------------------ */

static bool has_ended(const struct child *child, int64_t wait_ms)
{
	struct pollfd poller = { .fd = child->pidfd, .events = POLLIN };
	int64_t until_ms = certctl_monotonic_ms() + wait_ms;
	int ready;

	do {
		int64_t left_ms = until_ms - certctl_monotonic_ms();

		ready = poll(&poller, 1, left_ms > 0 ? (int)left_ms : 0);
	} while (ready < 0 && errno == EINTR);
	return ready > 0;
}

void child_reap(struct child *child, int64_t grace_ms)
{
	pid_t got;

	if (child->is_reaped)
		return;
	for (unsigned i = 0; i < child->lane_count; i++)
		shutdown(child->lanes[i].fd, SHUT_RDWR);
	if (grace_ms <= 0 || child->pidfd < 0 || !has_ended(child, grace_ms))
		kill(child->pid, SIGKILL);
	do
		got = waitpid(child->pid, &child->status, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0) /* a parent that ignores SIGCHLD never learns */
		child->status = -1;
	child->is_reaped = true;
}

const char *child_end_text(const struct child *child, char text[96])
{
	if (child->status == -1)
		snprintf(text, 96, "ended");
	else if (WIFSIGNALED(child->status))
		snprintf(text, 96, "ended by SIG%s%s", sigabbrev_np(WTERMSIG(child->status)),
			WTERMSIG(child->status) == SIGSYS ? " (a system call that its confinement forbids)" : "");
	else
		snprintf(text, 96, "exited with %d", WEXITSTATUS(child->status));
	return text;
}

static void free_unstarted(struct child *child)
{
	for (unsigned i = 0; i < child->lane_count; i++) {
		if (child->lanes[i].fd >= 0)
			close(child->lanes[i].fd);
		certctl_frame_reader_done(&child->lanes[i]);
	}
	if (child->error_fd >= 0)
		close(child->error_fd);
	if (child->pidfd >= 0)
		close(child->pidfd);
	pthread_mutex_destroy(&child->lock);
	talloc_free(child);
}

void child_free(struct child *child)
{
	certctl_assert(child->is_reaped);
	free_unstarted(child);
}

/* --- The start ---------------------------------------------------------------------------------------------------- */

/* Above the numbers that the new process uses, so that none is overwritten on the way. */
static int lift(int *fd, struct certctl_error *err)
{
	int lifted = fcntl(*fd, F_DUPFD_CLOEXEC, CERTCTL_PROTOCOL_FD + CERTCTL_LANES_MAX);

	if (lifted < 0)
		return certctl_fail_errno(err, errno, "plugin process: descriptors");
	close(*fd);
	*fd = lifted;
	return 0;
}

/* What the new process gets; -1: not made yet. */
struct its_ends {
	int lanes[CERTCTL_LANES_MAX];
	int errors;
};

static void close_its_ends(const struct its_ends *its)
{
	for (size_t i = 0; i < CERTCTL_LANES_MAX; i++)
		if (its->lanes[i] >= 0)
			close(its->lanes[i]);
	if (its->errors >= 0)
		close(its->errors);
}

static int make_lane(struct certctl_frame_reader *ret, int *ret_its_end, struct certctl_error *err)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return certctl_fail_errno(err, errno, "plugin process: socketpair");
	certctl_frame_reader_init(ret, fds[0], CERTCTL_FRAME_MAX);
	*ret_its_end = fds[1];
	return lift(ret_its_end, err);
}

static int make_ends(struct child *child, struct its_ends *its, struct certctl_error *err)
{
	int errors[2], rc = 0;

	for (unsigned i = 0; rc == 0 && i < child->lane_count; i++)
		rc = make_lane(&child->lanes[i], &its->lanes[i], err);
	if (rc < 0)
		return rc;
	/* Non-blocking for both: a plugin that floods its standard error loses text, not time. */
	if (pipe2(errors, O_CLOEXEC | O_NONBLOCK) < 0)
		return certctl_fail_errno(err, errno, "plugin process: pipe");
	child->error_fd = errors[0];
	its->errors = errors[1];
	return lift(&its->errors, err);
}

static int start_process(struct certctl_pool *pool, struct child *child, struct certctl_error *err)
{
	struct its_ends its;

	memset(&its, 0xff, sizeof(its));
	struct spawn_request request = {
		.program = pool->options.host_program, .lanes = its.lanes, .lane_count = child->lane_count
	};
	int rc = make_ends(child, &its, err);

	request.errors = its.errors;
	if (rc == 0)
		rc = pool_spawn(pool, &request, err);
	close_its_ends(&its);
	if (rc < 0)
		return rc;
	child->pid = request.pid;
	child->pidfd = pidfd_open(request.pid, 0);
	return 0;
}

static int exchange(struct child *child, json_t *hello, int64_t deadline_ms, json_t **ret, struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *frame = json_pack("{s:O}", "hello", hello);
	CERTCTL_AUTO(json_decref) json_t *reply = NULL;
	int rc;

	json_object_set_new(hello, "protocol_min", json_integer(CERTCTL_PROTOCOL_MIN));
	json_object_set_new(hello, "protocol_max", json_integer(CERTCTL_PROTOCOL_MAX));
	json_object_set_new(hello, "program", json_string("certctl " CERTCTL_VERSION));
	json_object_set_new(hello, "lanes", json_integer(child->lane_count));
	if ((rc = certctl_frame_send(child->lanes[0].fd, frame, CERTCTL_FRAME_MAX, deadline_ms, err)) < 0 ||
		(rc = certctl_frame_receive(&child->lanes[0], deadline_ms, &reply, err)) < 0)
		return rc;
	json_t *body = json_object_get(reply, "hello"), *error = json_object_get(body, "error");
	int64_t protocol = certctl_json_integer_or(body, "protocol", 0);

	if (error)
		return certctl_wire_error_from_json(error, err);
	if (protocol < CERTCTL_PROTOCOL_MIN || protocol > CERTCTL_PROTOCOL_MAX)
		return certctl_fail(err, CERTCTL_E_UNSUPPORTED,
			"%.60s chose protocol %lld, this program speaks %d to %d",
			certctl_json_text_or(body, "program", "the plugin process"), (long long)protocol,
			CERTCTL_PROTOCOL_MIN, CERTCTL_PROTOCOL_MAX);
	*ret = json_incref(body);
	return 0;
}

/* A process that ended instead of answering: how says more than that the line is closed. */
static int explain(struct child *child, int rc, struct certctl_error *err)
{
	char text[96];

	if (rc == CERTCTL_E_UNAVAILABLE) {
		child_reap(child, 1000);
		rc = certctl_fail(err, CERTCTL_E_CRASHED, "%s: its process %s before it answered", child->plugin,
			child_end_text(child, text));
		child_hint(child, err);
	} else if (rc == CERTCTL_E_TIMEOUT) {
		rc = certctl_fail(err, CERTCTL_E_TIMEOUT, "%s: its process did not answer in time", child->plugin);
		child_hint(child, err);
	}
	/* One that gave its reason is about to end by itself. */
	child_reap(child, rc == CERTCTL_E_TIMEOUT ? 0 : 100);
	return rc;
}

static struct child *child_new(struct certctl_pool *pool, const struct child_names *names, unsigned lanes)
{
	struct child *child = talloc_zero(NULL, struct child);

	if (!child || !(child->instance = talloc_strdup(child, names->instance)) ||
		!(child->plugin = talloc_strdup(child, names->plugin)) ||
		!(child->lanes = talloc_zero_array(child, struct certctl_frame_reader, lanes))) {
		talloc_free(child);
		return NULL;
	}
	child->pool = pool;
	child->users = 1;
	child->pidfd = child->error_fd = -1;
	child->lane_count = lanes;
	for (unsigned i = 0; i < lanes; i++)
		child->lanes[i].fd = -1;
	pthread_mutex_init(&child->lock, NULL);
	return child;
}

int child_start(struct certctl_pool *pool, const struct child_names *names, unsigned lanes, json_t *hello,
	int64_t deadline_ms, struct child **ret, json_t **ret_reply, struct certctl_error *err)
{
	struct child *child = child_new(pool, names, lanes);
	int rc;

	if (!child)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "plugin process: no memory");
	if ((rc = start_process(pool, child, err)) < 0) {
		free_unstarted(child);
		return rc;
	}
	if ((rc = exchange(child, hello, deadline_ms, ret_reply, err)) < 0) {
		rc = explain(child, rc, err);
		child_free(child);
		return rc;
	}
	*ret = child;
	return 0;
}
