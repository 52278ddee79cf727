/* Inside platform/http: TLS sessions of a listener. */
#ifndef CORE_HTTP_SESSIONS_H
#define CORE_HTTP_SESSIONS_H

#include "exchange.h"

#include <gnutls/gnutls.h>

struct sessions;
/** @param key  as in struct http_listener_options, copied; NULL: every client starts anew */
int sessions_new(TALLOC_CTX *mem, const unsigned char *key, struct sessions **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Before the handshake: what its client gets may be shown next time. */
void sessions_begin(struct sessions *sessions, gnutls_session_t session);
/** Is the connection so old that its ticket nearly is over?  It ends with its reply then, and comes back with a new one. */
bool sessions_is_old(const struct sessions *sessions, const struct http_connection *connection, int64_t now_ms);

/**
 * The certificate that the client showed, now or in the session that it resumes, when it chains to the listener's CA and is in
 * force now: DER, as long as the session; NULL: none.
 */
const void *sessions_certificate(struct sessions *sessions, gnutls_session_t session, size_t *ret_len);

#endif
