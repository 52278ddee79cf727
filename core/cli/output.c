/* The formats, and rows that come a page at a time.  Tables are table.c's. */
#include "output.h"
#include "text.h"
#include "values.h"

#include <certctl/yaml.h>
#include <string.h>
#include <strings.h>

#define TEXT_MAX ((size_t)1 << 30)

static const struct {
	const char *name;
	enum output_format format;
} formats[] = { { "table", OUTPUT_TABLE }, { "json", OUTPUT_JSON }, { "yaml", OUTPUT_YAML }, { "csv", OUTPUT_CSV } };

enum output_format output_format_from_name(const char *name)
{
	for (size_t i = 0; i < CERTCTL_COUNT(formats); i++)
		if (strcasecmp(formats[i].name, name) == 0)
			return formats[i].format;
	return 0;
}

struct output_rows {
	const struct output *output;
	const struct api *api;
	json_t *schema;
	const char **columns;
	size_t count; /* rows that are out */
};

/* What is given to a pipe that nobody reads any more is noticed where the program ends. */
static int print_buffer(const struct output *output, struct certctl_buffer *text, struct certctl_error *err)
{
	int rc = certctl_buffer_finish(text, err);

	if (rc == 0)
		fputs(text->data, output->to);
	talloc_free(text->data);
	return rc;
}

static int print_yaml(const struct output *output, json_t *value, struct certctl_error *err)
{
	char *text;
	int rc = certctl_yaml_write(NULL, value, &text, err);

	if (rc == 0) {
		fputs(text, output->to);
		talloc_free(text);
	}
	return rc;
}

/* --- Rows -------------------------------------------------------------------------------------------------------------- */

static void put_csv_head(struct certctl_buffer *out, const char *const *columns)
{
	for (size_t i = 0; columns[i]; i++)
		text_csv_cell(out, columns[i], i == 0);
	certctl_buffer_puts(out, "\r\n");
}

static int add_csv(struct output_rows *rows, json_t *page, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	struct certctl_buffer out;
	json_t *row;
	size_t i;

	certctl_buffer_init(&out, NULL, TEXT_MAX);
	if (rows->count == 0)
		put_csv_head(&out, rows->columns);
	json_array_foreach(page, i, row)
	{
		for (size_t j = 0; rows->columns[j]; j++) {
			const char *cell = value_cell(mem, json_object_get(row, rows->columns[j]));

			text_csv_cell(&out, rows->output->is_terminal ? text_plain(mem, cell, false) : cell, j == 0);
		}
		certctl_buffer_puts(&out, "\r\n");
	}
	talloc_free(mem);
	return print_buffer(rows->output, &out, err);
}

static int add_json(struct output_rows *rows, json_t *page, struct certctl_error *err)
{
	struct certctl_buffer out;
	json_t *row;
	size_t i;

	certctl_buffer_init(&out, NULL, TEXT_MAX);
	certctl_buffer_puts(&out, rows->count ? "" : "{\n  \"data\": [");
	json_array_foreach(page, i, row)
	{
		certctl_buffer_puts(&out, rows->count + i ? ",\n    " : "\n    ");
		text_json(&out, row, 4);
	}
	return print_buffer(rows->output, &out, err);
}

static int add_yaml(struct output_rows *rows, json_t *page, struct certctl_error *err)
{
	if (json_array_size(page) == 0)
		return 0;
	if (rows->count == 0)
		fputs("data:\n", rows->output->to);
	return print_yaml(rows->output, page, err);
}

int output_rows_begin(TALLOC_CTX *mem, const struct output *output, const struct api *api, json_t *schema,
	struct output_rows **ret, struct certctl_error *err)
{
	struct output_rows *rows = talloc_zero(mem, struct output_rows);

	if (!rows)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for the rows");
	*rows = (struct output_rows){ .output = output, .api = api, .schema = schema };
	*ret = rows;
	return 0;
}

static int choose_columns(struct output_rows *rows, json_t *page, struct certctl_error *err)
{
	const struct output *output = rows->output;

	if (rows->columns)
		return 0;
	rows->columns =
		output_columns(rows, rows->api, rows->schema, output->fields, output->format == OUTPUT_CSV, page);
	return rows->columns ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for the columns");
}

int output_rows_add(struct output_rows *rows, json_t *page, struct certctl_error *err)
{
	int rc = choose_columns(rows, page, err);

	if (rc == 0 && rows->output->format == OUTPUT_JSON)
		rc = add_json(rows, page, err);
	else if (rc == 0 && rows->output->format == OUTPUT_YAML)
		rc = add_yaml(rows, page, err);
	else if (rc == 0 && rows->output->format == OUTPUT_CSV)
		rc = add_csv(rows, page, err);
	else if (rc == 0 && json_array_size(page) > 0)
		rc = table_print(rows->output, rows->columns, page, rows->count == 0, err);
	rows->count += json_array_size(page);
	return rc;
}

static int end_json(struct output_rows *rows, json_t *rest, struct certctl_error *err)
{
	struct certctl_buffer out;
	const char *name;
	json_t *member;

	certctl_buffer_init(&out, NULL, TEXT_MAX);
	certctl_buffer_puts(&out, rows->count ? "\n  ]" : "]");
	json_object_foreach(rest, name, member)
	{
		certctl_buffer_puts(&out, ",\n  ");
		certctl_buffer_json_string(&out, name, strlen(name));
		certctl_buffer_puts(&out, ": ");
		text_json(&out, member, 2);
	}
	certctl_buffer_puts(&out, "\n}\n");
	return print_buffer(rows->output, &out, err);
}

int output_rows_end(struct output_rows *rows, json_t *rest, struct certctl_error *err)
{
	const struct output *output = rows->output;

	if (output->format == OUTPUT_JSON)
		return end_json(rows, rest, err);
	if (output->format != OUTPUT_YAML)
		return 0;
	if (rows->count == 0)
		fputs("data: []\n", output->to);
	return json_object_size(rest) ? print_yaml(output, rest, err) : 0;
}

/* --- One thing --------------------------------------------------------------------------------------------------------- */

static int print_csv_of(const struct output *output, const struct api *api, json_t *schema, json_t *value,
	struct certctl_error *err)
{
	struct output_rows *rows = NULL;
	json_t *page = json_array();

	json_array_append(page, value);
	int rc = output_rows_begin(NULL, output, api, schema, &rows, err);

	if (rc == 0)
		rc = output_rows_add(rows, page, err);
	json_decref(page);
	talloc_free(rows);
	return rc;
}

int output_value(const struct output *output, const struct api *api, json_t *schema, json_t *value,
	struct certctl_error *err)
{
	struct certctl_buffer out;

	if (output->format == OUTPUT_TABLE)
		return table_print_one(output, value, err);
	if (output->format == OUTPUT_YAML)
		return print_yaml(output, value, err);
	if (output->format == OUTPUT_CSV)
		return print_csv_of(output, api, schema, value, err);
	certctl_buffer_init(&out, NULL, TEXT_MAX);
	text_json(&out, value, 0);
	certctl_buffer_puts(&out, "\n");
	return print_buffer(output, &out, err);
}
