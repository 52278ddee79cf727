/* Frames on a stream socket: length, JSON, deadline, cap.  Knows nothing of what the frames say. */
#include "frame.h"

#include <certctl/secret.h>
#include <certctl/time.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <talloc.h>

#define LENGTH_BYTES 4
/* Holds nearly every frame; larger ones get their own memory for as long as they last. */
#define BUFFER_BYTES ((size_t)16 * 1024)

static const struct certctl_json_limits json_limits = { .max_depth = 40, .max_nodes = 200000 };

static int closed(struct certctl_error *err)
{
	return certctl_fail(err, CERTCTL_E_UNAVAILABLE, "frame: the other side has closed the connection");
}

/* Wait until the socket can be read or written, or the deadline passes. */
static int wait_for(int fd, short events, int64_t deadline_ms, struct certctl_error *err)
{
	struct pollfd poller = { .fd = fd, .events = events };

	for (;;) {
		int64_t left_ms = deadline_ms == CERTCTL_FRAME_FOREVER ? -1 : deadline_ms - certctl_monotonic_ms();

		if (deadline_ms != CERTCTL_FRAME_FOREVER && left_ms < 0)
			left_ms = 0;
		int ready = poll(&poller, 1, left_ms > INT_MAX ? INT_MAX : (int)left_ms);

		if (ready > 0)
			return 0;
		if (ready == 0 && left_ms < INT_MAX)
			return certctl_fail(err, CERTCTL_E_TIMEOUT, "frame: the deadline has passed");
		if (ready < 0 && errno != EINTR)
			return certctl_fail_errno(err, errno, "frame: poll");
	}
}

static int send_all(int fd, const unsigned char *data, size_t len, int64_t deadline_ms, struct certctl_error *err)
{
	while (len > 0) {
		ssize_t sent = send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent >= 0) {
			data += sent;
			len -= (size_t)sent;
			continue;
		}
		if (errno == EPIPE || errno == ECONNRESET)
			return closed(err);
		if (errno != EAGAIN && errno != EINTR)
			return certctl_fail_errno(err, errno, "frame: send");
		int rc = errno == EINTR ? 0 : wait_for(fd, POLLOUT, deadline_ms, err);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static void put_length(unsigned char *at, size_t len)
{
	at[0] = (unsigned char)(len >> 24);
	at[1] = (unsigned char)(len >> 16);
	at[2] = (unsigned char)(len >> 8);
	at[3] = (unsigned char)len;
}

static size_t get_length(const unsigned char *at)
{
	return (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | (size_t)at[3];
}

/* Length and text into memory that does not grow: when it was too little, buffer->failed says so. */
static int write_into(struct certctl_buffer *text, unsigned char *data, size_t size, certctl_frame_write_fn *write,
	const void *arg, struct certctl_error *err)
{
	/* Memory that is given and holds the maximum. */
	*text = (struct certctl_buffer){ .data = (char *)data, .len = LENGTH_BYTES, .size = size, .max = size - 1 };
	int rc = write(text, arg, err);

	if (!text->failed)
		put_length(data, text->len - LENGTH_BYTES);
	return text->failed ? CERTCTL_E_LIMIT : rc;
}

/* Once more, with room for the largest; pages that are not needed cost nothing. */
static int send_large(int fd, certctl_frame_write_fn *write, const void *arg, size_t max, int64_t deadline_ms,
	struct certctl_error *err)
{
	struct certctl_buffer text;
	size_t size = LENGTH_BYTES + max + 1;
	unsigned char *data = talloc_size(NULL, size);

	if (!data)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "frame: no memory for %zu bytes", size);
	int rc = write_into(&text, data, size, write, arg, err);

	if (text.failed)
		rc = certctl_fail(err, CERTCTL_E_LIMIT, "frame: more than the %zu bytes that are allowed", max);
	else if (rc == 0)
		rc = send_all(fd, data, text.len, deadline_ms, err);
	certctl_wipe(data, text.len);
	talloc_free(data);
	return rc;
}

/* The usual frame is written without touching the heap; its text is wiped, as it may hold a key. */
int certctl_frame_write(int fd, certctl_frame_write_fn *write, const void *arg, size_t max, int64_t deadline_ms,
	struct certctl_error *err)
{
	unsigned char data[BUFFER_BYTES];
	struct certctl_buffer text;
	size_t size = max < sizeof(data) - LENGTH_BYTES ? LENGTH_BYTES + max + 1 : sizeof(data);
	int rc = write_into(&text, data, size, write, arg, err);

	if (rc == 0)
		rc = send_all(fd, data, text.len, deadline_ms, err);
	certctl_wipe(data, text.len);
	return text.failed ? send_large(fd, write, arg, max, deadline_ms, err) : rc;
}

int certctl_frame_write_tree(struct certctl_buffer *text, const void *arg, struct certctl_error *err)
{
	if (!json_is_object((const json_t *)arg))
		return certctl_fail(err, CERTCTL_E_INVALID, "frame: not a JSON object");
	if (!certctl_json_append(text, arg))
		return certctl_fail(err, CERTCTL_E_INVALID, "frame: a text in it is not UTF-8");
	return 0;
}

int certctl_frame_send(int fd, const json_t *frame, size_t max, int64_t deadline_ms, struct certctl_error *err)
{
	return certctl_frame_write(fd, certctl_frame_write_tree, frame, max, deadline_ms, err);
}

void certctl_frame_reader_init(struct certctl_frame_reader *reader, int fd, size_t max)
{
	*reader = (struct certctl_frame_reader){ .fd = fd, .max = max };
}

void certctl_frame_reader_done(struct certctl_frame_reader *reader)
{
	talloc_free(reader->data);
	*reader = (struct certctl_frame_reader){ .fd = -1 };
}

bool certctl_frame_is_buffered(const struct certctl_frame_reader *reader)
{
	size_t have = reader->end - reader->start;

	if (have < LENGTH_BYTES)
		return false;
	size_t len = get_length(reader->data + reader->start);

	return len > reader->max || have >= LENGTH_BYTES + len;
}

/* Room for the whole of the frame that has begun, at the front of the buffer. */
static int make_room(struct certctl_frame_reader *reader, struct certctl_error *err)
{
	size_t have = reader->end - reader->start, want = BUFFER_BYTES;

	if (have >= LENGTH_BYTES && LENGTH_BYTES + get_length(reader->data + reader->start) > want)
		want = LENGTH_BYTES + get_length(reader->data + reader->start);
	if (reader->size < want) {
		unsigned char *data = certctl_secret_alloc(NULL, want);

		if (!data)
			return certctl_fail(err, CERTCTL_E_NO_MEMORY, "frame: no memory for %zu bytes", want);
		if (have > 0)
			memcpy(data, reader->data + reader->start, have);
		talloc_free(reader->data);
		reader->data = data;
		reader->size = want;
	} else if (reader->start > 0) {
		memmove(reader->data, reader->data + reader->start, have);
	}
	reader->start = 0;
	reader->end = have;
	return 0;
}

static int fill(struct certctl_frame_reader *reader, int64_t deadline_ms, struct certctl_error *err)
{
	int rc = make_room(reader, err);

	/* poll() even without a deadline: recv() would also be woken when the other side takes in what we sent, for nothing. */
	while (rc == 0) {
		if (deadline_ms != CERTCTL_FRAME_NOW && (rc = wait_for(reader->fd, POLLIN, deadline_ms, err)) < 0)
			break;
		ssize_t got = recv(reader->fd, reader->data + reader->end, reader->size - reader->end, MSG_DONTWAIT);

		if (got > 0) {
			reader->end += (size_t)got;
			return 0;
		}
		if (got == 0 || errno == ECONNRESET)
			return closed(err);
		if (errno == EAGAIN && deadline_ms == CERTCTL_FRAME_NOW)
			return certctl_fail(err, CERTCTL_E_TIMEOUT, "frame: nothing there");
		if (errno != EAGAIN && errno != EINTR)
			return certctl_fail_errno(err, errno, "frame: receive");
	}
	return rc;
}

/* Wipe what was read, and give memory beyond the usual back. */
static void consume(struct certctl_frame_reader *reader, size_t len)
{
	certctl_wipe(reader->data + reader->start, len);
	reader->start += len;
	if (reader->start < reader->end)
		return;
	reader->start = reader->end = 0;
	if (reader->size > BUFFER_BYTES) {
		talloc_free(reader->data);
		reader->data = NULL;
		reader->size = 0;
	}
}

static int take(struct certctl_frame_reader *reader, json_t **ret, struct certctl_error *err)
{
	struct certctl_json_limits limits = json_limits;
	size_t len = get_length(reader->data + reader->start);
	CERTCTL_AUTO(json_decref) json_t *frame = NULL;

	limits.max_bytes = reader->max;
	int rc = certctl_json_parse((const char *)reader->data + reader->start + LENGTH_BYTES, len, &limits, &frame,
		err);

	consume(reader, LENGTH_BYTES + len);
	if (rc == CERTCTL_E_INVALID) {
		char what[sizeof(err->what)] = "not JSON";

		if (err)
			memcpy(what, err->what, sizeof(what));
		return certctl_fail(err, CERTCTL_E_PROTOCOL, "frame: %s", what);
	}
	if (rc < 0)
		return rc;
	if (!json_is_object(frame))
		return certctl_fail(err, CERTCTL_E_PROTOCOL, "frame: a JSON object expected");
	*ret = CERTCTL_TAKE(frame);
	return 0;
}

int certctl_frame_receive(struct certctl_frame_reader *reader, int64_t deadline_ms, json_t **ret,
	struct certctl_error *err)
{
	while (!certctl_frame_is_buffered(reader)) {
		int rc = fill(reader, deadline_ms, err);

		if (rc < 0)
			return rc;
	}
	size_t len = get_length(reader->data + reader->start);

	if (len > reader->max)
		return certctl_fail(err, CERTCTL_E_LIMIT, "frame: %zu bytes announced, at most %zu are allowed", len,
			reader->max);
	return take(reader, ret, err);
}
