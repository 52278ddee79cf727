/** A key, a request and a certificate to try a plugin with. */
#ifndef CERTCTL_CHECK_SAMPLE_H
#define CERTCTL_CHECK_SAMPLE_H

#include <certctl/x509.h>

struct sample {
	struct certctl_key *key;
	const struct certctl_name *const *names;
	const char *common_name; /* the first DNS name that fits; NULL: none */
	int64_t not_before_unix_s, not_after_unix_s;
	char *serial; /* hex */
	char *csr_pem;
	char *leaf_pem; /* self-signed */
	char fingerprint_sha256[65];
};
int sample_make(TALLOC_CTX *mem, const struct certctl_name *const *names, int64_t lifetime_s, struct sample **ret,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
