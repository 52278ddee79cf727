/* From a declaration to what the handlers look up: expressions, filters, titles, the parameters of its list. */
#include "engine.h"

#include <string.h>

static const struct resource_column *special(const struct resource *resource, const char *field)
{
	for (const struct resource_column *row = resource->columns; row && row->field; row++)
		if (strcmp(row->field, field) == 0)
			return row;
	return NULL;
}

static bool is_never_null(const struct certctl_field *field)
{
	return field->required || field->fallback || strcmp(field->name, "id") == 0 ||
	       strcmp(field->name, "created_at") == 0 || strcmp(field->name, "updated_at") == 0;
}

static void bind_column(struct resource_bound *bound, const struct certctl_field *field, struct bound_column *ret)
{
	const struct resource_column *row = special(bound->resource, field->name);
	char *column = talloc_asprintf(bound, "r.%s", field->name);

	*ret = (struct bound_column){ .field = field,
		.output = row && row->output ? row->output : column,
		.sort = row && row->sort ? row->sort : column,
		.key = talloc_asprintf(bound, "\"%s\":", field->name),
		.is_never_null = row && row->sort ? row->is_never_null : is_never_null(field) };
	ret->key_len = ret->key ? strlen(ret->key) : 0;
}

static size_t count_fields(const struct certctl_field *fields)
{
	size_t count = 0;

	while (fields[count].name)
		count++;
	return count;
}

/* Taken elsewhere and shown from a column is a column to reads; shown from nowhere is the hook's. */
bool resource_is_extension(const struct certctl_field *field)
{
	return field->flags & RESOURCE_ELSEWHERE && field->flags & RESOURCE_READ_ONLY;
}

static void bind_columns(struct resource_bound *bound)
{
	const struct certctl_field *fields = bound->resource->fields;

	bound->shown = talloc_zero_array(bound, struct bound_column, (unsigned)count_fields(fields) + 1);
	for (; bound->shown && fields->name; fields++)
		if (!(fields->flags & RESOURCE_WRITE_ONLY) && !resource_is_extension(fields))
			bind_column(bound, fields, &bound->shown[bound->shown_count++]);
}

/* --- Filters --------------------------------------------------------------------------------------------------------- */

static void add_filter(struct resource_bound *bound, const struct bound_filter *filter)
{
	bound->filters = talloc_realloc(bound, bound->filters, struct bound_filter, (unsigned)bound->filter_count + 1);
	if (bound->filters)
		bound->filters[bound->filter_count++] = *filter;
}

/* A row for the value of a filter: what it is compared with. */
static const struct certctl_field *value_field(struct resource_bound *bound, const struct certctl_field *of,
	const char *name, const char *help)
{
	struct certctl_field *row = talloc_zero(bound, struct certctl_field);

	if (!row)
		return NULL;
	row->name = name;
	row->type = of->type == CERTCTL_LIST ? of->item_type : of->type;
	row->choices = of->choices;
	row->help = help;
	if (row->type != CERTCTL_ENUM && row->type != CERTCTL_INTEGER && row->type != CERTCTL_BOOLEAN &&
		row->type != CERTCTL_TIME)
		row->type = CERTCTL_TEXT;
	return row;
}

static void add_field_filters(struct resource_bound *bound, const struct bound_column *column)
{
	const struct certctl_field *field = column->field;
	bool is_list = field->type == CERTCTL_LIST, is_indexed = field->flags & RESOURCE_INDEXED;
	struct bound_filter filter = { .name = field->name,
		.condition = talloc_asprintf(bound, is_list ? "$v = ANY (%s)" : "%s = $v", column->sort),
		.field = value_field(bound, field, field->name,
			is_list ? "Only those that have it." : "Only those with this value."),
		.is_indexed = is_indexed };

	if (field->type != CERTCTL_TIME)
		add_filter(bound, &filter);
	if (field->type != CERTCTL_TIME && field->type != CERTCTL_INTEGER)
		return;
	const char *name = field->name;
	size_t len = strlen(name);

	/* created_at gives created_before and created_after; not_after gives not_after_before. */
	if (len > 3 && strcmp(name + len - 3, "_at") == 0)
		name = talloc_strndup(bound, name, len - 3);
	for (int i = 0; i < 2; i++) {
		filter.name = talloc_asprintf(bound, "%s_%s", name, i ? "after" : "before");
		filter.condition = talloc_asprintf(bound, "%s %s $v", column->sort, i ? ">" : "<");
		filter.field = value_field(bound, field, filter.name, i ? "Only those above." : "Only those below.");
		add_filter(bound, &filter);
	}
}

static void bind_filters(struct resource_bound *bound)
{
	for (size_t i = 0; bound->shown && i < bound->shown_count; i++)
		if (bound->shown[i].field->flags & RESOURCE_FILTERED)
			add_field_filters(bound, &bound->shown[i]);
	for (const struct resource_filter *row = bound->resource->filters; row && row->name; row++) {
		const struct certctl_field of = { .type = row->type ? row->type : CERTCTL_TEXT };
		struct bound_filter filter = { .name = row->name,
			.condition = row->condition,
			.join = row->join,
			.key = row->key,
			.values = row->values,
			.field = value_field(bound, &of, row->name, row->help ? row->help : "Only those."),
			.is_indexed = row->is_indexed };

		add_filter(bound, &filter);
	}
}

static void bind_search(struct resource_bound *bound)
{
	char *search = NULL;

	for (size_t i = 0; bound->shown && i < bound->shown_count; i++) {
		const struct bound_column *column = &bound->shown[i];

		if (!(column->field->flags & RESOURCE_SEARCHED))
			continue;
		search = search ? talloc_asprintf_append(search, " OR %s ILIKE $v", column->sort)
				: talloc_asprintf(bound, "(%s ILIKE $v", column->sort);
	}
	bound->search = search ? talloc_asprintf_append(search, ")") : NULL;
}

/* --- The description of its list ------------------------------------------------------------------------------------- */

/* The values of a filter as choices: the description says which there are. */
static const struct certctl_choice *choices_of(TALLOC_CTX *mem, const struct resource_filter_value *values)
{
	unsigned count = 0;

	while (values[count].value)
		count++;
	struct certctl_choice *choices = talloc_zero_array(mem, struct certctl_choice, count + 1);

	for (unsigned i = 0; choices && i < count; i++)
		choices[i] = (struct certctl_choice){ values[i].value, (int)i + 1, NULL };
	return choices;
}

static const char *sort_help(struct resource_bound *bound)
{
	char *help = talloc_strdup(bound, "Members to sort by, - for descending: id");

	for (size_t i = 0; help && i < bound->shown_count; i++)
		if (bound->shown[i].field->flags & RESOURCE_SORTED && strcmp(bound->shown[i].field->name, "id") != 0)
			help = talloc_asprintf_append(help, ", %s", bound->shown[i].field->name);
	return help ? talloc_asprintf_append(help, ".") : NULL;
}

static void bind_parameters(struct resource_bound *bound)
{
	static const struct certctl_field pages[] = {
		{ .name = "page",
			.type = CERTCTL_INTEGER,
			.min = 1,
			.max = 10000,
			.help = "Number of the page, instead of a cursor; page * per_page is at most 10,000." },
		{ .name = "per_page",
			.type = CERTCTL_INTEGER,
			.min = 1,
			.max = 500,
			.help = "Rows a page, with page." },
	};
	struct certctl_field *rows = talloc_zero_array(bound, struct certctl_field, (unsigned)bound->filter_count + 5);
	size_t count = 0;

	bound->parameters = rows;
	if (!rows)
		return;
	for (size_t i = 0; i < bound->filter_count; i++) {
		rows[count] = *bound->filters[i].field;
		if (bound->filters[i].values) {
			rows[count].type = CERTCTL_ENUM;
			rows[count].choices = choices_of(bound, bound->filters[i].values);
		}
		count++;
	}
	if (bound->search)
		rows[count++] = (struct certctl_field){ .name = "q",
			.type = CERTCTL_TEXT,
			.min = 1,
			.max = 200,
			.help = "Only those that have this in their texts." };
	rows[count++] =
		(struct certctl_field){ .name = "sort", .type = CERTCTL_TEXT, .max = 200, .help = sort_help(bound) };
	for (size_t i = 0; i < CERTCTL_COUNT(pages); i++)
		rows[count++] = pages[i];
}

/* --- Titles ---------------------------------------------------------------------------------------------------------- */

static const char *spaced(TALLOC_CTX *mem, const char *name)
{
	char *text = talloc_strdup(mem, name);

	for (char *at = text; at && *at; at++)
		if (*at == '_' || *at == '-')
			*at = ' ';
	return text;
}

int resource_bind(TALLOC_CTX *mem, const struct resource *resource, const struct resource_services *services,
	struct resource_bound **ret, struct certctl_error *err)
{
	struct resource_bound *bound = talloc_zero(mem, struct resource_bound);

	if (!bound)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	bound->resource = resource;
	bound->services = services;
	bound->body = (struct http_body){ resource->body, resource->fields };
	bound->title = resource->title ? resource->title : spaced(bound, resource->kind);
	bound->titles = spaced(bound, strrchr(resource->path, '/') + 1);
	bound->from = resource->from ? resource->from : talloc_asprintf(bound, "%s r", resource->table);
	bound->key = resource->key ? resource->key : "r.id";
	bind_columns(bound);
	bind_filters(bound);
	bind_search(bound);
	bind_parameters(bound);
	if (!bound->shown || !bound->parameters || !bound->from || !bound->titles ||
		(bound->filter_count > 0 && !bound->filters)) {
		talloc_free(bound);
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory");
	}
	*ret = bound;
	return 0;
}
