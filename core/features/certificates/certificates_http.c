/* The routes of certificates. */
#include "certificates.h"
#include "core/features/access/access.h"
#include "core/features/certificates/certificates.sql.h"
#include "create.h"

static const struct http_body certificate_body = { "Certificate", certificate_fields };
static const struct http_body version_body = { "Version", version_fields };

static int reply_certificate(struct http_request *request, struct http_reply *reply, unsigned status, const char *id,
	struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = db_once(core_of(request)->db, request, &query_certificate_get, DB_VALUES(db_text(id)), &rows, err);

	return rc < 0 ? rc : resource_reply(reply, status, certificate_fields, rows, "certificate", id, err);
}

static int create(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct certificate wanted = { 0 };
	struct audit_actor actor = audit_actor_of(request);
	const char *id = NULL;
	int rc = resource_read(request, reply, certificate_fields, &wanted, err);

	if (rc == 0)
		rc = certificate_create(core_of(request), request, &wanted, &actor, &id, err);
	if (rc < 0)
		return rc;
	http_reply_header(reply, "Location", talloc_asprintf(request, "/api/v1/certificates/%s", id));
	return reply_certificate(request, reply, 201, id, err);
}

static int get(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	return reply_certificate(request, reply, 200, http_path(request, "id"), err);
}

static const char *const filters[] = { "status", "environment", "issuer_id", "key_type", "common_name", NULL };

static int list(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	static const struct resource_list certificates = {
		.fields = certificate_fields, .query = &query_certificate_list, .filters = filters
	};

	return resource_reply_list(request, reply, core_of(request)->db, &certificates, err);
}

static int list_versions(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	static const struct resource_list versions = {
		.fields = version_fields, .query = &query_certificate_versions, .parent = "id"
	};
	struct db_result *rows = NULL;
	const char *id = http_path(request, "id");
	int rc = db_once(core_of(request)->db, request, &query_certificate_get, DB_VALUES(db_text(id)), &rows, err);

	if (rc == 0 && db_rows(rows) == 0)
		rc = certctl_fail(err, CERTCTL_E_NOT_FOUND, "certificate '%s' is not there", id);
	return rc < 0 ? rc : resource_reply_list(request, reply, core_of(request)->db, &versions, err);
}

static const struct http_route routes[] = {
	{ "GET", "/api/v1/certificates", PERMISSION_CERTIFICATES_READ, list, .summary = "List certificates",
		.gives = &certificate_body, .is_list = true, .filters = filters },
	{ "POST", "/api/v1/certificates", PERMISSION_CERTIFICATES_WRITE, create,
		.summary = "Create a certificate and order its first version", .takes = &certificate_body,
		.gives = &certificate_body, .status = 201 },
	{ "GET", "/api/v1/certificates/{id}", PERMISSION_CERTIFICATES_READ, get, .summary = "Get a certificate",
		.gives = &certificate_body },
	{ "GET", "/api/v1/certificates/{id}/versions", PERMISSION_CERTIFICATES_READ, list_versions,
		.summary = "List a certificate's versions, newest first", .gives = &version_body, .is_list = true },
	{ 0 },
};

const struct feature certificates_feature = {
	.name = "certificates", .about = "What is wanted, and what was issued.", .routes = routes
};
