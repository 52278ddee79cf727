/* The routes of renewals. */
#include "issuers_http.h"
#include "core/features/access/access.h"
#include "core/features/jobs/jobs.h"
#include "renewal.h"

const struct http_route issuer_routes[] = {
	{ "POST", "/api/v1/certificates/{id}/renew", PERMISSION_CERTIFICATES_RENEW, renewal_demand,
		.summary = "Renew a certificate now", .gives = &jobs_body, .is_list = true, .status = 202 },
	{ "POST", "/api/v1/certificates/bulk-renew", PERMISSION_CERTIFICATES_RENEW, renewal_bulk,
		.body_max = RENEWAL_BULK_BODY_MAX,
		.summary = "Renew every certificate that matches all that is given, now", .takes = &renewal_bulk_body,
		.gives = &renewal_counts_body, .status = 202, .also = 200, .also_gives = &renewal_counts_body },
	{ 0 },
};
