/* Tables by libsmartcols for a terminal, tab-separated lines for a pipe.  Knows nothing of the API. */
#include "output.h"
#include "text.h"
#include "values.h"

#include <ctype.h>
#include <libsmartcols/libsmartcols.h>
#include <string.h>

static int out_of_memory(struct certctl_error *err)
{
	return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for a table");
}

static const char *heading(TALLOC_CTX *mem, const char *name)
{
	char *text = talloc_strdup(mem, name);

	for (char *at = text; at && *at; at++)
		*at = *at == '_' ? ' ' : (char)toupper((unsigned char)*at);
	return text;
}

static int add_cells(struct libscols_table *table, TALLOC_CTX *mem, const char *const *columns, json_t *row,
	struct certctl_error *err)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);
	int rc = line ? 0 : -1;

	for (size_t i = 0; rc == 0 && columns[i]; i++) {
		const char *cell = text_plain(mem, value_cell(mem, json_object_get(row, columns[i])), false);

		rc = cell ? scols_line_set_data(line, i, *cell ? cell : "-") : -1;
	}
	return rc == 0 ? 0 : out_of_memory(err);
}

/* The last columns give way first when the terminal is narrow; the first is what one types again. */
static int add_columns(struct libscols_table *table, TALLOC_CTX *mem, const char *const *columns,
	struct certctl_error *err)
{
	for (size_t i = 0; columns[i]; i++)
		if (!scols_table_new_column(table, heading(mem, columns[i]), 0, i ? SCOLS_FL_TRUNC : 0))
			return out_of_memory(err);
	return 0;
}

static int print_for_people(const struct output *output, const char *const *columns, json_t *rows, bool with_head,
	TALLOC_CTX *mem, struct certctl_error *err)
{
	struct libscols_table *table = scols_new_table();
	json_t *row;
	size_t i;

	if (!table)
		return out_of_memory(err);
	scols_table_set_stream(table, output->to);
	scols_table_enable_noheadings(table, !with_head);
	scols_table_enable_noencoding(table, 1); /* text_plain() has done it */
	int rc = add_columns(table, mem, columns, err);

	json_array_foreach(rows, i, row) if (rc == 0) rc = add_cells(table, mem, columns, row, err);
	if (rc == 0 && scols_print_table(table) < 0)
		rc = certctl_fail(err, CERTCTL_E_IO, "a table cannot be printed");
	scols_unref_table(table);
	return rc;
}

static void print_for_programs(const struct output *output, const char *const *columns, json_t *rows, TALLOC_CTX *mem)
{
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		for (size_t j = 0; columns[j]; j++)
			fprintf(output->to, "%s%s", j ? "\t" : "",
				text_plain(mem, value_cell(mem, json_object_get(row, columns[j])), false));
		fputc('\n', output->to);
	}
}

int table_print(const struct output *output, const char *const *columns, json_t *rows, bool with_head,
	struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	int rc = 0;

	if (output->is_terminal)
		rc = print_for_people(output, columns, rows, with_head, mem, err);
	else
		print_for_programs(output, columns, rows, mem);
	talloc_free(mem);
	return rc;
}

/* --- One thing --------------------------------------------------------------------------------------------------------- */

/* What explains itself in words is shown as those words: a text, or a list of sentences. */
static const char *explanation_of(TALLOC_CTX *mem, json_t *value)
{
	static const char *const names[] = { "text", "explanation" };
	json_t *sentences = json_object_get(value, "sentences"), *sentence;
	char *text = talloc_strdup(mem, "");
	size_t i;

	for (i = 0; i < CERTCTL_COUNT(names); i++)
		if (json_is_string(json_object_get(value, names[i])))
			return json_string_value(json_object_get(value, names[i]));
	json_array_foreach(sentences, i, sentence) if (json_is_string(sentence)) text =
		talloc_asprintf_append(text, "%s%s", *text ? "\n" : "", json_string_value(sentence));
	return text && *text ? text : NULL;
}

static bool is_table(json_t *value)
{
	return json_is_object(json_array_get(value, 0));
}

static void print_line(const struct output *output, TALLOC_CTX *mem, const char *name, json_t *member, int width)
{
	const char *cell = text_plain(mem, value_cell(mem, member), output->is_terminal);

	if (output->is_terminal)
		fprintf(output->to, "%-*s  %s\n", width, text_plain(mem, name, false), *cell ? cell : "-");
	else
		fprintf(output->to, "%s\t%s\n", text_plain(mem, name, false), cell);
}

/* A list of things is a table of its own, below. */
static int print_tables(const struct output *output, json_t *value, TALLOC_CTX *mem, struct certctl_error *err)
{
	const char *name;
	json_t *member;
	int rc = 0;

	json_object_foreach(value, name, member)
	{
		if (rc < 0 || !is_table(member))
			continue;
		fprintf(output->to, "%s%s\n", output->is_terminal ? "\n" : "", text_plain(mem, name, false));
		rc = table_print(output, output_columns(mem, NULL, NULL, NULL, true, member), member, true, err);
	}
	return rc;
}

static int print_members(const struct output *output, json_t *value, TALLOC_CTX *mem, struct certctl_error *err)
{
	const char *name;
	json_t *member;
	int width = 0;

	json_object_foreach(value, name, member) if ((int)strlen(name) > width) width = (int)strlen(name);
	json_object_foreach(value, name, member) if (!is_table(member)) print_line(output, mem, name, member, width);
	return print_tables(output, value, mem, err);
}

int table_print_one(const struct output *output, json_t *value, struct certctl_error *err)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	const char *words = explanation_of(mem, value);
	int rc = 0;

	if (words)
		fprintf(output->to, "%s\n", text_plain(mem, words, true));
	else if (json_is_object(value))
		rc = print_members(output, value, mem, err);
	else
		fprintf(output->to, "%s\n", text_plain(mem, value_cell(mem, value), false));
	talloc_free(mem);
	return rc;
}
