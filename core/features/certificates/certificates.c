/* The feature: its resource, its routes, its timer, and what other features ask of it. */
#include "certificates.h"
#include "core/features/access/access.h"
#include "core/features/certificates/certificates.sql.h"
#include "fields.h"

int certificate_hold(struct db *db, const char *id, const char *scope, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct db_result *rows = NULL;
	int rc = db_run(db, mem, &query_certificate_hold, DB_VALUES(db_text(id), db_text(scope)), &rows, err);

	if (rc == 0 && db_rows(rows) == 0)
		rc = certctl_fail(err, CERTCTL_E_NOT_FOUND, "certificate '%s' is not there", id);
	else if (rc == 0 && db_get_boolean(rows, 0, "is_archived"))
		rc = certctl_fail(err, CERTCTL_E_CONFLICT, "certificate '%s' is archived", id);
	talloc_free(mem);
	return rc;
}

static const struct http_body version_body = { "Version", version_fields };
static const struct http_body placement_body = { "Placement", placement_fields };

static const struct http_route routes[] = {
	{ "GET", "/api/v1/certificates/{id}/versions", PERMISSION_CERTIFICATES_READ, certificate_list_versions,
		.summary = "List a certificate's versions, newest first", .gives = &version_body, .is_list = true },
	{ "GET", "/api/v1/certificates/{id}/placements", PERMISSION_CERTIFICATES_READ, certificate_list_placements,
		.summary = "List the agents that keep a certificate", .gives = &placement_body, .is_list = true },
	{ "GET", "/api/v1/certificates/{id}/export/pem", PERMISSION_CERTIFICATES_READ, certificate_export_pem,
		.summary = "Export a version and its chain as PEM", .parameters = certificate_export_parameters,
		.media = "application/x-pem-file" },
	{ "POST", "/api/v1/certificates/{id}/export/pkcs12", PERMISSION_CERTIFICATES_READ, certificate_export_pkcs12,
		.summary = "Export a version and its chain as PKCS #12, without the key, which is on its agent",
		.flags = HTTP_SECRET_BODY, .takes = &certificate_pkcs12_request, .gives = &certificate_pkcs12_body },
	{ "POST", "/api/v1/certificates/bulk-reassign", PERMISSION_CERTIFICATES_WRITE, certificate_reassign,
		.body_max = CERTIFICATE_IDS_BODY_MAX,
		.summary = "Give certificates another owner, team, profile or policy",
		.takes = &certificate_reassign_request, .gives = &certificate_reassign_body },
	{ 0 },
};

static const struct resource *const resources[] = { &certificates_resource, NULL };

static const struct job_timer timers[] = { { "certificates.recompute", 5, &query_certificates_recompute }, { 0 } };

const struct feature certificates_feature = { .name = "certificates",
	.about = "What is wanted, and what was issued.",
	.resources = resources,
	.routes = routes,
	.timers = timers };
