/* Inside fleet: certificates from the fleet's own CA. */
#ifndef CORE_FLEET_CA_H
#define CORE_FLEET_CA_H

#include "fleet.h"

#include <certctl/x509.h>

struct fleet_order {
	const char *id; /* of what is ordered, for the log */
	const char *common_name;
	const struct certctl_name *const *names; /* NULL-terminated; NULL: none */
	const char *usage;                       /* OID of the extended key usage */
	const char *csr_pem, *serial;
	int64_t not_before_unix_s, not_after_unix_s;
};
#define FLEET_CLIENT_AUTH "1.3.6.1.5.5.7.3.2"
#define FLEET_SERVER_AUTH "1.3.6.1.5.5.7.3.1"

/** Ask for it; the same order gives the same certificate.  What comes back was checked against the order. */
int fleet_ca_issue(struct core *core, TALLOC_CTX *mem, const struct fleet_order *order, struct certctl_issued *ret,
	struct certctl_error *err) CERTCTL_CHECKED;

#endif
