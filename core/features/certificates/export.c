/* A version to take away, as PEM or PKCS #12.  Never with its key: that is on its agent, and the answer says on which. */
#include "core/features/certificates/certificates.sql.h"
#include "core/features/feature.h"
#include "fields.h"

#include <certctl/x509.h>
#include <gnutls/pkcs12.h>
#include <string.h>

#define CHAIN_MAX 32

const struct certctl_field certificate_export_parameters[] = {
	{ .name = "version_id",
		.type = CERTCTL_TEXT,
		.min = 1,
		.max = 63,
		.help = "Another version than the one that the certificate shows." },
	{ 0 },
};

/* One row: the version, its chain, its agent. */
static int find_version(struct http_request *request, const char *version_id, struct db_result **ret,
	struct certctl_error *err)
{
	const char *id = http_path(request, "id");
	struct db_result *rows = NULL;
	int rc = db_once(core_of(request)->db, request, &query_certificate_export,
		DB_VALUES(db_text(id), db_text(version_id), db_text(request->scope)), &rows, err);

	if (rc < 0)
		return rc;
	if (db_rows(rows) == 0)
		return certctl_fail(err, CERTCTL_E_NOT_FOUND, "certificate '%s' is not there", id);
	if (db_is_null(rows, 0, "leaf"))
		return version_id ? certctl_fail(err, CERTCTL_E_NOT_FOUND, "certificate '%s' has no version '%s'", id,
					    version_id)
				  : certctl_fail(err, CERTCTL_E_CONFLICT, "certificate '%s' was never issued", id);
	*ret = rows;
	return 0;
}

static void name_file(struct http_request *request, struct http_reply *reply, const char *extension)
{
	http_reply_header(reply, "Content-Disposition",
		talloc_asprintf(request, "attachment; filename=\"%s.%s\"", http_path(request, "id"), extension));
}

int certificate_export_pem(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct db_result *rows = NULL;
	int rc = find_version(request, http_query(request, "version_id"), &rows, err);

	if (rc < 0)
		return rc;
	const char *pem = talloc_asprintf(request, "%s%s", db_get_text(rows, 0, "leaf"), db_get_text(rows, 0, "chain"));

	if (!pem)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	name_file(request, reply, "pem");
	http_reply_header(reply, "X-Certctl-Key-Held-By", db_get_text(rows, 0, "agent_id"));
	return http_reply_text(reply, 200, "application/x-pem-file", pem);
}

/* --- PKCS #12 (RFC 7292) --------------------------------------------------------------------------------------------- */

struct pkcs12_request {
	struct certctl_secret password;
	const char *version_id;
};

static const struct certctl_field request_fields[] = {
	CERTCTL_OPTION(struct pkcs12_request, password, CERTCTL_SECRET, .required = true, .min = 1, .max = 256,
		.help = "Of the file: protects it against change, and is asked for by those who read it."),
	CERTCTL_OPTION(struct pkcs12_request, version_id, CERTCTL_REFERENCE, .refers_to = "version",
		.help = "Another version than the one that the certificate shows."),
	{ 0 },
};
const struct http_body certificate_pkcs12_request = { "Pkcs12Request", request_fields };

static const struct certctl_field reply_fields[] = {
	RESOURCE_SHOWN("version_id", CERTCTL_TEXT),
	RESOURCE_SHOWN("pkcs12", CERTCTL_TEXT),      /* base64 */
	RESOURCE_SHOWN("has_key", CERTCTL_BOOLEAN),  /* never */
	RESOURCE_SHOWN("key_held_by", CERTCTL_TEXT), /* the agent */
	RESOURCE_SHOWN("about", CERTCTL_TEXT),
	{ 0 },
};
const struct http_body certificate_pkcs12_body = { "Pkcs12", reply_fields };

static int fail(int status, struct certctl_error *err)
{
	return status < 0 ? certctl_fail(err, CERTCTL_E_INTERNAL, "PKCS #12: %s", gnutls_strerror(status)) : 0;
}

static int add_certificates(gnutls_pkcs12_bag_t bag, const char *pem, const char *name)
{
	gnutls_datum_t text = { (unsigned char *)(uintptr_t)pem, (unsigned)strlen(pem) };
	gnutls_x509_crt_t list[CHAIN_MAX];
	unsigned count = CHAIN_MAX;
	int status = gnutls_x509_crt_list_import(list, &count, &text, GNUTLS_X509_FMT_PEM, 0);

	if (status < 0)
		return status;
	for (unsigned i = 0; i < count; i++) {
		int index = status < 0 ? status : gnutls_pkcs12_bag_set_crt(bag, list[i]);

		status = index < 0 ? index : status;
		if (i == 0 && index >= 0)
			status = gnutls_pkcs12_bag_set_friendly_name(bag, (unsigned)index, name);
		gnutls_x509_crt_deinit(list[i]);
	}
	return status;
}

/* The base64 text, GnuTLS's own; the caller frees it. */
static int make_file(const char *pem, const char *name, const char *password, gnutls_datum_t *ret)
{
	gnutls_pkcs12_t file = NULL;
	gnutls_pkcs12_bag_t bag = NULL;
	gnutls_datum_t der = { NULL, 0 };
	int status = gnutls_pkcs12_init(&file);

	if (status >= 0)
		status = gnutls_pkcs12_bag_init(&bag);
	if (status >= 0)
		status = add_certificates(bag, pem, name);
	if (status >= 0)
		status = gnutls_pkcs12_bag_encrypt(bag, password, GNUTLS_PKCS_PBES2_AES_256);
	if (status >= 0)
		status = gnutls_pkcs12_set_bag(file, bag);
	if (status >= 0)
		status = gnutls_pkcs12_generate_mac2(file, GNUTLS_MAC_SHA256, password);
	if (status >= 0)
		status = gnutls_pkcs12_export2(file, GNUTLS_X509_FMT_DER, &der);
	if (status >= 0)
		status = gnutls_base64_encode2(&der, ret);
	gnutls_free(der.data);
	if (bag)
		gnutls_pkcs12_bag_deinit(bag);
	if (file)
		gnutls_pkcs12_deinit(file);
	return status;
}

static void put(struct certctl_buffer *out, const char *name, const char *text)
{
	certctl_buffer_printf(out, "\"%s\":", name);
	certctl_buffer_json_string(out, text, strlen(text));
}

int certificate_export_pkcs12(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct pkcs12_request wanted = { 0 };
	struct db_result *rows = NULL;
	gnutls_datum_t base64 = { NULL, 0 };
	struct certctl_buffer *out = &reply->body;
	int rc = resource_read(request, reply, request_fields, &wanted, err);

	if (rc == 0)
		rc = find_version(request, wanted.version_id, &rows, err);
	if (rc < 0)
		return rc;
	const char *pem = talloc_asprintf(request, "%s%s", db_get_text(rows, 0, "leaf"), db_get_text(rows, 0, "chain"));

	if (!pem)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	rc = fail(make_file(pem, db_get_text(rows, 0, "name"), (const char *)wanted.password.data, &base64), err);
	if (rc < 0)
		return rc;
	certctl_buffer_puts(out, "{");
	put(out, "version_id", db_get_text(rows, 0, "version_id"));
	certctl_buffer_puts(out, ",\"pkcs12\":\"");
	certctl_buffer_append(out, (const char *)base64.data, base64.size);
	certctl_buffer_puts(out, "\",\"has_key\":false,");
	put(out, "key_held_by", db_get_text(rows, 0, "agent_id"));
	certctl_buffer_puts(out, ",");
	put(out, "about", "Certificates only: the private key is on its agent and never leaves it.");
	certctl_buffer_puts(out, "}");
	gnutls_free(base64.data);
	return http_reply_json(reply, 200);
}
