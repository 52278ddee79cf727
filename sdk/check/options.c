/* Tries an option table from outside: what must be refused is offered, row by row. */
#include "conformance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A table under trial. */
struct table {
	TALLOC_CTX *mem;
	const struct certctl_field *fields;
	size_t config_size;
	char why[200]; /* the first thing that was wrong */
};

/* Takes the value. */
static bool accepts(struct table *table, const struct certctl_field *field, json_t *value)
{
	static const struct certctl_field_reading partial = { .is_partial = true };
	CERTCTL_AUTO(json_decref) json_t *document = json_object();
	TALLOC_CTX *mem = talloc_new(table->mem);
	void *config = talloc_zero_size(mem, table->config_size + 1);
	struct certctl_error err = { 0 };

	json_object_set_new(document, field->name, value);
	int rc = certctl_fields_parse(mem, table->fields, sizeof(*field), document, &partial, config, &err);

	if (rc < 0 && !strstr(err.what, field->name) && !table->why[0])
		snprintf(table->why, sizeof(table->why), "%s: the refusal does not name it: %.80s", field->name,
			err.what);
	talloc_free(mem);
	return rc == 0;
}

static void must_refuse(struct table *table, const struct certctl_field *field, json_t *value)
{
	char *shown = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	if (accepts(table, field, value) && !table->why[0])
		snprintf(table->why, sizeof(table->why), "%s takes %.60s", field->name, shown ? shown : "");
	free(shown);
}

static void must_accept(struct table *table, const struct certctl_field *field, json_t *value)
{
	char *shown = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	if (!accepts(table, field, value) && !table->why[0])
		snprintf(table->why, sizeof(table->why), "%s refuses %.60s, which its bounds allow", field->name,
			shown ? shown : "");
	free(shown);
}

static json_t *text_of(struct table *table, int64_t len)
{
	char *text = talloc_zero_size(table->mem, (size_t)len + 1);

	memset(text, 'a', (size_t)len);
	return json_string(text);
}

/* Something well-formed for the type of a list's items; NULL where that would take more than the type. */
static const char *const samples[CERTCTL_FIELD_TYPE_COUNT] = {
	[CERTCTL_TEXT] = "a",
	[CERTCTL_HOST] = "host.example.com",
	[CERTCTL_PATH] = "/srv/file",
	[CERTCTL_EMAIL] = "someone@example.com",
};

static bool has_sample(const struct certctl_field *field)
{
	return field->item_type < CERTCTL_FIELD_TYPE_COUNT && samples[field->item_type];
}

static json_t *list_of(const struct certctl_field *field, int64_t count)
{
	json_t *list = json_array();

	for (int64_t i = 0; i < count; i++)
		json_array_append_new(list, json_string(samples[field->item_type]));
	return list;
}

#define LONGEST_TEXT (1024 * 1024)
#define LONGEST_LIST 10000

static void try_bounds(struct table *table, const struct certctl_field *field)
{
	if (field->min == 0 && field->max == 0)
		return;
	switch ((enum certctl_field_type)field->type) {
	case CERTCTL_INTEGER:
	case CERTCTL_DURATION:
	case CERTCTL_SIZE:
		if (field->min > (field->type == CERTCTL_INTEGER ? INT64_MIN : 0))
			must_refuse(table, field, json_integer(field->min - 1));
		if (field->max > 0 && field->max < INT64_MAX)
			must_refuse(table, field, json_integer(field->max + 1));
		must_accept(table, field, json_integer(field->min));
		return;
	case CERTCTL_TEXT:
		if (field->min > 1)
			must_refuse(table, field, text_of(table, field->min - 1));
		if (field->max > 0 && field->max < LONGEST_TEXT)
			must_refuse(table, field, text_of(table, field->max + 1));
		return;
	case CERTCTL_LIST:
		if (field->min > 0)
			must_refuse(table, field, json_array());
		if (field->max > 0 && field->max < LONGEST_LIST && has_sample(field))
			must_refuse(table, field, list_of(field, field->max + 1));
		return;
	default:
		return;
	}
}

/* One malformed text a type; those without any take every text. */
static const char *const malformed[CERTCTL_FIELD_TYPE_COUNT] = {
	[CERTCTL_TEXT] = "a\001b",
	[CERTCTL_INTEGER] = "seven",
	[CERTCTL_BOOLEAN] = "perhaps",
	[CERTCTL_DURATION] = "7 parsecs",
	[CERTCTL_SIZE] = "7 parsecs",
	[CERTCTL_URL] = "no url",
	[CERTCTL_HOST] = "-no host-",
	[CERTCTL_PATH] = "not/absolute",
	[CERTCTL_EMAIL] = "nobody",
	[CERTCTL_ENUM] = "no such choice",
	[CERTCTL_LIST] = "no list",
	[CERTCTL_OBJECT] = "no object",
	[CERTCTL_TIME] = "yesterday",
};

static void try_field(struct table *table, const struct certctl_field *field)
{
	if (field->type < CERTCTL_FIELD_TYPE_COUNT && malformed[field->type])
		must_refuse(table, field, json_string(malformed[field->type]));
	must_refuse(table, field, field->type == CERTCTL_BOOLEAN ? json_integer(2) : json_true());
	try_bounds(table, field);
	if (!field->help && !table->why[0])
		snprintf(table->why, sizeof(table->why), "%s has no help sentence", field->name);
}

/* Options that have no default must be asked for. */
static void try_missing(struct table *table)
{
	TALLOC_CTX *mem = talloc_new(table->mem);
	CERTCTL_AUTO(json_decref) json_t *nothing = json_object();
	void *config = talloc_zero_size(mem, table->config_size + 1);
	const struct certctl_field *required = NULL;
	struct certctl_error err = { 0 };

	for (const struct certctl_field *field = table->fields; field->name; field++)
		if (field->required && !field->fallback)
			required = field;
	int rc = certctl_fields_parse(mem, table->fields, sizeof(*table->fields), nothing, NULL, config, &err);

	if (rc == 0 && required)
		snprintf(table->why, sizeof(table->why), "%s is required, and nothing is accepted", required->name);
	if (rc < 0 && !required)
		snprintf(table->why, sizeof(table->why), "no option is required, and nothing is refused: %.100s",
			err.what);
	talloc_free(mem);
}

void check_options(TALLOC_CTX *mem, const char *title, const struct certctl_field *fields, size_t config_size,
	struct report *report)
{
	static const struct certctl_field unknown = { .name = "no_such_option" };
	struct table table = { .mem = mem, .fields = fields, .config_size = config_size };
	struct certctl_error err = { 0 };

	report_result(report, talloc_asprintf(mem, "%s: the table is sound and every default parses", title),
		certctl_fields_check(fields, sizeof(*fields), config_size, &err), &err);
	for (const struct certctl_field *field = fields; field->name; field++)
		try_field(&table, field);
	must_refuse(&table, &unknown, json_integer(1));
	try_missing(&table);
	report_judged(report, talloc_asprintf(mem, "%s: every bound, type and unknown name is refused by name", title),
		table.why[0] ? table.why : NULL);
}
