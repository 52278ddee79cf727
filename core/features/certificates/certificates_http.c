/* The routes of certificates. */
#include "certificates.h"
#include "core/features/access/access.h"
#include "core/features/certificates/certificates.sql.h"
#include "create.h"

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

static int list(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	static const char *const filters[] = { "status", "environment", "issuer_id", "key_type", "common_name", NULL };
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
	{ "GET", "/api/v1/certificates", PERMISSION_CERTIFICATES_READ, list },
	{ "POST", "/api/v1/certificates", PERMISSION_CERTIFICATES_WRITE, create },
	{ "GET", "/api/v1/certificates/{id}", PERMISSION_CERTIFICATES_READ, get },
	{ "GET", "/api/v1/certificates/{id}/versions", PERMISSION_CERTIFICATES_READ, list_versions },
	{ 0 },
};

const struct feature certificates_feature = { .name = "certificates", .routes = routes };
