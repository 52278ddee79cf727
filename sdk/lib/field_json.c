/* A struct as JSON, and a document with its secrets masked. */
#include "fields.h"

#include <string.h>

static json_t *struct_to_json(const struct certctl_field *fields, size_t row_size, const void *base,
	enum certctl_field_show show);

static json_t *text_or_null(const char *text)
{
	return text ? json_string(text) : json_null();
}

/* A zero that the row would refuse was never set: null reads back as absent. */
static json_t *number_or_null(const struct certctl_field *row, int64_t number)
{
	int64_t min, max;

	certctl_field_bounds(row, &min, &max);
	return number == 0 && (min > 0 || max < 0) ? json_null() : json_integer(number);
}

static json_t *duration_to_json(const struct certctl_field *row, int64_t seconds)
{
	char text[CERTCTL_TIME_TEXT];
	json_t *number = number_or_null(row, seconds);

	if (!json_is_integer(number))
		return number;
	json_decref(number);
	return json_string(certctl_duration_format(seconds, text));
}

static json_t *size_to_json(const struct certctl_field *row, uint64_t bytes)
{
	char text[CERTCTL_TIME_TEXT];
	json_t *number = number_or_null(row, bytes ? 1 : 0);

	if (!json_is_integer(number))
		return number;
	json_decref(number);
	return json_string(certctl_size_format(bytes, text));
}

static json_t *time_to_json(int64_t unix_s)
{
	char text[CERTCTL_TIME_TEXT];

	return unix_s ? json_string(certctl_time_format(unix_s, text)) : json_null();
}

static json_t *secret_to_json(const struct certctl_secret *secret, enum certctl_field_show show)
{
	if (!secret->data)
		return json_null();
	return show == CERTCTL_SHOW_SECRETS ? certctl_secret_to_json(secret) : json_string(CERTCTL_SECRET_MASK);
}

static json_t *enum_to_json(const struct certctl_field *row, int value)
{
	const struct certctl_choice *choice = certctl_field_choice_by_value(row, value);

	return text_or_null(choice ? choice->name : NULL);
}

/* An optional object whose required members are not set was never there. */
static json_t *object_to_json(const struct certctl_field *row, size_t row_size, const void *member,
	enum certctl_field_show show)
{
	struct certctl_field_walk walk = certctl_field_walk(row->nested, row_size);
	json_t *object = struct_to_json(row->nested, row_size, member, show);

	while (object && !row->required && certctl_field_next(&walk))
		if (walk.row.required && json_is_null(json_object_get(object, walk.row.name))) {
			json_decref(object);
			return json_null();
		}
	return object;
}

static json_t *member_to_json(const struct certctl_field *row, size_t row_size, const void *member,
	enum certctl_field_show show);

static json_t *list_to_json(const struct certctl_field *row, size_t row_size, const struct certctl_list *list,
	enum certctl_field_show show)
{
	struct certctl_field item = certctl_field_item(row);
	int64_t min, max;

	certctl_field_bounds(row, &min, &max);
	if (list->count == 0 && min > 0)
		return json_null();
	json_t *array = json_array();

	item.required = true; /* an item is there, whatever it holds */
	for (size_t i = 0; i < list->count; i++)
		if (json_array_append_new(array,
			    member_to_json(&item, row_size, (const char *)list->items + i * item.length, show)) < 0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

static json_t *member_to_json(const struct certctl_field *row, size_t row_size, const void *member,
	enum certctl_field_show show)
{
	switch (row->type) {
	case CERTCTL_INTEGER:
		return number_or_null(row, *(const int64_t *)member);
	case CERTCTL_BOOLEAN:
		return json_boolean(*(const bool *)member);
	case CERTCTL_DURATION:
		return duration_to_json(row, ((const struct certctl_duration *)member)->seconds);
	case CERTCTL_SIZE:
		return size_to_json(row, ((const struct certctl_size *)member)->bytes);
	case CERTCTL_ENUM:
		return enum_to_json(row, *(const int *)member);
	case CERTCTL_SECRET:
		return secret_to_json(member, show);
	case CERTCTL_LIST:
		return list_to_json(row, row_size, member, show);
	case CERTCTL_OBJECT:
		return object_to_json(row, row_size, member, show);
	case CERTCTL_TIME:
		return time_to_json(((const struct certctl_time *)member)->unix_s);
	default:
		certctl_assert(certctl_field_kind(row->type) && certctl_field_kind(row->type)->is_text);
		return text_or_null(*(const char *const *)member);
	}
}

static json_t *struct_to_json(const struct certctl_field *fields, size_t row_size, const void *base,
	enum certctl_field_show show)
{
	struct certctl_field_walk walk = certctl_field_walk(fields, row_size);
	json_t *object = json_object();

	while (object && certctl_field_next(&walk)) {
		const void *member = (const char *)base + walk.row.offset;

		if (json_object_set_new(object, walk.row.name, member_to_json(&walk.row, row_size, member, show)) < 0) {
			json_decref(object);
			object = NULL;
		}
	}
	return object;
}

json_t *certctl_fields_to_json(const struct certctl_field *fields, size_t row_size, const void *config,
	enum certctl_field_show show)
{
	return struct_to_json(fields, row_size, config, show);
}

static bool holds_secrets(const struct certctl_field *row, size_t row_size)
{
	if (row->type == CERTCTL_SECRET || (row->type == CERTCTL_LIST && row->item_type == CERTCTL_SECRET))
		return true;
	if (row->type != CERTCTL_OBJECT && !(row->type == CERTCTL_LIST && row->item_type == CERTCTL_OBJECT))
		return false;
	struct certctl_field_walk walk = certctl_field_walk(row->nested, row_size);

	while (certctl_field_next(&walk))
		if (holds_secrets(&walk.row, row_size))
			return true;
	return false;
}

static json_t *mask_list(const struct certctl_field *row, size_t row_size, const json_t *list);

/* What is not of the shape its row says may be a secret in the wrong place: masked whole. */
static json_t *mask_member(const struct certctl_field *row, size_t row_size, const json_t *value)
{
	if (json_is_null(value) || !holds_secrets(row, row_size))
		return json_deep_copy(value);
	if (row->type == CERTCTL_OBJECT && json_is_object(value))
		return certctl_fields_mask(row->nested, row_size, value);
	if (row->type == CERTCTL_LIST && json_is_array(value))
		return mask_list(row, row_size, value);
	return json_string(CERTCTL_SECRET_MASK);
}

static json_t *mask_list(const struct certctl_field *row, size_t row_size, const json_t *list)
{
	struct certctl_field item = certctl_field_item(row);
	json_t *array = json_array(), *value;
	size_t i;

	json_array_foreach(list, i, value) if (json_array_append_new(array, mask_member(&item, row_size, value)) < 0)
	{
		json_decref(array);
		return NULL;
	}
	return array;
}

json_t *certctl_fields_mask(const struct certctl_field *fields, size_t row_size, const json_t *document)
{
	struct certctl_field_walk walk = certctl_field_walk(fields, row_size);
	json_t *masked = json_object();

	while (masked && certctl_field_next(&walk)) {
		const json_t *value = json_object_get(document, walk.row.name);

		if (value && json_object_set_new(masked, walk.row.name, mask_member(&walk.row, row_size, value)) < 0) {
			json_decref(masked);
			masked = NULL;
		}
	}
	return masked;
}
