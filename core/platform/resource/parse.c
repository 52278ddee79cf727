/* From a document to a struct.  Knows nothing of where the document came from or where the struct goes. */
#include "resource.h"

#include <certctl/json.h>
#include <string.h>
#include <strings.h>

/* The rows that a body may have, on `mem`. */
static struct certctl_field *writable_rows(TALLOC_CTX *mem, const struct certctl_field *fields)
{
	unsigned count = 0, kept = 0;

	while (fields[count].name)
		count++;
	struct certctl_field *rows = talloc_zero_array(mem, struct certctl_field, count + 1);

	for (unsigned i = 0; rows && i < count; i++)
		if (!(fields[i].flags & (RESOURCE_READ_ONLY | RESOURCE_TEXT_BLOCK)))
			rows[kept++] = fields[i];
	return rows;
}

static bool is_text_block(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' && !strchr("\r\n\t", text[i] ? text[i] : '\1'))
			return false;
	return true;
}

/* Texts with line ends, which the field reader refuses, go into the struct from here and out of the document. */
static int take_text_blocks(TALLOC_CTX *mem, const struct certctl_field *fields, json_t *document, void *ret,
	struct certctl_error *err)
{
	for (const struct certctl_field *row = fields; row->name; row++) {
		const json_t *value = row->flags & RESOURCE_TEXT_BLOCK ? json_object_get(document, row->name) : NULL;
		const char *text = json_string_value(value);
		size_t len = json_string_length(value);

		if (!(row->flags & RESOURCE_TEXT_BLOCK) || (!value && !row->required))
			continue;
		if (!value)
			return certctl_fail(err, CERTCTL_E_INVALID, "%s: required", row->name);
		if (!text || len == 0 || len > (size_t)row->max || !is_text_block(text, len))
			return certctl_fail(err, CERTCTL_E_INVALID, "%s: text of 1..%lld octets expected", row->name,
				(long long)row->max);
		*(const char **)((char *)ret + row->offset) = talloc_strndup(mem, text, len);
		json_object_del(document, row->name);
	}
	return 0;
}

static void add_problem(void *arg, const char *path, const char *detail)
{
	json_array_append_new(arg, json_pack("{s:s, s:s}", "field", path ? path : "", "detail", detail));
}

/* Members that somebody else describes travel as the text of their JSON. */
static int fold_documents(TALLOC_CTX *mem, const struct certctl_field *rows, json_t *document,
	struct certctl_error *err)
{
	for (const struct certctl_field *row = rows; row->name; row++) {
		bool is_list = row->flags & RESOURCE_DOCUMENT_LIST;
		json_t *value = is_list || row->flags & RESOURCE_DOCUMENT ? json_object_get(document, row->name) : NULL;

		if (!value)
			continue;
		if (is_list ? !json_is_array(value) : !json_is_object(value))
			return certctl_fail(err, CERTCTL_E_INVALID, "%s: %s expected", row->name,
				is_list ? "a list" : "an object");
		const char *text = certctl_json_text(mem, value, NULL);

		if (!text || json_object_set_new(document, row->name, json_string(text)) < 0)
			return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	}
	return 0;
}

int resource_parse(TALLOC_CTX *mem, const struct certctl_field *fields, const char *path, const json_t *document,
	json_t *problems, void *ret, struct certctl_error *err)
{
	if (!json_is_object(document))
		return certctl_fail(err, CERTCTL_E_INVALID, "an object expected");
	CERTCTL_AUTO(json_decref) json_t *copy = json_copy((json_t *)(uintptr_t)document);
	struct certctl_field *rows = writable_rows(mem, fields);
	struct certctl_field_reading how = { .path = path, .problem = problems ? add_problem : NULL, .arg = problems };
	int rc = copy && rows ? fold_documents(mem, rows, copy, err)
			      : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	if (rc == 0)
		rc = take_text_blocks(mem, fields, copy, ret, err);
	return rc < 0 ? rc : certctl_fields_parse(mem, rows, sizeof(*rows), copy, &how, ret, err);
}

int resource_read(struct http_request *request, struct http_reply *reply, const struct certctl_field *fields, void *ret,
	struct certctl_error *err)
{
	CERTCTL_AUTO(json_decref) json_t *document = NULL;
	const char *type = http_header(request, "Content-Type");
	size_t type_len = type ? strcspn(type, "; ") : 0;

	if (type_len != strlen("application/json") || strncasecmp(type, "application/json", type_len) != 0) {
		reply->status = 415;
		return certctl_fail(err, CERTCTL_E_INVALID, "Content-Type: application/json expected");
	}
	int rc = certctl_json_parse(request->body ? request->body : "", request->body_len, NULL, &document, err);

	if (rc < 0) {
		reply->status = 400;
		return rc;
	}
	if (!reply->problems)
		reply->problems = json_array();
	rc = resource_parse(request, fields, NULL, document, reply->problems, ret, err);
	if (rc == 0 || json_array_size(reply->problems) == 0) {
		json_decref(reply->problems);
		reply->problems = NULL;
	}
	return rc;
}
