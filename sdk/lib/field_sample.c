/* A field table as sample configuration: YAML that reads as it stands, once the required members are filled in. */
#include "fields.h"
#include "yaml_out.h"

#include <string.h>

/* `mark` is "" for lines in force and "# " for those that are only shown. */
static void put_rows(struct certctl_buffer *out, const struct certctl_field *fields, size_t row_size, int indent,
	const char *mark);

static void put_line_start(struct certctl_buffer *out, int indent, const char *mark)
{
	certctl_buffer_printf(out, "%*s%s", indent, "", mark);
}

static void put_comment(struct certctl_buffer *out, const struct certctl_field *row, int indent)
{
	put_line_start(out, indent, "# ");
	if (row->help)
		certctl_buffer_printf(out, "%s ", row->help);
	certctl_buffer_puts(out, "(");
	certctl_field_put_type(out, row);
	certctl_buffer_puts(out, row->required ? "; required)\n" : ")\n");
}

/* What a required member shows until somebody fills it in. */
static const char *empty_value(const struct certctl_field *row)
{
	return row->type == CERTCTL_LIST                                      ? "[]"
	       : row->type == CERTCTL_INTEGER || row->type == CERTCTL_BOOLEAN ? "null"
									      : "\"\"";
}

static void put_value(struct certctl_buffer *out, const struct certctl_field *row, int indent, const char *mark)
{
	bool is_shown_only = !row->fallback && !row->required;
	CERTCTL_AUTO(json_decref) json_t *value = row->fallback ? certctl_field_json_of_text(row, row->fallback) : NULL;

	put_line_start(out, indent, is_shown_only && !mark[0] ? "# " : mark);
	certctl_buffer_printf(out, "%s: ", row->name);
	if (value)
		certctl_yaml_put_inline(out, value);
	else
		certctl_buffer_puts(out, empty_value(row));
	certctl_buffer_puts(out, "\n");
}

static bool has_required(const struct certctl_field *fields, size_t row_size)
{
	struct certctl_field_walk walk = certctl_field_walk(fields, row_size);

	while (certctl_field_next(&walk))
		if (walk.row.required)
			return true;
	return false;
}

/* An optional object that would need values of the reader's is only shown. */
static void put_object(struct certctl_buffer *out, const struct certctl_field *row, size_t row_size, int indent,
	const char *mark)
{
	bool is_list = row->type == CERTCTL_LIST;
	bool is_shown_only = is_list || (!row->required && has_required(row->nested, row_size));
	const char *inner = is_shown_only ? "# " : mark;

	put_line_start(out, indent, inner);
	certctl_buffer_printf(out, "%s:\n", row->name);
	if (is_list) {
		put_line_start(out, indent, inner);
		certctl_buffer_puts(out, "  -\n");
	}
	/* Behind a mark the indent is counted from the mark, so that taking the marks away leaves good YAML. */
	put_rows(out, row->nested, row_size, indent + (is_list ? 4 : 2), inner);
}

static void put_rows(struct certctl_buffer *out, const struct certctl_field *fields, size_t row_size, int indent,
	const char *mark)
{
	struct certctl_field_walk walk = certctl_field_walk(fields, row_size);

	while (certctl_field_next(&walk)) {
		const struct certctl_field *row = &walk.row;

		if (row->advanced)
			continue;
		put_comment(out, row, indent);
		if ((row->type == CERTCTL_LIST ? row->item_type : row->type) == CERTCTL_OBJECT)
			put_object(out, row, row_size, indent, mark);
		else
			put_value(out, row, indent, mark);
	}
}

void certctl_fields_sample(const struct certctl_field *fields, size_t row_size, int indent, struct certctl_buffer *out)
{
	put_rows(out, fields, row_size, indent, "");
}
