/**
 * Frames: what goes between a parent and a plugin process, and between agent and worker.  Four bytes of length, big-endian, then
 * one JSON object in UTF-8.  Either side may be hostile: the length is checked before anything is allocated, the text is read strictly.
 */
#ifndef CERTCTL_FRAME_H
#define CERTCTL_FRAME_H

#include <certctl/buffer.h>
#include <certctl/json.h>

/** What plugin processes and their parents accept; a larger frame is LIMIT. */
#define CERTCTL_FRAME_MAX ((size_t)8 * 1024 * 1024)

/** Deadlines are points of certctl_monotonic_ms(). */
#define CERTCTL_FRAME_FOREVER INT64_MAX
/** Take what is there and do not wait. */
#define CERTCTL_FRAME_NOW INT64_C(0)

/**
 * Send one frame over a connected stream socket, blocking or not.  One thread at a time.  Never raises SIGPIPE.
 * After any error but LIMIT and INVALID (nothing was sent) the stream is out of step and must be closed.
 * @return 0; LIMIT (larger than `max`); INVALID (no JSON text: not an object, or bytes that are not UTF-8); TIMEOUT;
 *         UNAVAILABLE (closed by the other side); IO; NO_MEMORY
 */
int certctl_frame_send(int fd, const json_t *frame, size_t max, int64_t deadline_ms,
	struct certctl_error *err) CERTCTL_CHECKED;

/**
 * The same for a frame that is no tree: `write` appends its text, one JSON object, to memory that does not grow; what does not fit is
 * not its business.  It may be called twice.  What it returns other than 0 is returned, and nothing is sent.
 */
typedef int certctl_frame_write_fn(struct certctl_buffer *text, const void *arg, struct certctl_error *err);
/** Writes a tree, a json_t that must be an object. */
certctl_frame_write_fn certctl_frame_write_tree;
int certctl_frame_write(int fd, certctl_frame_write_fn *write, const void *arg, size_t max, int64_t deadline_ms,
	struct certctl_error *err) CERTCTL_CHECKED;

/** The receiving end of a socket with what was read ahead.  One thread at a time. */
struct certctl_frame_reader {
	int fd; /* borrowed */
	size_t max;
	unsigned char *data; /* on the heap, wiped when given back: frames carry keys */
	size_t size, start, end;
};

/** Nothing is allocated before the first byte comes.  `max` is the largest frame accepted, without its length. */
void certctl_frame_reader_init(struct certctl_frame_reader *reader, int fd, size_t max);
void certctl_frame_reader_done(struct certctl_frame_reader *reader);

/**
 * The next frame.  A TIMEOUT loses nothing: call again.  After any other error the stream must be closed.
 * @return 0 (*ret is an object, the caller's to json_decref); TIMEOUT; LIMIT (length above `max`, or JSON too deep or too
 *         large); PROTOCOL (not a JSON object); UNAVAILABLE (closed by the other side); IO; NO_MEMORY
 */
int certctl_frame_receive(struct certctl_frame_reader *reader, int64_t deadline_ms, json_t **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Is a whole frame (or a bad length) in memory already, so that the next receive does not touch the socket? */
bool certctl_frame_is_buffered(const struct certctl_frame_reader *reader);

#endif
