/* Inside platform/http: absolute deadlines of connections. */
#ifndef CORE_HTTP_WATCH_H
#define CORE_HTTP_WATCH_H

#include "exchange.h"

/* The library's own time-out only sees idleness: an octet a second would hold a connection for ever. */
#define WATCH_HEADERS_MS 5000 /* a new connection: handshake and the first request's headers */
#define WATCH_BODY_MS    30000
#define WATCH_IDLE_MS    75000 /* a kept connection: until the next request's headers are complete */
#define WATCH_CROWDED_MS 1000  /* the same when there is hardly room for others */
#define WATCH_ENDING_MS  1000  /* after its time: for the library to say good-bye */

struct watch;
/** @param connections_max  that may be open */
int watch_new(TALLOC_CTX *mem, size_t connections_max, struct watch **ret, struct certctl_error *err) CERTCTL_CHECKED;
void watch_add(struct watch *watch, struct http_connection *connection);
void watch_remove(struct watch *watch, struct http_connection *connection);
/** Is less than an eighth of the room left?  Then nobody keeps a connection for later: /health must get in. */
bool watch_is_crowded(struct watch *watch);
/** `after_ms` from now nothing is read from it any more, which ends it as TLS asks; a second later its socket is shut down.  0: never. */
void watch_set(struct watch *watch, struct http_connection *connection, int64_t after_ms);
/** End those whose time has come.  Returns how many. */
size_t watch_expire(struct watch *watch, int64_t now_ms);

#endif
