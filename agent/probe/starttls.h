/** The dialogue before TLS, for protocols that begin in the clear. */
#ifndef CERTCTL_PROBE_STARTTLS_H
#define CERTCTL_PROBE_STARTTLS_H

#include "socket.h"

/** `kind` is enum certctl_starttls; 0 and NONE do nothing.  PROTOCOL: the peer does not speak it or has no TLS. */
int probe_starttls(const struct probe_socket *sock, uint32_t kind, struct certctl_error *err) CERTCTL_CHECKED;

#endif
