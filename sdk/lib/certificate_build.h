/**
 * What the writers of a certificate's parts are given.
 */
#ifndef CERTCTL_CERTIFICATE_BUILD_H
#define CERTCTL_CERTIFICATE_BUILD_H

#include "x509_write.h"

#include <certctl/certificate.h>

struct certctl_build {
	const struct certctl_certificate_template *template_;
	struct certctl_public_key key;         /* the subject's */
	struct certctl_bytes authority_key_id; /* the issuer's key id */
	unsigned char computed_key_id[CERTCTL_KEY_ID_LEN];
	bool has_subject;
};

int certctl_certificate_extensions_write(struct certctl_der *der, const struct certctl_build *build,
	struct certctl_error *err) CERTCTL_CHECKED;

/** The key id of an issuer: what its certificate says, or what we compute where it says nothing. */
int certctl_issuer_key_id(const struct certctl_certificate_parts *issuer, unsigned char computed[CERTCTL_KEY_ID_LEN],
	struct certctl_bytes *ret, struct certctl_error *err) CERTCTL_CHECKED;

#endif
