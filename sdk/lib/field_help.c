/* A field table for people: `--help` and the reference pages. */
#include "fields.h"

#include <string.h>

#define COLUMNS 100

static void put_choices(struct certctl_buffer *out, const struct certctl_choice *choices)
{
	for (const struct certctl_choice *choice = choices; choice && choice->name; choice++)
		certctl_buffer_printf(out, "%s%s",
			choice == choices ? ""
			: choice[1].name  ? ", "
					  : " or ",
			choice->name);
}

void certctl_field_put_type(struct certctl_buffer *out, const struct certctl_field *row)
{
	char bounds[80];

	if (row->type == CERTCTL_LIST) {
		struct certctl_field item = certctl_field_item(row);

		certctl_buffer_puts(out, "list of ");
		certctl_field_put_type(out, &item);
	} else if (row->type == CERTCTL_ENUM)
		put_choices(out, row->choices);
	else
		certctl_buffer_puts(out, certctl_field_type_name(row->type));
	certctl_field_bounds_text(row, bounds, sizeof(bounds));
	if (bounds[0])
		certctl_buffer_printf(out, ", %s%s", bounds,
			row->type == CERTCTL_TEXT || row->type == CERTCTL_SECRET ? " bytes"
			: row->type == CERTCTL_LIST                              ? " items"
										 : "");
	if (row->type == CERTCTL_URL && row->choices) {
		certctl_buffer_puts(out, ", ");
		put_choices(out, row->choices);
	}
}

/* Words of `text` at column 8, no line longer than COLUMNS unless a word is. */
static void put_wrapped(struct certctl_buffer *out, const char *text)
{
	size_t column = 0;

	for (const char *word = text + strspn(text, " "); *word; word += strspn(word, " ")) {
		size_t len = strcspn(word, " ");

		if (column > 0 && column + 1 + len > COLUMNS) {
			certctl_buffer_puts(out, "\n");
			column = 0;
		}
		certctl_buffer_puts(out, column > 0 ? " " : "        ");
		certctl_buffer_append(out, word, len);
		column = (column > 0 ? column + 1 : 8) + len;
		word += len;
	}
	certctl_buffer_puts(out, "\n");
}

typedef void put_row_fn(struct certctl_buffer *out, const struct certctl_field *row, const char *name,
	bool with_advanced);

/* Every row, nested ones by their dotted names: "tls.ca_file", "targets[].path". */
static void each_row(struct certctl_buffer *out, const struct certctl_field *fields, size_t row_size,
	const char *prefix, bool with_advanced, put_row_fn *put_row)
{
	struct certctl_field_walk walk = certctl_field_walk(fields, row_size);

	while (certctl_field_next(&walk)) {
		const struct certctl_field *row = &walk.row;
		char name[256];

		if (row->advanced && !with_advanced)
			continue;
		bool is_list = row->type == CERTCTL_LIST;

		snprintf(name, sizeof(name), "%s%s", prefix, row->name);
		put_row(out, row, name, with_advanced);
		if ((is_list ? row->item_type : row->type) == CERTCTL_OBJECT) {
			snprintf(name, sizeof(name), "%s%s%s.", prefix, row->name, is_list ? "[]" : "");
			each_row(out, row->nested, row_size, name, with_advanced, put_row);
		}
	}
}

static void put_help(struct certctl_buffer *out, const struct certctl_field *row, const char *name, bool with_advanced)
{
	(void)with_advanced;
	certctl_buffer_printf(out, "  %s  (", name);
	certctl_field_put_type(out, row);
	if (row->required)
		certctl_buffer_puts(out, "; required");
	if (row->fallback)
		certctl_buffer_printf(out, "; default %s", row->fallback);
	if (row->env)
		certctl_buffer_printf(out, "; environment %s", row->env);
	certctl_buffer_puts(out, ")\n");
	if (row->help)
		put_wrapped(out, row->help);
}

void certctl_fields_help(const struct certctl_field *fields, size_t row_size, struct certctl_buffer *out)
{
	each_row(out, fields, row_size, "", false, put_help);
}

/* Text in a cell of a Markdown table. */
static void put_cell(struct certctl_buffer *out, const char *text)
{
	for (; *text; text++) {
		if (strchr("|<>*_`\\[]", *text))
			certctl_buffer_puts(out, "\\");
		certctl_buffer_append(out, text, 1);
	}
}

static void put_reference(struct certctl_buffer *out, const struct certctl_field *row, const char *name,
	bool with_advanced)
{
	(void)with_advanced;
	certctl_buffer_printf(out, "| `%s` | ", name);
	certctl_field_put_type(out, row);
	certctl_buffer_puts(out, row->required ? " | required" : " | ");
	if (row->fallback)
		certctl_buffer_printf(out, "`%s`", row->fallback);
	certctl_buffer_puts(out, " | ");
	put_cell(out, row->help ? row->help : "");
	for (const struct certctl_choice *choice = row->choices; choice && choice->name; choice++)
		if (choice->help) {
			certctl_buffer_printf(out, " `%s`: ", choice->name);
			put_cell(out, choice->help);
		}
	if (row->env)
		certctl_buffer_printf(out, " Environment: `%s`.", row->env);
	certctl_buffer_puts(out, " |\n");
}

void certctl_fields_reference(const struct certctl_field *fields, size_t row_size, struct certctl_buffer *out)
{
	certctl_buffer_puts(out, "| Name | Type | Default | Meaning |\n|---|---|---|---|\n");
	each_row(out, fields, row_size, "", true, put_reference);
}
