/* A field table as JSON and back.  The rows of that JSON are themselves fields, declared below. */
#include "fields.h"

#include <string.h>

struct described_choice {
	const char *name, *help;
	int64_t value;
};

static const struct certctl_field choice_fields[] = {
	CERTCTL_OPTION(struct described_choice, name, CERTCTL_TEXT, .required = true),
	CERTCTL_OPTION(struct described_choice, value, CERTCTL_INTEGER, .min = INT32_MIN, .max = INT32_MAX),
	CERTCTL_OPTION(struct described_choice, help, CERTCTL_TEXT),
	{ 0 },
};

/* A row as it travels: numbers wide enough for any JSON, tables as lists. */
struct described_field {
	const char *name, *fallback, *refers_to, *env, *help;
	int64_t type, item_type, offset, length, path_access, min, max, nested_size, flags;
	bool required, advanced;
	struct certctl_list choices, nested;
};

#define UINT32_FIELD(member) CERTCTL_OPTION(struct described_field, member, CERTCTL_INTEGER, .max = UINT32_MAX)

static const struct certctl_field row_fields[] = {
	CERTCTL_OPTION(struct described_field, name, CERTCTL_TEXT, .required = true),
	UINT32_FIELD(type),
	UINT32_FIELD(item_type),
	UINT32_FIELD(offset),
	UINT32_FIELD(length),
	CERTCTL_OPTION(struct described_field, required, CERTCTL_BOOLEAN),
	CERTCTL_OPTION(struct described_field, advanced, CERTCTL_BOOLEAN),
	UINT32_FIELD(path_access),
	CERTCTL_OPTION(struct described_field, fallback, CERTCTL_TEXT),
	CERTCTL_OPTION(struct described_field, min, CERTCTL_INTEGER),
	CERTCTL_OPTION(struct described_field, max, CERTCTL_INTEGER),
	CERTCTL_OPTION(struct described_field, choices, CERTCTL_LIST, .item_type = CERTCTL_OBJECT,
		.nested = choice_fields, .nested_size = sizeof(struct described_choice)),
	CERTCTL_OPTION(struct described_field, nested, CERTCTL_LIST, .item_type = CERTCTL_OBJECT, .nested = row_fields,
		.nested_size = sizeof(struct described_field)),
	UINT32_FIELD(nested_size),
	CERTCTL_OPTION(struct described_field, refers_to, CERTCTL_TEXT),
	CERTCTL_OPTION(struct described_field, env, CERTCTL_TEXT),
	CERTCTL_OPTION(struct described_field, help, CERTCTL_TEXT),
	CERTCTL_OPTION(struct described_field, flags, CERTCTL_INTEGER),
	{ 0 },
};

struct description {
	int64_t config_size;
	struct certctl_list fields;
};

static const struct certctl_field description_fields[] = {
	CERTCTL_OPTION(struct description, config_size, CERTCTL_INTEGER, .max = 1 << 24),
	CERTCTL_OPTION(struct description, fields, CERTCTL_LIST, .required = true, .item_type = CERTCTL_OBJECT,
		.nested = row_fields, .nested_size = sizeof(struct described_field)),
	{ 0 },
};

/* --- Out ---------------------------------------------------------------------------------------------------------- */

static bool describe_choices(TALLOC_CTX *mem, const struct certctl_choice *choices, struct certctl_list *ret)
{
	size_t count = 0;

	while (choices && choices[count].name)
		count++;
	struct described_choice *items = talloc_zero_array(mem, struct described_choice, (unsigned)count);

	for (size_t i = 0; items && i < count; i++)
		items[i] = (struct described_choice){ choices[i].name, choices[i].help, choices[i].value };
	*ret = (struct certctl_list){ .count = count, .items = items };
	return items != NULL;
}

static bool describe_rows(TALLOC_CTX *mem, const struct certctl_field *fields, size_t row_size,
	struct certctl_list *ret)
{
	struct certctl_field_walk walk = certctl_field_walk(fields, row_size);
	struct described_field *items;
	size_t count = 0;

	while (certctl_field_next(&walk))
		count++;
	items = talloc_zero_array(mem, struct described_field, (unsigned)count);
	walk = certctl_field_walk(fields, row_size);
	for (size_t i = 0; items && certctl_field_next(&walk); i++) {
		const struct certctl_field *row = &walk.row;

		items[i] = (struct described_field){ .name = row->name,
			.fallback = row->fallback,
			.refers_to = row->refers_to,
			.env = row->env,
			.help = row->help,
			.type = row->type,
			.item_type = row->item_type,
			.offset = row->offset,
			.length = row->length,
			.path_access = row->path_access,
			.min = row->min,
			.max = row->max,
			.nested_size = (int64_t)row->nested_size,
			.flags = (int64_t)row->flags,
			.required = row->required,
			.advanced = row->advanced };
		if (!describe_choices(mem, row->choices, &items[i].choices) ||
			!describe_rows(mem, row->nested, row_size, &items[i].nested))
			return false;
	}
	*ret = (struct certctl_list){ .count = count, .items = items };
	return items != NULL;
}

json_t *certctl_fields_describe(const struct certctl_field *fields, size_t row_size)
{
	TALLOC_CTX *scratch = talloc_new(NULL);
	struct description description = { .config_size = (int64_t)certctl_field_extent(fields, row_size) };
	json_t *json = NULL;

	if (scratch && describe_rows(scratch, fields, row_size, &description.fields))
		json = certctl_fields_to_json(description_fields, sizeof(struct certctl_field), &description,
			CERTCTL_SHOW_MASKED);
	talloc_free(scratch);
	return json;
}

/* --- And back ----------------------------------------------------------------------------------------------------- */

static const struct certctl_choice *make_choices(TALLOC_CTX *mem, const struct certctl_list *list)
{
	const struct described_choice *items = list->items;
	struct certctl_choice *choices = talloc_zero_array(mem, struct certctl_choice, (unsigned)list->count + 1);

	for (size_t i = 0; choices && i < list->count; i++)
		choices[i] = (struct certctl_choice){ items[i].name, (int)items[i].value, items[i].help };
	return choices;
}

/* NULL: out of memory. */
static const struct certctl_field *make_rows(TALLOC_CTX *mem, const struct certctl_list *list)
{
	const struct described_field *items = list->items;
	struct certctl_field *rows = talloc_zero_array(mem, struct certctl_field, (unsigned)list->count + 1);

	for (size_t i = 0; rows && i < list->count; i++) {
		const struct described_field *item = &items[i];

		rows[i] = (struct certctl_field){ .name = item->name,
			.type = (uint32_t)item->type,
			.item_type = (uint32_t)item->item_type,
			.offset = (uint32_t)item->offset,
			.length = (uint32_t)item->length,
			.required = item->required,
			.advanced = item->advanced,
			.path_access = (uint32_t)item->path_access,
			.fallback = item->fallback,
			.min = item->min,
			.max = item->max,
			.nested_size = (size_t)item->nested_size,
			.refers_to = item->refers_to,
			.env = item->env,
			.help = item->help,
			.flags = (uint64_t)item->flags };
		if (item->choices.count > 0 && !(rows[i].choices = make_choices(mem, &item->choices)))
			return NULL;
		if (item->nested.count > 0 && !(rows[i].nested = make_rows(mem, &item->nested)))
			return NULL;
	}
	return rows;
}

int certctl_fields_from_description(TALLOC_CTX *mem, const json_t *json, const struct certctl_field **ret_fields,
	size_t *ret_config_size, struct certctl_error *err)
{
	static const struct certctl_field_reading how = { .path = "description" };
	TALLOC_CTX *own = talloc_new(mem);
	struct description description = { 0 };
	const struct certctl_field *rows = NULL;
	int rc = own ? certctl_fields_parse(own, description_fields, sizeof(struct certctl_field), json, &how,
			       &description, err)
		     : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");

	if (rc == 0 && !(rows = make_rows(own, &description.fields)))
		rc = certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for a field table");
	if (rc == 0)
		rc = certctl_fields_check(rows, sizeof(struct certctl_field), (size_t)description.config_size, err);
	if (rc < 0) {
		talloc_free(own);
		return rc;
	}
	*ret_fields = rows;
	*ret_config_size = (size_t)description.config_size;
	return 0;
}
