/* The routes of renewals. */
#include "issuers_http.h"
#include "core/features/access/access.h"
#include "core/features/certificates/certificates.h"
#include "core/features/jobs/jobs.h"
#include "renewal.h"

const struct http_route issuer_routes[] = {
	{ "POST", "/api/v1/certificates/{id}/renew", PERMISSION_CERTIFICATES_RENEW, renewal_demand,
		.summary = "Renew a certificate now", .gives = &jobs_body, .is_list = true, .status = 202 },
	{ "POST", "/api/v1/certificates/bulk-renew", PERMISSION_CERTIFICATES_RENEW, renewal_bulk,
		.body_max = CERTIFICATE_IDS_BODY_MAX,
		.summary = "Renew every certificate that matches all that is given, now", .takes = &renewal_bulk_body,
		.gives = &renewal_progress_body, .status = 202, .also = 200, .also_gives = &renewal_progress_body },
	{ "GET", "/api/v1/bulk-renewals", PERMISSION_CERTIFICATES_READ, renewal_bulk_list,
		.summary = "List renewals of many certificates, newest first", .gives = &renewal_progress_body,
		.is_list = true, .filters = renewal_bulk_filters },
	{ "GET", "/api/v1/bulk-renewals/{id}", PERMISSION_CERTIFICATES_READ, renewal_bulk_get,
		.summary = "See how far a renewal of many certificates is", .gives = &renewal_progress_body },
	{ 0 },
};
