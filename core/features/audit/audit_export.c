/* Exports: pages of events by key, so that nothing is held open and memory stays the same at any size. */
#include "audit_routes.h"
#include "core/features/audit/audit.sql.h"
#include "core/platform/resource/resource.h"
#include "proof.h"

#include <certctl/json.h>
#include <string.h>

#define PAGE 500

struct export;
struct format {
	const char *name, *content_type, *file;
	void (*head)(struct certctl_buffer *out);
	void (*row)(struct export *export, struct certctl_buffer *out, const struct db_result *rows, size_t row);
	void (*tail)(struct certctl_buffer *out);
};

struct export
{
	const struct format *format;
	struct audit_proof proof; /* its filters are those of an export without proof, too */
	const char *last_id;      /* NULL: nothing was written yet */
	int64_t count;            /* rows written */
};

/* --- Formats --------------------------------------------------------------------------------------------------------- */

static void jsonl_row(struct export *export, struct certctl_buffer *out, const struct db_result *rows, size_t row)
{
	(void)export;
	resource_write(out, audit_event_fields, rows, row);
	certctl_buffer_puts(out, "\n");
}

static void json_head(struct certctl_buffer *out)
{
	certctl_buffer_puts(out, "[");
}

static void json_row(struct export *export, struct certctl_buffer *out, const struct db_result *rows, size_t row)
{
	certctl_buffer_puts(out, export->count ? ",\n" : "\n");
	resource_write(out, audit_event_fields, rows, row);
}

static void json_tail(struct certctl_buffer *out)
{
	certctl_buffer_puts(out, "\n]\n");
}

static void csv_head(struct certctl_buffer *out)
{
	for (const struct certctl_field *field = audit_event_fields; field->name; field++)
		certctl_buffer_printf(out, "%s%s", field == audit_event_fields ? "" : ",", field->name);
	certctl_buffer_puts(out, "\r\n");
}

/* RFC 4180, always quoted; a spreadsheet must not take a cell for a formula. */
static void csv_cell(struct certctl_buffer *out, const char *text)
{
	certctl_buffer_puts(out, *text && strchr("=+-@\t\r", *text) ? "\"'" : "\"");
	while (*text) {
		size_t len = strcspn(text, "\"");

		certctl_buffer_append(out, text, len);
		text += len;
		if (*text == '"') {
			certctl_buffer_puts(out, "\"\"");
			text++;
		}
	}
	certctl_buffer_puts(out, "\"");
}

static void csv_row(struct export *export, struct certctl_buffer *out, const struct db_result *rows, size_t row)
{
	(void)export;
	for (const struct certctl_field *field = audit_event_fields; field->name; field++) {
		const char *text = db_get_text(rows, row, field->name);

		if (field != audit_event_fields)
			certctl_buffer_puts(out, ",");
		/* `2026-11-23 14:20:09.123456+00`, as our sessions have it */
		if (text && field->type == CERTCTL_TIME)
			certctl_buffer_printf(out, "\"%.10sT%.8sZ\"", text, text + 11);
		else if (text)
			csv_cell(out, text);
	}
	certctl_buffer_puts(out, "\r\n");
}

static const struct format formats[] = {
	{ "jsonl", "application/x-ndjson", "audit.jsonl", NULL, jsonl_row, NULL },
	{ "json", "application/json", "audit.json", json_head, json_row, json_tail },
	{ "csv", "text/csv; charset=utf-8", "audit.csv", csv_head, csv_row, NULL },
};

/* --- Pieces ---------------------------------------------------------------------------------------------------------- */

static int read_page(struct http_request *request, const struct export *export, TALLOC_CTX *mem, struct db_result **ret,
	struct certctl_error *err)
{
	struct db_value values[2 + AUDIT_FILTERS] = { db_integer(PAGE), db_text(export->last_id) };

	memcpy(values + 2, export->proof.filters, sizeof(export->proof.filters));
	return db_once(core_of(request)->db, mem, &query_audit_export, values, CERTCTL_COUNT(values), ret, err);
}

static int write_page(struct http_request *request, struct export *export, const struct db_result *rows,
	struct certctl_buffer *out, bool *ret_is_done, struct certctl_error *err)
{
	if (!export->last_id && export->format->head)
		export->format->head(out);
	for (size_t row = 0; row < db_rows(rows); row++, export->count++)
		export->format->row(export, out, rows, row);
	*ret_is_done = db_rows(rows) < PAGE;
	if (*ret_is_done) {
		if (export->format->tail)
			export->format->tail(out);
		return 0;
	}
	talloc_free((char *)(uintptr_t) export->last_id);
	export->last_id = talloc_strdup(request, db_get_text(rows, db_rows(rows) - 1, "id"));
	return export->last_id ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
}

static int next_events(struct http_request *request, void *arg, struct certctl_buffer *out, bool *ret_is_done,
	struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct db_result *rows = NULL;
	int rc = read_page(request, arg, mem, &rows, err);

	if (rc == 0)
		rc = write_page(request, arg, rows, out, ret_is_done, err);
	talloc_free(mem);
	return rc;
}

static int next_batch(struct http_request *request, void *arg, struct certctl_buffer *out, bool *ret_is_done,
	struct certctl_error *err)
{
	struct export *export = arg;

	return audit_proof_piece(core_of(request)->db, &export->proof, out, ret_is_done, err);
}

/* --- The route ------------------------------------------------------------------------------------------------------- */

static int read_format(const struct http_request *request, const struct format **ret, struct certctl_error *err)
{
	const char *name = http_query(request, "format");

	for (size_t i = 0; i < CERTCTL_COUNT(formats); i++)
		if (!name || strcmp(formats[i].name, name) == 0) {
			*ret = &formats[i];
			return 0;
		}
	return certctl_fail(err, CERTCTL_E_INVALID, "format: jsonl, json or csv expected");
}

static int read_filters(struct http_request *request, struct export *export, struct certctl_error *err)
{
	for (size_t i = 0; i < AUDIT_FILTERS; i++) {
		const char *text = http_query(request, audit_filters[i]);
		int rc = text ? audit_filter_read(request, audit_filters[i], text, &text, err) : 0;

		if (rc < 0)
			return rc;
		export->proof.filters[i] = db_text(text);
		export->proof.is_selection |= text != NULL;
	}
	return 0;
}

/* The filters as they were given. */
static const char *describe_filters(struct http_request *request)
{
	json_t *about = json_object();
	const char *text = NULL;

	for (size_t i = 0; i < AUDIT_FILTERS; i++)
		if (http_query(request, audit_filters[i]))
			json_object_set_new(about, audit_filters[i],
				json_string(http_query(request, audit_filters[i])));
	text = certctl_json_text(request, about, NULL);
	json_decref(about);
	return text;
}

static int read_proof(const struct http_request *request, const struct export *export, bool *ret,
	struct certctl_error *err)
{
	const char *text = http_query(request, "proof");

	*ret = text && strcmp(text, "true") == 0;
	if (text && !*ret && strcmp(text, "false") != 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "proof: true or false expected");
	if (!*ret)
		return 0;
	return export->format == &formats[0] ? 0
					     : certctl_fail(err, CERTCTL_E_INVALID, "proof: only with format=jsonl");
}

int audit_export(struct http_request *request, struct http_reply *reply, struct certctl_error *err)
{
	struct export *export = talloc_zero(request, struct export);
	bool has_proof = false;

	if (!export)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	int rc = read_format(request, &export->format, err);

	if (rc == 0)
		rc = read_filters(request, export, err);
	if (rc == 0)
		rc = read_proof(request, export, &has_proof, err);
	if (rc < 0)
		return rc;
	export->proof.batch = 1;
	export->proof.about = describe_filters(request);
	if (!export->proof.about)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	http_reply_header(reply, "Content-Disposition",
		talloc_asprintf(request, "attachment; filename=\"%s\"", export->format->file));
	return http_reply_stream(reply, export->format->content_type, has_proof ? next_batch : next_events, export);
}
