/* What hangs on a certificate: its versions and placements, as lists.  Changes nothing. */
#include "core/features/certificates/certificates.sql.h"
#include "core/features/feature.h"
#include "fields.h"

/* A list below a certificate that the caller sees. */
static int list_below(struct http_request *request, struct http_reply *reply, const struct resource_list *list,
	struct certctl_error *err)
{
	const char *id = http_path(request, "id");
	struct db_result *rows = NULL;
	int rc = db_once(core_of(request)->db, request, &query_certificate_visible,
		DB_VALUES(db_text(id), db_text(request->scope)), &rows, err);

	if (rc == 0 && db_rows(rows) == 0)
		rc = certctl_fail(err, CERTCTL_E_NOT_FOUND, "certificate '%s' is not there", id);
	return rc < 0 ? rc : resource_reply_list(request, reply, core_of(request)->db, list, err);
}

int certificate_list_versions(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	static const struct resource_list versions = {
		.fields = version_fields, .query = &query_certificate_versions, .parent = "id"
	};

	return list_below(request, reply, &versions, err);
}

int certificate_list_placements(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	static const struct resource_list placements = {
		.fields = placement_fields, .query = &query_certificate_placements, .parent = "id"
	};

	return list_below(request, reply, &placements, err);
}
