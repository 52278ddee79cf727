/**
 * Who this agent is: a key and a client certificate, in one file, so that one rename replaces both.
 *
 *     identity.pem            key, certificate, chain: what requests are made with
 *     next.key, next.csr      a key that waits for its certificate: asking again asks with the same request
 */
#ifndef CERTCTL_IDENTITY_H
#define CERTCTL_IDENTITY_H

#include <certctl/error.h>
#include <talloc.h>

struct certctl_identity {
	char *agent_id; /* the certificate's common name */
	char *file;     /* path of identity.pem */
	int64_t not_before_unix_s, not_after_unix_s;
};

/** NOT_FOUND: not enrolled yet.  A file that cannot be read is put aside, and reads as not there. */
int certctl_identity_load(TALLOC_CTX *mem, const char *dir, struct certctl_identity **ret,
	struct certctl_error *err) CERTCTL_CHECKED;
/** When to ask for the next certificate: at two thirds of its life. */
int64_t certctl_identity_renew_at_unix_s(const struct certctl_identity *identity);

/**
 * The request for the next certificate; the same one until certctl_identity_accept().  Its subject is empty: what an agent is called
 * is the control plane's to say.
 */
int certctl_identity_request(TALLOC_CTX *mem, const char *dir, char **ret_csr_pem,
	struct certctl_error *err) CERTCTL_CHECKED;
/** The answer: must belong to the waiting key.  Durable when the call returns. */
int certctl_identity_accept(const char *dir, const char *certificate_pem, const char *chain_pem,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
