/* Columns and cells: which members of a row are shown.  A matter of taste, for people: every format for programs has them all. */
#include "output.h"
#include "values.h"

#include <certctl/json.h>
#include <ctype.h>
#include <string.h>

#define COLUMNS_MAX 7

/* Those that tell most, wherever they occur; what is not here comes after, in the order of the schema. */
static const char *const telling[] = { "id", "name", "timestamp", "type", "action", "status", "state", "common_name",
	"actor", "resource_type", "resource_id", "certificate_id", "target_id", "agent_id", "issuer_id", "hostname",
	"email", "role", "enabled", "serial_number", "not_after", "expires_at", "last_heartbeat_at", "created_at" };

/* What fills a line and tells nothing at a glance. */
static bool is_long(json_t *schema, const char *name)
{
	static const char *const types[] = { "list", "object", "", "secret" };
	static const char *const words[] = { "fingerprint", "sha256", "chain", "pem", "subject", "_dn", "token",
		"updated_at", "description" };

	for (size_t i = 0; i < CERTCTL_COUNT(types); i++)
		if (strcmp(api_type(schema), types[i]) == 0)
			return true;
	for (size_t i = 0; i < CERTCTL_COUNT(words); i++)
		if (strstr(name, words[i]))
			return true;
	return false;
}

static bool has(const char **columns, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(columns[i], name) == 0)
			return true;
	return false;
}

static const char **choose(TALLOC_CTX *mem, const struct api *api, json_t *schema)
{
	json_t *members = json_object_get(schema, "properties"), *member;
	const char **columns = talloc_zero_array(mem, const char *, COLUMNS_MAX + 1), *name;
	size_t count = 0;

	for (size_t i = 0; columns && i < CERTCTL_COUNT(telling) && count < COLUMNS_MAX; i++)
		if (json_object_get(members, telling[i]))
			columns[count++] = telling[i];
	json_object_foreach(members, name, member)
	{
		if (columns && count < COLUMNS_MAX && !has(columns, count, name) &&
			!is_long(api_resolve(api, member), name))
			columns[count++] = name;
	}
	return columns;
}

/* "notAfter" is "not_after" in replies. */
static const char *snake_case(TALLOC_CTX *mem, const char *name, size_t len)
{
	char *text = talloc_strdup(mem, "");

	for (size_t i = 0; i < len; i++)
		text = talloc_asprintf_append(text, isupper((unsigned char)name[i]) ? "_%c" : "%c",
			tolower((unsigned char)name[i]));
	return text;
}

static const char **split(TALLOC_CTX *mem, const char *fields)
{
	size_t count = 1, at = 0;

	for (const char *comma = fields; (comma = strchr(comma, ',')); comma++)
		count++;
	const char **columns = talloc_zero_array(mem, const char *, (unsigned)count + 1);

	for (; columns && at < count; at++) {
		size_t len = strcspn(fields, ",");

		columns[at] = snake_case(columns, fields, len);
		fields += len + (fields[len] == ',');
	}
	return columns;
}

/* All that the schema or, where it says nothing, the first row has; there objects are left out when they only fill lines. */
static const char **all_of(TALLOC_CTX *mem, json_t *schema, json_t *page, bool with_objects)
{
	json_t *members = json_object_get(schema, "properties"), *member;
	const char *name;
	size_t count = 0;

	if (!json_object_size(members)) {
		members = json_array_get(page, 0);
		schema = NULL;
	}
	const char **columns = talloc_zero_array(mem, const char *, (unsigned)json_object_size(members) + 1);

	json_object_foreach(members, name, member)
	{
		if (columns && (with_objects || schema || !json_is_object(member)))
			columns[count++] = name;
	}
	return columns;
}

const char **output_columns(TALLOC_CTX *mem, const struct api *api, json_t *schema, const char *fields,
	bool all_members, json_t *page)
{
	if (fields)
		return split(mem, fields);
	if (all_members || !json_object_size(json_object_get(schema, "properties")))
		return all_of(mem, schema, page, all_members);
	return choose(mem, api, schema);
}

/* --- Cells --------------------------------------------------------------------------------------------------------------- */

static bool is_plain_list(const json_t *value)
{
	json_t *one;
	size_t i;

	json_array_foreach(value, i, one) if (json_is_object(one) || json_is_array(one)) return false;
	return json_is_array(value);
}

const char *value_cell(TALLOC_CTX *mem, const json_t *value)
{
	char *text = talloc_strdup(mem, "");
	json_t *one;
	size_t i;

	if (!value || json_is_null(value))
		return text;
	if (json_is_string(value))
		return talloc_strdup(mem, json_string_value(value));
	if (!is_plain_list(value))
		return certctl_json_text(mem, value, NULL);
	json_array_foreach(value, i, one) text =
		talloc_asprintf_append(text, "%s%s", i ? "," : "", value_cell(text, one));
	return text;
}
