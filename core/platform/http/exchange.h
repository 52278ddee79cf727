/* Inside platform/http: a request on its way through the house, and its connection. */
#ifndef CORE_HTTP_EXCHANGE_H
#define CORE_HTTP_EXCHANGE_H

#include "http.h"

#include <microhttpd.h>

#define EXCHANGE_MAGIC UINT32_C(0x45584348)

/* What a connection keeps between its requests. */
struct http_connection {
	struct http_listener *listener;
	struct http_connection *next, *previous; /* of its listener's watch */
	int64_t began_ms;
	int64_t deadline_ms; /* the watchdog shuts the socket down then; 0: none */
	int socket;
	bool is_identified;      /* the certificate was looked at */
	bool is_kept;            /* between two requests */
	bool is_ending;          /* nothing is read from it any more */
	const void *certificate; /* of http_request */
	size_t certificate_len;
};

enum exchange_state {
	EXCHANGE_NEW = 1, /* headers are there */
	EXCHANGE_BODY,    /* the body is read */
	EXCHANGE_WORK,    /* suspended: queued, worked on or waiting */
	EXCHANGE_DONE,    /* the reply is ready */
	EXCHANGE_STREAM,  /* its body is on the way, suspended while the next piece is made */
};

struct exchange {
	struct http_request request; /* first: handlers see only this */
	uint32_t magic;
	enum exchange_state state;
	struct http_reply reply;
	struct http_listener *listener;
	struct http_connection *connection;
	struct MHD_Connection *handle;
	size_t body_max;
	int64_t began_us;
	bool is_body_too_large, must_close, is_counted;
	unsigned lane;         /* whose queue it waits in */
	struct exchange *next; /* in that queue */

	/* Of a body that comes in pieces; kept by stream.c. */
	size_t sent; /* of the piece */
	bool is_stream_done, is_stream_broken;

	/* Of a handler that waits; kept by waits.c. */
	struct exchange *next_waiting, *previous_waiting;
	char *wait_key;
	uint64_t wait_seen; /* the bucket's wake-ups when this run began */
};

struct exchange *exchange_of(struct http_request *request);

/** INVALID when the query has a parameter that the route does not name. */
int request_check_query(const struct http_request *request, struct certctl_error *err) CERTCTL_CHECKED;

/** ETag on a reply 200; it becomes 304 when the client has this very text (RFC 9110, 8.8.3 and 13.1.2). */
void reply_tag(struct exchange *exchange);

/** Turn the error into the reply: application/problem+json (RFC 9457). */
void reply_problem(struct exchange *exchange, int code, const struct certctl_error *err);

#endif
