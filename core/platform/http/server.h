/* Inside platform/http: the server between its listeners and its workers. */
#ifndef CORE_HTTP_SERVER_H
#define CORE_HTTP_SERVER_H

#include "cors.h"
#include "exchange.h"
#include "identity.h"
#include "measure.h"
#include "router.h"
#include "sessions.h"
#include "waits.h"
#include "watch.h"
#include "workers.h"

#include <pthread.h>
#include <stdatomic.h>

struct http_listener {
	struct http_listener *next;
	struct http_server *server;
	const char *name;
	struct MHD_Daemon *daemon;
	struct http_router *router;
	struct watch *watch;
	struct measure *measure;
	http_authenticate_fn *authenticate;
	struct sessions *sessions;
	bool asks_certificate;
	unsigned lane; /* of its requests at the workers */
	struct cors cors;
	_Atomic(struct identity *) identity;
};

struct http_server {
	struct http_options options;
	struct workers *workers;
	struct waits *waits;
	pthread_mutex_t lock; /* of the list */
	struct http_listener *listeners;
	unsigned listener_count;
	pthread_t clock;
	bool has_clock;
	atomic_bool must_stop;
	atomic_uint working; /* requests handed to a worker whose reply is not sent yet */
	atomic_uint held;    /* replies that http_finish() will let go */
};

/** Authenticate and run the handler, or turn its error into the reply.  On a worker, or inline. */
int server_run(struct exchange *exchange);
/** Reply at once, on the I/O thread. */
void server_run_inline(struct exchange *exchange);
/** The reader of libmicrohttpd: takes from the piece, or has a worker make the next (stream.c). */
ssize_t stream_read(void *exchange, uint64_t position, char *to, size_t max);
/** Make the next piece, on a worker. */
void stream_fill(struct exchange *exchange);
/** Open the socket and the daemon (listener.c). */
int listener_open(struct http_listener *listener, const struct http_listener_options *options, const char *key_pem,
	const char *certificate_pem, uint16_t *ret_port, struct certctl_error *err) CERTCTL_CHECKED;

#endif
