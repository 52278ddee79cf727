/* Field tables: walking them, what each type is, bounds and defaults.  Reads no document. */
#include "fields.h"

#include <certctl/name.h>

#include <inttypes.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define C_TYPE(T) .size = sizeof(T), .alignment = alignof(T)
#define TEXT_TYPE C_TYPE(const char *), .is_text = true, .schema_type = "string"

/* One row a type: everything that depends on the type alone. */
static const struct certctl_field_kind kinds[CERTCTL_FIELD_TYPE_COUNT] = {
	[CERTCTL_TEXT] = { "text", TEXT_TYPE, .has_bounds = true, .max = 4096 },
	[CERTCTL_INTEGER] = { "integer", C_TYPE(int64_t), .has_bounds = true, .min = INT64_MIN, .max = INT64_MAX,
		.schema_type = "integer" },
	[CERTCTL_BOOLEAN] = { "boolean", C_TYPE(bool), .schema_type = "boolean" },
	[CERTCTL_DURATION] = { "duration", C_TYPE(struct certctl_duration), .has_bounds = true, .max = INT64_MAX,
		.pattern = "^([0-9]+|(?=[0-9])([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?)$" },
	[CERTCTL_SIZE] = { "size", C_TYPE(struct certctl_size), .has_bounds = true, .max = INT64_MAX,
		.pattern = "^[0-9]+(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)?$" },
	[CERTCTL_URL] = { "url", TEXT_TYPE, .schema_format = "uri" },
	[CERTCTL_HOST] = { "host", TEXT_TYPE },
	[CERTCTL_PATH] = { "path", TEXT_TYPE, .pattern = "^/" },
	[CERTCTL_EMAIL] = { "email", TEXT_TYPE, .schema_format = "idn-email" },
	[CERTCTL_ENUM] = { "enum", C_TYPE(int), .schema_type = "string" },
	[CERTCTL_SECRET] = { "secret", C_TYPE(struct certctl_secret), .has_bounds = true, .max = 65536,
		.schema_type = "string" },
	[CERTCTL_LIST] = { "list", C_TYPE(struct certctl_list), .has_bounds = true, .max = 10000,
		.schema_type = "array" },
	[CERTCTL_OBJECT] = { "object", .alignment = 1, .schema_type = "object" },
	[CERTCTL_TIME] = { "time", C_TYPE(struct certctl_time), .schema_type = "string", .schema_format = "date-time" },
	[CERTCTL_REFERENCE] = { "reference", TEXT_TYPE, .pattern = "^[a-z0-9][a-z0-9.-]{0,62}$" },
};

const struct certctl_field_kind *certctl_field_kind(uint32_t type)
{
	return type > 0 && type < CERTCTL_FIELD_TYPE_COUNT ? &kinds[type] : NULL;
}

const char *certctl_field_type_name(uint32_t type)
{
	const struct certctl_field_kind *kind = certctl_field_kind(type);

	return kind ? kind->name : "unknown";
}

struct certctl_field_walk certctl_field_walk(const struct certctl_field *fields, size_t row_size)
{
	return (struct certctl_field_walk){ .at = (const char *)fields, .row_size = row_size };
}

bool certctl_field_next(struct certctl_field_walk *walk)
{
	size_t known = walk->row_size < sizeof(walk->row) ? walk->row_size : sizeof(walk->row);

	if (!walk->at)
		return false;
	memset(&walk->row, 0, sizeof(walk->row));
	memcpy(&walk->row, walk->at, known);
	walk->at += walk->row_size;
	return walk->row.name != NULL;
}

bool certctl_field_find(const struct certctl_field *fields, size_t row_size, const char *name,
	struct certctl_field *ret)
{
	struct certctl_field_walk walk = certctl_field_walk(fields, row_size);

	while (certctl_field_next(&walk))
		if (strcmp(walk.row.name, name) == 0) {
			*ret = walk.row;
			return true;
		}
	return false;
}

size_t certctl_field_extent(const struct certctl_field *fields, size_t row_size)
{
	struct certctl_field_walk walk = certctl_field_walk(fields, row_size);
	size_t extent = 0;

	while (certctl_field_next(&walk)) {
		size_t end = (size_t)walk.row.offset + walk.row.length;

		extent = end > extent ? end : extent;
	}
	return extent;
}

size_t certctl_field_size(const struct certctl_field *row, uint32_t type)
{
	return type == CERTCTL_OBJECT ? row->nested_size : kinds[type].size;
}

void certctl_field_bounds(const struct certctl_field *row, int64_t *ret_min, int64_t *ret_max)
{
	const struct certctl_field_kind *kind = certctl_field_kind(row->type);
	bool is_own = row->min == 0 && row->max == 0;

	*ret_min = is_own ? kind->min : row->min;
	/* `.min = 1` alone: nothing above. */
	*ret_max = is_own || (row->max == 0 && row->min > 0) ? kind->max : row->max;
}

/* A bound as an operator would write it. */
static const char *bound_text(uint32_t type, int64_t bound, char text[CERTCTL_TIME_TEXT])
{
	if (type == CERTCTL_DURATION)
		return certctl_duration_format(bound, text);
	if (type == CERTCTL_SIZE)
		return certctl_size_format((uint64_t)bound, text);
	snprintf(text, CERTCTL_TIME_TEXT, "%" PRId64, bound);
	return text;
}

void certctl_field_bounds_text(const struct certctl_field *row, char *text, size_t size)
{
	const struct certctl_field_kind *kind = certctl_field_kind(row->type);
	char low[CERTCTL_TIME_TEXT], high[CERTCTL_TIME_TEXT];
	int64_t min, max;

	text[0] = 0;
	certctl_field_bounds(row, &min, &max);
	if (!kind->has_bounds || (min == kind->min && max == kind->max))
		return;
	bound_text(row->type, min, low);
	bound_text(row->type, max, high);
	if (max == kind->max)
		snprintf(text, size, "at least %s", low);
	else
		snprintf(text, size, "%s..%s", low, high);
}

struct certctl_field certctl_field_item(const struct certctl_field *list)
{
	struct certctl_field item = *list;

	item.type = list->item_type;
	item.min = item.max = 0; /* those bound the count */
	item.length = (uint32_t)certctl_field_size(list, list->item_type);
	return item;
}

static json_t *json_of_list_text(const struct certctl_field *row, const char *text)
{
	struct certctl_field item = certctl_field_item(row);
	json_t *list = json_array();

	for (const char *at = text + strspn(text, " "); *at;) {
		size_t len = strcspn(at, ","), trimmed = len;

		while (trimmed > 0 && at[trimmed - 1] == ' ')
			trimmed--;
		char *piece = strndup(at, trimmed);

		if (!piece || json_array_append_new(list, certctl_field_json_of_text(&item, piece)) < 0) {
			free(piece);
			json_decref(list);
			return NULL;
		}
		free(piece);
		at += len + (at[len] == ',');
		at += strspn(at, " ");
	}
	return list;
}

json_t *certctl_field_json_of_text(const struct certctl_field *row, const char *text)
{
	if (row->type == CERTCTL_LIST)
		return json_of_list_text(row, text);
	if (row->type == CERTCTL_BOOLEAN && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
		return json_boolean(text[0] == 't');
	if (row->type == CERTCTL_INTEGER) {
		CERTCTL_AUTO(json_decref) json_t *number = NULL;
		struct certctl_error ignored;

		if (certctl_json_parse(text, strlen(text), NULL, &number, &ignored) == 0 && json_is_integer(number))
			return CERTCTL_TAKE(number);
	}
	/* What is no such number or boolean stays a text: the reader then says what it expected. */
	return json_string(text);
}

const struct certctl_choice *certctl_field_choice_by_value(const struct certctl_field *row, int value)
{
	for (const struct certctl_choice *choice = row->choices; choice && choice->name; choice++)
		if (choice->value == value)
			return choice;
	return NULL;
}
