/* A lane of this process: one socket, written by any thread of its call.  Knows nothing of calls. */
#include "process.h"

void lane_init(struct lane *lane, struct server *server, int fd)
{
	*lane = (struct lane){ .server = server };
	certctl_frame_reader_init(&lane->reader, fd, CERTCTL_FRAME_MAX);
	pthread_mutex_init(&lane->read_lock, NULL);
	pthread_mutex_init(&lane->send_lock, NULL);
}

int lane_write(struct lane *lane, certctl_frame_write_fn *write, const void *arg, int64_t deadline_ms,
	struct certctl_error *err)
{
	pthread_mutex_lock(&lane->send_lock);
	int rc = certctl_frame_write(lane->reader.fd, write, arg, lane->reader.max, deadline_ms, err);

	pthread_mutex_unlock(&lane->send_lock);
	if (rc < 0 && rc != CERTCTL_E_LIMIT && rc != CERTCTL_E_INVALID)
		atomic_store(&lane->is_broken, true);
	return rc;
}

int lane_send(struct lane *lane, const json_t *frame, int64_t deadline_ms, struct certctl_error *err)
{
	return lane_write(lane, certctl_frame_write_tree, frame, deadline_ms, err);
}
