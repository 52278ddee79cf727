/* What a change asks for: the body, or what a patch makes of the row, as the resource's struct.  Writes nothing. */
#include "engine.h"

#include <string.h>

/* What GET shows and nobody sets may come back as it is. */
static int take_out_read_only(struct resource_change *change, json_t *document, struct certctl_error *err)
{
	int rc = 0;

	for (const struct certctl_field *field = change->resource->fields; field->name; field++) {
		const json_t *value = json_object_get(document, field->name);
		const json_t *there = json_object_get(change->before, field->name);
		bool is_fixed = change->before && (field->flags & RESOURCE_FIXED || strcmp(field->name, "id") == 0);

		if (field->flags & RESOURCE_WRITE_ONLY || !(is_fixed || field->flags & RESOURCE_READ_ONLY))
			continue;
		if (value && resource_is_extension(field) && change->before) {
			json_object_del(document, field->name);
			continue;
		}
		if (value && !(change->before && there && json_equal(value, there)))
			rc = resource_problem(change, err, field->name,
				is_fixed ? "cannot be changed" : "is read-only");
		json_object_del(document, field->name);
		if (is_fixed && there && !json_is_null(there) && strcmp(field->name, "id") != 0)
			json_object_set(document, field->name, (json_t *)(uintptr_t)there);
	}
	return rc;
}

/* Without what hooks and sealing keep: masks stand for themselves. */
static json_t *writable_part(const struct resource_change *change)
{
	json_t *document = json_deep_copy(change->before);

	for (const struct certctl_field *field = change->resource->fields; document && field->name; field++)
		if (field->flags & RESOURCE_READ_ONLY)
			json_object_del(document, field->name);
	return document;
}

/* The document that the struct is read from: the body, or what a patch makes of the row. */
static int make_document(struct resource_change *change, const json_t *body, struct certctl_error *err)
{
	json_t *copy = json_deep_copy(body);
	int rc = copy ? take_out_read_only(change, copy, err) : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	json_decref(change->document);
	change->document = copy;
	if (!copy || change->verb != RESOURCE_PATCH)
		return rc;
	change->document = writable_part(change);
	if (!change->document || resource_merge(change->document, copy) < 0)
		rc = certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	json_decref(copy);
	json_object_del(change->document, "id");
	return rc;
}

static int parse_document(struct resource_change *change, struct certctl_error *err)
{
	struct http_reply *reply = change->reply;

	if (!reply->problems)
		reply->problems = json_array();
	change->wanted = talloc_zero_size(change->mem, change->resource->size);
	if (!change->wanted)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	int rc = resource_parse(change->mem, change->resource->fields, NULL, change->document, reply->problems,
		change->wanted, err);

	if (json_array_size(reply->problems) == 0) {
		json_decref(reply->problems);
		reply->problems = NULL;
	}
	return rc;
}

/* All that is wrong with the members, those that may not be set included. */
int resource_wanted_read(struct resource_change *change, const json_t *body, struct certctl_error *err)
{
	struct certctl_error first = { 0 }, second = { 0 };
	int rc = make_document(change, body, &first);
	int parsed = rc == 0 || rc == CERTCTL_E_INVALID ? parse_document(change, &second) : 0;

	if (rc < 0 || parsed < 0) {
		if (err)
			*err = rc < 0 ? first : second;
		return rc < 0 ? rc : parsed;
	}
	return 0;
}
