/* Bodies of any length: a piece in memory at a time, made by a worker while the connection is suspended. */
#include "server.h"

#include <certctl/log.h>
#include <string.h>

#define PIECE_MAX (128 << 20)

ssize_t stream_read(void *arg, uint64_t position, char *to, size_t max)
{
	struct exchange *exchange = CERTCTL_CAST(arg, struct exchange, EXCHANGE_MAGIC);
	const struct certctl_buffer *piece = &exchange->reply.body;
	size_t left = piece->len - exchange->sent, len = left < max ? left : max;

	(void)position;
	if (len > 0) {
		memcpy(to, piece->data + exchange->sent, len);
		exchange->sent += len;
		return (ssize_t)len;
	}
	if (exchange->is_stream_done)
		return MHD_CONTENT_READER_END_OF_STREAM;
	/* Who stops has no workers any more that would let the connection go on. */
	if (exchange->is_stream_broken || atomic_load(&exchange->listener->server->must_stop))
		return MHD_CONTENT_READER_END_WITH_ERROR;
	exchange->state = EXCHANGE_STREAM;
	MHD_suspend_connection(exchange->handle);
	workers_submit(exchange->listener->server->workers, exchange, true);
	return 0;
}

void stream_fill(struct exchange *exchange)
{
	struct http_reply *reply = &exchange->reply;
	struct certctl_error err = { 0 };
	int rc;

	talloc_free(reply->body.data);
	certctl_buffer_init(&reply->body, exchange, PIECE_MAX);
	exchange->sent = 0;
	rc = reply->more(&exchange->request, reply->more_arg, &reply->body, &exchange->is_stream_done, &err);
	if (rc == 0)
		rc = certctl_buffer_finish(&reply->body, &err);
	if (rc == 0)
		return;
	certctl_log_error(CERTCTL_LOG_ERROR, "http.stream_broken", &err, "request", exchange->request.id, "path",
		exchange->request.path, NULL);
	reply->body.len = 0;
	exchange->is_stream_done = false;
	exchange->is_stream_broken = true;
}
