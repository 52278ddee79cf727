/**
 * HTTPS for everyone above: listeners, routes, requests, replies, long polls.  The only room that calls libmicrohttpd.
 *
 * I/O threads never wait: they read a request, check it (guard.h), suspend its connection and hand it to a worker
 * thread, which authenticates it, runs its handler and lets the connection go on.  A handler that has nothing to say yet
 * returns http_wait(): it is run again when somebody calls http_wake() with the same key, or when the time is up.
 */
#ifndef CORE_HTTP_H
#define CORE_HTTP_H

#include "core/platform/metrics/metrics.h"

#include <certctl/buffer.h>
#include <certctl/error.h>
#include <jansson.h>
#include <talloc.h>

struct http_server;
struct certctl_field;

/* --- Request --------------------------------------------------------------------------------------------------------- */

struct http_pair {
	const char *name, *value;
};

/** One request, a talloc context of its own that goes when the reply is sent.  One thread at a time has it. */
struct http_request {
	void *context; /* struct http_options.context */
	const struct http_route *route;
	const char *method, *target;     /* target as it was sent */
	const char *path;                /* decoded, without query */
	struct http_pair path_values[4]; /* {names} of the route */
	struct http_pair *query, *headers;
	size_t path_value_count, query_count, header_count;
	char *body; /* followed by a NUL */
	size_t body_len;
	const char *source_ip, *id; /* id: X-Request-ID, ours or the client's */
	const void *certificate;    /* the client's, verified, DER; NULL: none */
	size_t certificate_len;
	int64_t received_ms; /* monotonic */

	/* What authentication found out. */
	const char *actor;      /* "admin", "agent-web1" */
	const char *actor_id;   /* of the API key; NULL: it is none */
	const char *actor_type; /* "api_key", "agent", "anonymous" */
	uint64_t permissions;   /* bits of the caller's permissions */
	const char *scope;      /* JSON for in_scope() in queries: what the caller is limited to; NULL: not limited */

	/* Kept over runs of a handler that waits. */
	bool is_time_up;       /* the deadline given to http_wait() has passed */
	int64_t wait_until_ms; /* 0: has not waited yet */
};

/** {name} of the route's path; naming one it does not have is our own mistake. */
const char *http_path(const struct http_request *request, const char *name);
/** A query parameter, a header (case does not matter); NULL: absent. */
const char *http_query(const struct http_request *request, const char *name);
const char *http_header(const struct http_request *request, const char *name);

/* --- Reply ----------------------------------------------------------------------------------------------------------- */

/**
 * Append the next piece of a body; run on a worker each time the client has taken the one before.
 * *ret_is_done: it was the last.  An error breaks the connection, so that nobody takes half a body for the whole.
 */
typedef int http_stream_fn(struct http_request *request, void *arg, struct certctl_buffer *out, bool *ret_is_done,
	struct certctl_error *err);

struct http_reply {
	unsigned status;  /* set by a handler that fails: overrides what the error code gives */
	const char *code; /* of a problem: overrides the name of the error code */
	const char *content_type;
	struct certctl_buffer body;
	struct http_pair headers[8];
	size_t header_count;
	json_t *problems; /* of a validation: [{field, detail}], freed with the request */

	http_stream_fn *more; /* the body comes piece by piece; NULL: it is in `body` */
	void *more_arg;
};

void http_reply_header(struct http_reply *reply, const char *name, const char *value);
/** Status and a body that was appended to reply->body as JSON. */
int http_reply_json(struct http_reply *reply, unsigned status);
int http_reply_text(struct http_reply *reply, unsigned status, const char *content_type, const char *text);
int http_reply_empty(struct http_reply *reply, unsigned status);
/** Status 200 and a body of any length; `arg` must live as long as the request. */
int http_reply_stream(struct http_reply *reply, const char *content_type, http_stream_fn *more, void *arg);

/* --- Routes ---------------------------------------------------------------------------------------------------------- */

/** Permissions are bits that features define from bit 2 on; these two are ours.  0 is refused at start. */
#define HTTP_PERMISSION_PUBLIC (UINT64_C(1) << 0) /* no authentication */
#define HTTP_PERMISSION_AGENT  (UINT64_C(1) << 1) /* a client certificate of the fleet */

enum http_route_flags {
	HTTP_INLINE =
		1 << 0, /* answers from memory, on the I/O thread: /health answers when everything else is stuck */
	HTTP_SECRET_BODY = 1 << 1, /* the body carries a secret: not even its hash is written down */
	HTTP_QUIET = 1 << 2,       /* 204 says that there is nothing: such a call is counted, not recorded */
	HTTP_SCRAPE = 1 << 3,      /* asked again and again by a monitor: not recorded when it succeeds */
};

enum http_outcome {
	HTTP_DONE = 0,
	HTTP_WAITING = 1, /* what http_wait() returns */
};

/** 0 with the reply filled, HTTP_WAITING, or an error, which becomes application/problem+json. */
typedef int http_handler_fn(struct http_request *request, struct http_reply *reply, struct certctl_error *err);

struct http_route {
	const char *method, *path; /* "/api/v1/jobs/{id}" */
	uint64_t permission;
	http_handler_fn *run;
	uint32_t flags;
	size_t body_max; /* 0: 64 KiB */

	/* What it takes and gives.  The description of the API is made of it; a query parameter that is not here is 400. */
	const char *summary;           /* "List certificates"; every route has one */
	const struct http_body *takes; /* the request's body; NULL: none */
	const struct http_body *gives; /* the reply's, or what each row of its list is; NULL: none */
	bool is_list;                  /* GET: a page of them, with `limit`, `cursor`, `fields`; else {"data": [...]} */
	const char *const *filters;    /* query parameters that are texts, NULL-terminated */
	const struct certctl_field *parameters; /* other query parameters */
	const char *media;                      /* of a reply that is not a JSON object: "application/yaml" */
	unsigned status;                        /* of success; 0: 200 */
	unsigned also;                          /* another status it may have; 0: none */
	const struct http_body *also_gives;     /* its body; NULL: none */
	const void *of;                         /* for the handler of several routes; NULL: none */
};

/** An object that travels: its rows, and what it is called in the description, "Certificate". */
struct http_body {
	const char *name;
	const struct certctl_field *fields;
};

/** Does it show one thing?  Such a reply has an ETag, and If-None-Match is honoured. */
bool http_route_is_single(const struct http_route *route);

/** The ETag of a body, on the request; and does the request's If-Match, if it has one, let it be changed (RFC 9110, 13.1.1)? */
const char *http_tag(struct http_request *request, const void *body, size_t len);
bool http_if_match(const struct http_request *request, const char *tag);

/* --- Server ---------------------------------------------------------------------------------------------------------- */

/** Who is asking?  Fills actor and permissions; an error is the reply (set reply->status for 401). */
typedef int http_authenticate_fn(struct http_request *request, struct http_reply *reply, struct certctl_error *err);

#define HTTP_CONNECTIONS_MAX 10000U
#define HTTP_TICKET_KEY_SIZE 64
struct http_listener_options {
	const char *name;                       /* "operators", for the log */
	const char *address;                    /* "127.0.0.1:8443", "[::1]:0" */
	const struct http_route *const *routes; /* tables, NULL-terminated */
	http_authenticate_fn *authenticate;
	const char *client_ca_pem; /* client certificates are asked for and verified against it; NULL: not asked for */
	/** HTTP_TICKET_KEY_SIZE octets, copied: clients resume their sessions at every listener that has the same.  NULL: at none. */
	const unsigned char *ticket_key;
	const char *tls_priority; /* of GnuTLS; NULL: ours.  Versions below 1.2 stay off whatever it says */
	bool is_tls_1_3_only;
	unsigned threads;           /* 0: 2 */
	unsigned connections_max;   /* 0: HTTP_CONNECTIONS_MAX */
	size_t memory_a_connection; /* 0: 32 KiB */
	/** Origins whose pages may read replies in a browser, "https://host:port"; `count` 0: none.  Borrowed for as long. */
	const char *const *origins;
	size_t origin_count;
};

/**
 * A reply is ready and has not left.  Run on the thread that made it, for everything but inline routes and requests without
 * a path.
 * @param can_hold  false: refused before its body was read, it leaves whatever is returned
 * @return true: http_finish() will be called for it, once, by any thread; until then it stays
 */
typedef bool http_finished_fn(struct http_request *request, const struct http_reply *reply, bool can_hold);

struct http_options {
	void *context;              /* handed to handlers */
	unsigned workers;           /* 0: 8 */
	unsigned queue_max;         /* requests of a listener that wait for a worker; 0: 1,024 */
	http_finished_fn *finished; /* NULL: nobody wants to know */
	http_handler_fn
		*around; /* called in a handler's place, with route->run to call; NULL: nobody stands in between */
};

int http_server_new(TALLOC_CTX *mem, const struct http_options *options, struct http_server **ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/**
 * Open a listener.  INVALID: a route without permission, two routes for one path and method, an address that is none.
 * @param key_pem, certificate_pem  the server's own, leaf first
 * @param ret_port  the port it got
 */
int http_listen(struct http_server *server, const struct http_listener_options *options, const char *key_pem,
	const char *certificate_pem, uint16_t *ret_port, struct certctl_error *err) CERTCTL_CHECKED;
/** Show another key and certificate from the next handshake of this listener on.  INVALID leaves the old ones. */
int http_identity_replace(struct http_server *server, const char *name, const char *key_pem,
	const char *certificate_pem, struct certctl_error *err) CERTCTL_CHECKED;
/** "127.0.0.1:8443", "[::]:0": an IP address, without its brackets, and a port; 0 is any free one. */
int http_address_parse(TALLOC_CTX *mem, const char *text, char **ret_host, uint16_t *ret_port,
	struct certctl_error *err) CERTCTL_CHECKED;
/** Accept no more, answer everyone who waits, finish what runs, close.  talloc_free does it too. */
void http_server_stop(struct http_server *server);

/** From a handler that fails: 429, with Retry-After.  Returns what the handler returns. */
int http_reply_too_many(struct http_request *request, struct http_reply *reply, int64_t retry_after_s,
	struct certctl_error *err);

/** Let a reply leave that was held back; with `failure`, that becomes the reply. */
void http_finish(struct http_request *request, const struct certctl_error *failure);

/* --- Measuring ------------------------------------------------------------------------------------------------------- */

/** What is going on at this moment, over all listeners. */
struct http_measures {
	unsigned workers, busy;     /* threads that run handlers, and those that do now */
	unsigned queued, queue_max; /* requests that wait for one */
	unsigned open, held;        /* requests that have no reply yet, and replies that are held back */
};
void http_measure(struct http_server *server, struct http_measures *ret);

typedef void http_listener_fn(void *arg, const char *listener, unsigned connections, uint64_t rate_limited);
void http_each_listener(struct http_server *server, http_listener_fn *each, void *arg);

/** Requests that have ended so far. @param route  NULL: of all that found none  @param status_class  "2xx" */
typedef void http_duration_fn(void *arg, const char *listener, const struct http_route *route, const char *status_class,
	const struct metric_histogram *histogram);
void http_each_duration(struct http_server *server, http_duration_fn *each, void *arg);

/* --- Waiting --------------------------------------------------------------------------------------------------------- */

/**
 * From a handler: run me again after http_wake(server, key), or when `wait_ms` have passed since the first call.  A wake-up
 * between the start of this run and this call is not lost.
 */
int http_wait(struct http_request *request, const char *key, int64_t wait_ms);
void http_wake(struct http_server *server, const char *key);
/** Keys that begin with `prefix` and that somebody waits for now: on `mem`, `*ret_count` of them. */
int http_waiting(struct http_server *server, const char *prefix, TALLOC_CTX *mem, const char ***ret, size_t *ret_count,
	struct certctl_error *err) CERTCTL_CHECKED;
/** How many of them there are. */
size_t http_waiting_count(struct http_server *server, const char *prefix);

#endif
