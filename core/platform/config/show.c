/* Settings for people: what is in force and why, and the table as help,
 * reference and sample. */
#include "load.h"
#include "names.h"

#include <string.h>

#define ORIGIN_COLUMN 48

/* --- What is in force
 * ------------------------------------------------------------------------------------------------
 */

struct printing {
	TALLOC_CTX *mem;
	const struct settings_loaded *loaded;
	const json_t *values;
	struct certctl_buffer *out;
	char section[SETTINGS_NAME_MAX];
};

/* "http:" above its first member.  Sections do not nest. */
static void put_section(struct printing *printing, const char *path, size_t len)
{
	if (len == 0 || (strncmp(printing->section, path, len) == 0 && !printing->section[len]))
		return;
	snprintf(printing->section, sizeof(printing->section), "%.*s", (int)len, path);
	certctl_buffer_printf(printing->out, "%s:\n", printing->section);
}

/* A value on one line: flow for a list, which is JSON. */
static const char *value_text(struct printing *printing, const json_t *value)
{
	char *text = NULL;

	if (json_is_array(value))
		return certctl_json_text(printing->mem, value, NULL);
	if (certctl_yaml_write(printing->mem, value, &text, NULL) < 0)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static void print_leaf(void *arg, const struct settings_leaf *leaf)
{
	struct printing *printing = arg;
	const char *dot = strrchr(leaf->path, '.');
	size_t section_len = dot ? (size_t)(dot - leaf->path) : 0, begin;
	const struct settings_layer *origin = settings_origin(printing->loaded, leaf->path);
	const char *place = origin ? settings_layer_place(printing->mem, origin, leaf->path, false) : "default";

	put_section(printing, leaf->path, section_len);
	const json_t *values = dot ? json_object_get(printing->values, printing->section) : printing->values;
	const char *text = value_text(printing, json_object_get(values, leaf->row->name));

	begin = printing->out->len;
	certctl_buffer_printf(printing->out, "%s%s: %s", dot ? "  " : "", leaf->row->name, text ? text : "");
	size_t width = printing->out->len - begin;

	certctl_buffer_printf(printing->out, "%*s# %s%s\n", width < ORIGIN_COLUMN ? (int)(ORIGIN_COLUMN - width) : 1,
		"", origin && !origin->yaml && strncmp(origin->label, "--", 2) != 0 ? "environment " : "",
		place ? place : "");
}

void settings_print(const struct settings_loaded *loaded, struct certctl_buffer *out)
{
	CERTCTL_AUTO(json_decref)
	json_t *values = certctl_fields_to_json(settings_fields, sizeof(*settings_fields), &loaded->settings,
		CERTCTL_SHOW_MASKED);
	struct printing printing = { .mem = talloc_new(NULL), .loaded = loaded, .values = values, .out = out };

	settings_each(print_leaf, &printing);
	talloc_free(printing.mem);
}

/* --- The table
 * -------------------------------------------------------------------------------------------------------
 */

/* A copy of the rows that names their variables, and leaves nothing out as
 * being for few. */
static struct certctl_field *named_rows(TALLOC_CTX *mem, const struct certctl_field *rows, const char *prefix)
{
	unsigned count = 0;

	while (rows[count].name)
		count++;
	struct certctl_field *copy = talloc_memdup(mem, rows, (count + 1) * sizeof(*rows));

	for (unsigned i = 0; copy && i < count; i++) {
		char *path = talloc_asprintf(mem, "%s%s%s", prefix, *prefix ? "." : "", rows[i].name);
		char name[SETTINGS_NAME_MAX];

		copy[i].advanced = false;
		if (!path)
			return NULL;
		if (rows[i].type == CERTCTL_OBJECT)
			copy[i].nested = named_rows(mem, rows[i].nested, path);
		else
			copy[i].env = talloc_strdup(mem, settings_environment_name(path, name));
		if (rows[i].flags & SETTINGS_RELOADED)
			copy[i].help = talloc_asprintf(mem, "%s Reloaded.", rows[i].help);
	}
	return copy;
}

static void show_table(void (*show)(const struct certctl_field *rows, size_t row_size, struct certctl_buffer *out),
	struct certctl_buffer *out)
{
	TALLOC_CTX *mem = talloc_new(NULL);
	const struct certctl_field *rows = named_rows(mem, settings_fields, "");

	if (rows)
		show(rows, sizeof(*rows), out);
	talloc_free(mem);
}

void settings_help(struct certctl_buffer *out)
{
	show_table(certctl_fields_help, out);
}

void settings_reference(struct certctl_buffer *out)
{
	show_table(certctl_fields_reference, out);
}

void settings_sample(struct certctl_buffer *out)
{
	certctl_fields_sample(settings_fields, sizeof(*settings_fields), 0, out);
}
