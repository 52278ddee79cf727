/* Field tables to the schemas of bodies.  Knows no route. */
#include "core/platform/resource/resource.h"
#include "parts.h"

#include <string.h>

/* A row whose value is described somewhere else, or nowhere: "object", "array"; NULL: by its type. */
static const char *open_type(const struct certctl_field *row)
{
	if (row->flags & RESOURCE_DOCUMENT || (row->type == CERTCTL_OBJECT && !row->nested))
		return "object";
	if (row->flags & RESOURCE_DOCUMENT_LIST || (row->type == CERTCTL_LIST && !row->item_type))
		return "array";
	return NULL;
}

/* The rows without those that have one of `flags`; open ones as texts, which open_members() mends. */
static struct certctl_field *copy_rows(const struct certctl_field *fields, uint64_t without)
{
	size_t count = 0, kept = 0;

	while (fields[count].name)
		count++;
	struct certctl_field *rows = talloc_zero_array(NULL, struct certctl_field, (unsigned)count + 1);

	for (size_t i = 0; rows && i < count; i++) {
		if (fields[i].flags & without)
			continue;
		rows[kept] = fields[i];
		if (open_type(&fields[i])) {
			rows[kept].type = CERTCTL_TEXT;
			rows[kept].fallback = NULL;
			rows[kept].min = rows[kept].max = 0;
		}
		kept++;
	}
	return rows;
}

static void open_members(json_t *schema, const struct certctl_field *fields)
{
	for (const struct certctl_field *row = fields; row->name; row++) {
		json_t *member = json_object_get(json_object_get(schema, "properties"), row->name);

		if (member && row->flags & RESOURCE_TEXT_BLOCK)
			json_object_del(member, "pattern");
		if (!member || !open_type(row))
			continue;
		json_object_del(member, "pattern");
		json_object_del(member, "minLength");
		json_object_del(member, "maxLength");
		json_object_del(member, "x-certctl-type");
		json_object_set_new(member, "type", json_string(open_type(row)));
		if (strcmp(open_type(row), "array") == 0)
			json_object_set_new(member, "items", json_object());
	}
}

static json_t *body_schema(const struct certctl_field *fields, uint64_t without)
{
	struct certctl_field *rows = copy_rows(fields, without);
	json_t *schema = rows ? certctl_fields_schema(rows, sizeof(*rows)) : NULL;

	talloc_free(rows);
	if (!schema)
		return NULL;
	open_members(schema, fields);
	json_object_del(schema, "$schema");
	return schema;
}

static void allow_null(json_t *schema)
{
	json_t *type = json_object_get(schema, "type"), *choices = json_object_get(schema, "enum");

	if (json_is_string(type))
		json_object_set_new(schema, "type", json_pack("[s,s]", json_string_value(type), "null"));
	else
		json_array_append_new(type, json_string("null"));
	if (choices)
		json_array_append_new(choices, json_null());
}

static void loosen_patch(json_t *schema)
{
	const char *name;
	json_t *member;

	json_object_del(schema, "required");
	json_object_foreach(json_object_get(schema, "properties"), name, member)
	{
		json_object_del(member, "default");
		allow_null(member);
	}
}

/* In a reply everything may be unset but the id, nothing is asked for, and newer servers may say more. */
static void loosen_reply(json_t *schema)
{
	const char *name;
	json_t *member;

	json_object_del(schema, "required");
	json_object_del(schema, "additionalProperties");
	json_object_foreach(json_object_get(schema, "properties"), name, member)
	{
		json_object_del(member, "default");
		json_object_del(member, "writeOnly");
		json_object_del(member, "minLength");
		json_object_del(member, "minItems");
		if (strcmp(name, "id") != 0)
			allow_null(member);
	}
}

/* One name, one table. */
static bool is_known(struct openapi_bodies *bodies, const struct http_body *body, bool *ret_is_other)
{
	for (size_t i = 0; i < bodies->count; i++)
		if (strcmp(bodies->seen[i]->name, body->name) == 0) {
			*ret_is_other = bodies->seen[i]->fields != body->fields;
			return true;
		}
	*ret_is_other = bodies->count == CERTCTL_COUNT(bodies->seen);
	if (!*ret_is_other)
		bodies->seen[bodies->count++] = body;
	return false;
}

static json_t *refer(struct openapi_bodies *bodies, const struct http_body *body, const char *suffix, uint64_t without,
	void (*loosen)(json_t *schema))
{
	char *name = talloc_asprintf(NULL, "%s%s", body->name, suffix);
	bool is_other = false;
	json_t *reference = NULL;

	is_known(bodies, body, &is_other);
	if (name && !is_other && !json_object_get(bodies->schemas, name)) {
		json_t *schema = body_schema(body->fields, without);

		if (schema && loosen)
			loosen(schema);
		is_other = json_object_set_new(bodies->schemas, name, schema) < 0;
	}
	if (name && !is_other)
		reference = json_pack("{s:o}", "$ref", json_sprintf("#/components/schemas/%s", name));
	talloc_free(name);
	return reference;
}

json_t *openapi_body_sent(struct openapi_bodies *bodies, const struct http_body *body)
{
	return refer(bodies, body, "Request", RESOURCE_READ_ONLY, NULL);
}

json_t *openapi_body_patched(struct openapi_bodies *bodies, const struct http_body *body)
{
	return refer(bodies, body, "Patch", RESOURCE_READ_ONLY, loosen_patch);
}

json_t *openapi_body_replied(struct openapi_bodies *bodies, const struct http_body *body)
{
	return refer(bodies, body, "", RESOURCE_WRITE_ONLY, loosen_reply);
}

json_t *openapi_row_schema(const struct certctl_field *row)
{
	struct certctl_field rows[2] = { *row, { 0 } };
	json_t *schema = body_schema(rows, 0);
	json_t *member = json_incref(json_object_get(json_object_get(schema, "properties"), row->name));

	json_decref(schema);
	return member;
}
