/* The routes of issuers. */
#include "issuers_http.h"
#include "core/features/access/access.h"
#include "core/features/issuance/issuance.sql.h"
#include "core/features/jobs/jobs.h"
#include "core/platform/resource/resource.h"
#include "renewal.h"

#include <string.h>

static const struct certctl_field issuer_fields[] = {
	RESOURCE_SHOWN("id", CERTCTL_TEXT),
	RESOURCE_SHOWN("name", CERTCTL_TEXT),
	RESOURCE_SHOWN("type", CERTCTL_TEXT),
	RESOURCE_SHOWN("source", CERTCTL_TEXT),
	RESOURCE_SHOWN("enabled", CERTCTL_BOOLEAN),
	RESOURCE_SHOWN("created_at", CERTCTL_TIME),
	RESOURCE_SHOWN("updated_at", CERTCTL_TIME),
	RESOURCE_SHOWN("chain", CERTCTL_TEXT), /* of one issuer, asked of its connector; no column has it */
	{ 0 },
};
static const struct http_body issuer_body = { "Issuer", issuer_fields };

/* The chain is the connector's to say; an issuer that cannot be asked now has none. */
static void write_chain(struct http_request *request, struct certctl_buffer *out, const char *id)
{
	struct certctl_connector *issuer = NULL;
	struct certctl_call call = { .timeout_ms = 5000 };
	const char *chain = NULL;

	if (connectors_issuer(core_of(request)->connectors, id, &issuer, NULL) < 0 ||
		certctl_issuer_chain(issuer, &call, request, &chain, NULL) < 0)
		chain = NULL;
	certctl_buffer_puts(out, ",\"chain\":");
	if (chain)
		certctl_buffer_json_string(out, chain, strlen(chain));
	else
		certctl_buffer_puts(out, "null");
}

static int get(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	const char *id = http_path(request, "id");
	struct db_result *rows = NULL;
	int rc = db_once(core_of(request)->db, request, &query_issuer_get, DB_VALUES(db_text(id)), &rows, err);

	if (rc < 0)
		return rc;
	if (db_rows(rows) == 0)
		return certctl_fail(err, CERTCTL_E_NOT_FOUND, "issuer '%s' is not there", id);
	certctl_buffer_puts(&reply->body, "{");
	resource_write_members(&reply->body, issuer_fields, rows, 0);
	write_chain(request, &reply->body, id);
	certctl_buffer_puts(&reply->body, "}");
	return http_reply_json(reply, 200);
}

static const char *const filters[] = { "type", NULL };

static int list(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	static const struct resource_list issuers = {
		.fields = issuer_fields, .query = &query_issuer_list, .filters = filters
	};

	return resource_reply_list(request, reply, core_of(request)->db, &issuers, err);
}

const struct http_route issuer_routes[] = {
	{ "GET", "/api/v1/issuers", PERMISSION_ISSUERS_READ, list, .summary = "List issuers", .gives = &issuer_body,
		.is_list = true, .filters = filters },
	{ "GET", "/api/v1/issuers/{id}", PERMISSION_ISSUERS_READ, get, .summary = "Get an issuer with its chain",
		.gives = &issuer_body },
	{ "POST", "/api/v1/certificates/{id}/renew", PERMISSION_CERTIFICATES_RENEW, renewal_demand,
		.summary = "Renew a certificate now", .gives = &jobs_body, .is_list = true, .status = 202 },
	{ "POST", "/api/v1/certificates/bulk-renew", PERMISSION_CERTIFICATES_RENEW, renewal_bulk,
		.body_max = RENEWAL_BULK_BODY_MAX,
		.summary = "Renew every certificate that matches all that is given, now", .takes = &renewal_bulk_body,
		.gives = &renewal_counts_body, .status = 202, .also = 200, .also_gives = &renewal_counts_body },
	{ 0 },
};
