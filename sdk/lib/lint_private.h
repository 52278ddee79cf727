/**
 * What every lint rule is given.  A rule looks at the DER that was read and says, in one sentence, what is wrong.
 */
#ifndef CERTCTL_LINT_PRIVATE_H
#define CERTCTL_LINT_PRIVATE_H

#include "x509_parts.h"

#include <certctl/certificate.h>

struct certctl_lint {
	TALLOC_CTX *mem;
	struct certctl_certificate_parts parts, issuer_parts;
	struct certctl_extensions extensions;
	const struct certctl_certificate_template *expected; /* NULL: not compared */
	const struct certctl_certificate_issuer *issuer;     /* NULL: not compared */
	bool has_issuer_parts;                               /* the issuer has a certificate of its own */
	int64_t not_before_unix_s, not_after_unix_s;
	uint32_t key_usage;
	char **extended_key_usage; /* NULL: extension absent */
	struct certctl_name_list names;
	bool is_ca, must_staple, no_revocation;
	int path_length;
	char *common_name;
};

typedef int certctl_lint_fn(const struct certctl_lint *lint, struct certctl_error *err);
struct certctl_lint_rule {
	const char *name; /* what the message starts with */
	certctl_lint_fn *check;
};

/** Tables that end in a row without a name. */
extern const struct certctl_lint_rule certctl_lint_field_rules[], certctl_lint_extension_rules[];

bool certctl_lint_has_usage(const struct certctl_lint *lint, const char *oid);
#define CERTCTL_OID_SERVER_AUTH "1.3.6.1.5.5.7.3.1"

#endif
