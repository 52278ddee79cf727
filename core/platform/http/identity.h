/* Inside platform/http: the key and certificate a listener shows. */
#ifndef CORE_HTTP_IDENTITY_H
#define CORE_HTTP_IDENTITY_H

#include <certctl/error.h>
#include <gnutls/abstract.h>
#include <talloc.h>

/** Read-only once made: handshakes of several threads use it at once. */
struct identity;

/** INVALID when the texts are no key or no certificates, or do not belong together. */
int identity_new(TALLOC_CTX *mem, const char *key_pem, const char *certificate_pem, struct identity **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** For GnuTLS, in the handshake of a connection of the library. */
gnutls_certificate_retrieve_function3 identity_retrieve;

#endif
