/* Looks things up in a document that was read.  Knows nothing of servers and command lines. */
#include "api.h"
#include "api_names.h"

#include <certctl/json.h>
#include <string.h>

#define REFERENCE "#/"

json_t *api_resolve(const struct api *api, json_t *schema)
{
	/* A document that refers in circles is none of ours; the limit keeps it from holding us. */
	for (int steps = 0; schema && steps < 16; steps++) {
		const char *reference = certctl_json_text_or(schema, "$ref", NULL);

		if (!reference)
			return schema;
		schema = strncmp(reference, REFERENCE, 2) == 0 ? api->document : NULL;
		for (const char *at = reference + 2; schema && *at;) {
			size_t len = strcspn(at, "/");

			schema = json_object_getn(schema, at, len);
			at += len + (at[len] == '/');
		}
	}
	return schema;
}

json_t *api_property(const struct api *api, json_t *schema, const char *name)
{
	return api_resolve(api, json_object_get(json_object_get(api_resolve(api, schema), "properties"), name));
}

/* The type, or the first of several that is not null. */
static const char *type_word(json_t *schema)
{
	json_t *type = json_object_get(schema, "type"), *one;
	size_t i;

	if (json_is_string(type))
		return json_string_value(type);
	json_array_foreach(type, i, one) if (json_is_string(one) &&
					     strcmp(json_string_value(one), "null") != 0) return json_string_value(one);
	return "";
}

const char *api_type(json_t *schema)
{
	static const struct {
		const char *json, *ours;
	} names[] = { { "string", "text" }, { "array", "list" } };
	const char *type = certctl_json_text_or(schema, "x-certctl-type", NULL);

	if (type)
		return type;
	type = type_word(schema);
	for (size_t i = 0; i < CERTCTL_COUNT(names); i++)
		if (strcmp(names[i].json, type) == 0)
			return names[i].ours;
	return type;
}

bool api_is_secret(json_t *schema)
{
	return strcmp(api_type(schema), "secret") == 0 || json_is_true(json_object_get(schema, "writeOnly")) ||
	       strcmp(certctl_json_text_or(schema, "format", ""), "password") == 0;
}

const struct api_resource *api_find(const struct api *api, const char *name)
{
	for (size_t i = 0; i < api->count; i++)
		if (api_same_name(api->resources[i].name, name))
			return &api->resources[i];
	return NULL;
}

static bool has_reply_called(const struct api_resource *resource, const char *kind)
{
	const struct api_operation *get = api_verb(resource, "get");

	return get && get->reply_name && api_same_name(get->reply_name, kind);
}

const struct api_resource *api_find_kind(const struct api *api, const char *kind)
{
	const struct api_resource *found = api_find(api, kind);

	for (size_t i = 0; !found && i < api->count; i++)
		if (api_same_name(api->resources[i].kind, kind))
			found = &api->resources[i];
	for (size_t i = 0; !found && i < api->count; i++)
		if (has_reply_called(&api->resources[i], kind))
			found = &api->resources[i];
	return found;
}

const struct api_operation *api_verb(const struct api_resource *resource, const char *verb)
{
	for (size_t i = 0; i < resource->count; i++)
		if (strcmp(resource->operations[i].verb, verb) == 0)
			return &resource->operations[i];
	return NULL;
}

const struct api_operation *api_change(const struct api_resource *resource)
{
	const struct api_operation *patch = api_verb(resource, "patch");

	return patch && patch->body ? patch : api_verb(resource, "replace");
}

bool api_is_declarable(const struct api_resource *resource)
{
	const struct api_operation *get = api_verb(resource, "get"), *create = api_verb(resource, "create"),
				   *replace = api_verb(resource, "replace");

	if (!get || get->argument_count != 1)
		return false;
	return (create && create->body && json_object_get(json_object_get(create->body, "properties"), "id")) ||
	       (replace && replace->body);
}

const struct api_parameter *api_parameter(const struct api_operation *operation, const char *name)
{
	for (size_t i = 0; i < operation->parameter_count; i++)
		if (strcmp(operation->parameters[i].name, name) == 0)
			return &operation->parameters[i];
	return NULL;
}

/* --- What refers to what ----------------------------------------------------------------------------------------- */

#define RANK_MAX 8

static int rank_below(const struct api *api, const struct api_resource *resource, int depth);

/* Of the kinds that a member, or the items of a list, refer to. */
static int rank_of_member(const struct api *api, const struct api_resource *resource, json_t *schema, int depth)
{
	const char *kind = certctl_json_text_or(schema, "x-certctl-refers-to", NULL);
	const struct api_resource *other = kind ? api_find_kind(api, kind) : NULL;

	if (!kind)
		kind = certctl_json_text_or(json_object_get(schema, "items"), "x-certctl-refers-to", NULL);
	if (!other && kind)
		other = api_find_kind(api, kind);
	return other && other != resource ? 1 + rank_below(api, other, depth + 1) : 0;
}

static int rank_below(const struct api *api, const struct api_resource *resource, int depth)
{
	const struct api_operation *create = api_verb(resource, "create");
	const char *name;
	json_t *member;
	int highest = 0;

	if (!create)
		create = api_verb(resource, "replace");
	if (!create || depth >= RANK_MAX)
		return 0;
	json_object_foreach(json_object_get(create->body, "properties"), name, member)
	{
		int rank = rank_of_member(api, resource, api_resolve(api, member), depth);

		if (rank > highest)
			highest = rank;
	}
	return highest;
}

int api_rank(const struct api *api, const struct api_resource *resource)
{
	return rank_below(api, resource, 0);
}
