/* Documents of a change: the body, what a patch makes of it, what differs in the end.  Knows no database. */
#include "engine.h"

#include <certctl/json.h>
#include <string.h>
#include <strings.h>

static bool is_type(const char *header, const char *type)
{
	size_t len = strcspn(header, "; ");

	return len == strlen(type) && strncasecmp(header, type, len) == 0;
}

int resource_read_document(struct http_request *request, struct http_reply *reply, bool is_patch, json_t **ret,
	struct certctl_error *err)
{
	const char *type = http_header(request, "Content-Type");

	if (!type ||
		(!is_type(type, "application/json") && !(is_patch && is_type(type, "application/merge-patch+json")))) {
		reply->status = 415;
		return certctl_fail(err, CERTCTL_E_INVALID, "Content-Type: application/json%s expected",
			is_patch ? " or application/merge-patch+json" : "");
	}
	CERTCTL_AUTO(json_decref) json_t *document = NULL;
	int rc = certctl_json_parse(request->body ? request->body : "", request->body_len, NULL, &document, err);

	if (rc == 0 && !json_is_object(document))
		rc = certctl_fail(err, CERTCTL_E_INVALID, "an object expected");
	if (rc < 0) {
		reply->status = 400;
		return rc;
	}
	*ret = CERTCTL_TAKE(document);
	return 0;
}

/* As deep as the parser lets a document be. */
int resource_merge(json_t *target, const json_t *patch)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)patch, name, value)
	{
		json_t *there = json_object_get(target, name);

		if (json_is_null(value)) {
			json_object_del(target, name);
			continue;
		}
		if (!json_is_object(value)) {
			if (json_object_set(target, name, value) < 0)
				return CERTCTL_E_NO_MEMORY;
			continue;
		}
		if (!json_is_object(there)) {
			there = json_object();
			if (json_object_set_new(target, name, there) < 0)
				return CERTCTL_E_NO_MEMORY;
		}
		if (resource_merge(there, value) < 0)
			return CERTCTL_E_NO_MEMORY;
	}
	return 0;
}

/* --- What differs ---------------------------------------------------------------------------------------------------- */

static bool is_empty(const json_t *value)
{
	return !value || json_is_null(value);
}

/* Follows from the rest, and is in the event anyway. */
static bool is_told(const struct certctl_field *field)
{
	return !(field->flags & RESOURCE_READ_ONLY) && strcmp(field->name, "id") != 0;
}

static void put_side(json_t *details, const char *side, const struct certctl_field *field, const json_t *document)
{
	json_t *value = json_object_get(document, field->name), *values = json_object_get(details, side);

	if (!document || field->type == CERTCTL_SECRET)
		return;
	if (!values) {
		values = json_object();
		json_object_set_new(details, side, values);
	}
	json_object_set(values, field->name, value ? value : json_null());
}

const char *resource_difference(TALLOC_CTX *mem, const struct resource_bound *bound, const json_t *before,
	const json_t *after)
{
	CERTCTL_AUTO(json_decref) json_t *details = json_object();
	json_t *names = json_array();

	json_object_set_new(details, "fields", names);
	for (size_t i = 0; i < bound->shown_count; i++) {
		const struct certctl_field *field = bound->shown[i].field;
		const json_t *old = json_object_get(before, field->name), *new = json_object_get(after, field->name);

		if (!is_told(field) || (is_empty(old) && is_empty(new)) || (old && new &&json_equal(old, new)))
			continue;
		json_array_append_new(names, json_string(field->name));
		put_side(details, "before", field, before);
		put_side(details, "after", field, after);
	}
	return certctl_json_text(mem, details, NULL);
}
