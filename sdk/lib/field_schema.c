/* JSON Schema 2020-12 of a field table (json-schema.org/draft/2020-12). */
#include "fields.h"

#include <string.h>

static json_t *object_schema(const struct certctl_field *fields, size_t row_size);

/* Adding to a schema; the first failure latches, as in a buffer. */
static void put(json_t **schema, const char *key, json_t *value)
{
	if (!*schema) {
		json_decref(value);
	} else if (json_object_set_new(*schema, key, value) < 0) {
		json_decref(*schema);
		*schema = NULL;
	}
}

static json_t *choice_names(const struct certctl_choice *choices)
{
	json_t *names = json_array();

	for (; choices && choices->name; choices++)
		if (json_array_append_new(names, json_string(choices->name)) < 0) {
			json_decref(names);
			return NULL;
		}
	return names;
}

/* The keywords that bound a type, and where the schema counts in other units than we do. */
static void put_bounds(json_t **schema, const struct certctl_field *row)
{
	static const struct {
		uint32_t type;
		const char *min, *max;
		int min_divisor; /* lengths are bytes here and characters there: one has at most four */
	} rows[] = {
		{ CERTCTL_TEXT, "minLength", "maxLength", 4 },
		{ CERTCTL_INTEGER, "minimum", "maximum", 1 },
		{ CERTCTL_DURATION, "minimum", "maximum", 1 },
		{ CERTCTL_SIZE, "minimum", "maximum", 1 },
		{ CERTCTL_SECRET, "minLength", NULL, 1 }, /* a reference may be longer or shorter than what it names */
		{ CERTCTL_LIST, "minItems", "maxItems", 1 },
	};
	int64_t min, max;

	certctl_field_bounds(row, &min, &max);
	for (size_t i = 0; i < CERTCTL_COUNT(rows); i++) {
		if (rows[i].type != row->type)
			continue;
		int64_t least = row->type == CERTCTL_SECRET
					? min > 0
					: min / rows[i].min_divisor + (min % rows[i].min_divisor > 0);

		if (least > 0 || (min > INT64_MIN && strcmp(rows[i].min, "minimum") == 0))
			put(schema, rows[i].min, json_integer(least));
		if (rows[i].max && max < INT64_MAX)
			put(schema, rows[i].max, json_integer(max));
	}
}

static json_t *row_schema(const struct certctl_field *row, size_t row_size)
{
	const struct certctl_field_kind *kind = certctl_field_kind(row->type);
	json_t *schema = row->type == CERTCTL_OBJECT ? object_schema(row->nested, row_size) : json_object();

	if (row->type != CERTCTL_OBJECT)
		put(&schema, "type",
			kind->schema_type ? json_string(kind->schema_type) : json_pack("[s,s]", "string", "integer"));
	if (kind->schema_format)
		put(&schema, "format", json_string(kind->schema_format));
	if (kind->pattern)
		put(&schema, "pattern", json_string(kind->pattern));
	if (kind->has_bounds)
		put_bounds(&schema, row);
	if (row->type == CERTCTL_ENUM)
		put(&schema, "enum", choice_names(row->choices));
	if (row->type == CERTCTL_SECRET)
		put(&schema, "writeOnly", json_true());
	if (row->type == CERTCTL_LIST) {
		struct certctl_field item = certctl_field_item(row);

		item.help = item.fallback = NULL;
		put(&schema, "items", row_schema(&item, row_size));
	}
	put(&schema, "x-certctl-type", json_string(kind->name));
	if (row->type == CERTCTL_URL)
		put(&schema, "x-certctl-schemes",
			row->choices ? choice_names(row->choices) : json_pack("[s]", "https"));
	if (row->refers_to && row->type == CERTCTL_REFERENCE)
		put(&schema, "x-certctl-refers-to", json_string(row->refers_to));
	if (row->fallback)
		put(&schema, "default", certctl_field_json_of_text(row, row->fallback));
	if (row->help)
		put(&schema, "description", json_string(row->help));
	return schema;
}

static json_t *object_schema(const struct certctl_field *fields, size_t row_size)
{
	struct certctl_field_walk walk = certctl_field_walk(fields, row_size);
	json_t *schema = json_object(), *properties = json_object(), *required = json_array();

	while (certctl_field_next(&walk)) {
		put(&properties, walk.row.name, row_schema(&walk.row, row_size));
		if (walk.row.required && json_array_append_new(required, json_string(walk.row.name)) < 0)
			put(&properties, walk.row.name, NULL);
	}
	put(&schema, "type", json_string("object"));
	put(&schema, "properties", properties);
	if (json_array_size(required) > 0)
		put(&schema, "required", required);
	else
		json_decref(required);
	put(&schema, "additionalProperties", json_false());
	return schema;
}

json_t *certctl_fields_schema(const struct certctl_field *fields, size_t row_size)
{
	json_t *schema = object_schema(fields, row_size);

	put(&schema, "$schema", json_string("https://json-schema.org/draft/2020-12/schema"));
	return schema;
}
