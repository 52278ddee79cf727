/**
 * What a private key is made of, for the files that sign with it.
 */
#ifndef CERTCTL_KEY_PRIVATE_H
#define CERTCTL_KEY_PRIVATE_H

#include "x509_parts.h"

#include <gnutls/x509.h>

struct certctl_key {
	gnutls_x509_privkey_t x509;
	gnutls_privkey_t handle; /* borrows x509 */
	struct certctl_bytes public_der;
	struct certctl_public_key public_key; /* points into public_der */
};

/** A key object around `x509`, which it owns from now on, also when this fails. */
int certctl_key_adopt(TALLOC_CTX *mem, gnutls_x509_privkey_t x509, struct certctl_key **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** Take what GnuTLS allocated: copied onto `mem`, wiped and freed there. */
int certctl_secret_take(TALLOC_CTX *mem, gnutls_datum_t *from, struct certctl_secret *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

/** An error of GnuTLS as one of ours: out of memory, or `code`. */
int certctl_fail_gnutls(struct certctl_error *err, enum certctl_code code, int gnutls_code, const char *what);

#endif
