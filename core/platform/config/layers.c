/* Files, drop-ins, environment and command line as documents of one shape.
 * Judges no value. */
#include "layers.h"
#include "names.h"

#include <certctl/name.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Layers as they are collected; each goes on top. */
struct stack {
	TALLOC_CTX *mem;
	const struct settings_source *source;
	struct settings_problems *problems;
	struct settings_layer *first, *last;
};

void settings_problem(struct settings_problems *problems, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *text = talloc_vasprintf(NULL, format, args);

	va_end(args);
	if (problems->rc == 0)
		problems->rc =
			certctl_fail(problems->err, (enum certctl_code)code, "%s", text ? text : "out of memory");
	if (problems->tell)
		problems->tell(problems->arg, text ? text : "out of memory");
	talloc_free(text);
}

static int release_document(struct settings_layer *layer)
{
	json_decref(layer->document);
	return 0;
}

static struct settings_layer *add(struct stack *stack, json_t *document)
{
	struct settings_layer *layer = document ? talloc_zero(stack->mem, struct settings_layer) : NULL;

	if (!layer) {
		json_decref(document);
		settings_problem(stack->problems, CERTCTL_E_NO_MEMORY, "out of memory");
		return NULL;
	}
	layer->document = document;
	talloc_set_destructor(layer, release_document);
	if (stack->last)
		stack->last->next = layer;
	else
		stack->first = layer;
	stack->last = layer;
	return layer;
}

/* --- Files
 * -----------------------------------------------------------------------------------------------------------
 */

static void add_file(struct stack *stack, const char *file, bool is_required)
{
	struct certctl_yaml *yaml = NULL;
	struct certctl_error err;
	int rc = certctl_yaml_read_file(stack->mem, file, NULL, &yaml, &err);

	if (rc == CERTCTL_E_NOT_FOUND && !is_required)
		return;
	if (rc < 0) {
		settings_problem(stack->problems, rc, "%s", err.what);
		return;
	}
	/* Nothing but comments: a file all the same. */
	struct settings_layer *layer = add(stack, json_is_null(yaml->root) ? json_object() : json_incref(yaml->root));

	if (layer)
		layer->yaml = talloc_steal(layer, yaml);
}

static int is_drop_in(const struct dirent *entry)
{
	const char *suffix = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && suffix && strcmp(suffix, ".yaml") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void add_drop_ins(struct stack *stack, const char *file)
{
	const char *slash = strrchr(file, '/');
	char *folder = talloc_asprintf(stack->mem, "%.*sconf.d", slash ? (int)(slash + 1 - file) : 0, file);
	struct dirent **entries = NULL;
	int count = folder ? scandir(folder, &entries, is_drop_in, by_bytes) : -1;

	if (!folder)
		settings_problem(stack->problems, CERTCTL_E_NO_MEMORY, "out of memory");
	else if (count < 0 && errno != ENOENT)
		settings_problem(stack->problems, CERTCTL_E_IO, "%s: %s", folder, strerror(errno));
	for (int i = 0; i < count; i++) {
		char *path = talloc_asprintf(stack->mem, "%s/%s", folder, entries[i]->d_name);

		if (path)
			add_file(stack, path, true);
		free(entries[i]);
	}
	free(entries);
}

/* --- Single values
 * ---------------------------------------------------------------------------------------------------
 */

/* "http.listen" and a value as {"http":{"listen":value}}; takes the value. */
static json_t *nest(const char *path, json_t *value)
{
	const char *dot = strchr(path, '.');
	char name[SETTINGS_NAME_MAX];
	size_t len = dot ? (size_t)(dot - path) : strlen(path);
	json_t *inner = dot ? nest(dot + 1, value) : value, *object = json_object();

	snprintf(name, sizeof(name), "%.*s", (int)(len < sizeof(name) ? len : sizeof(name) - 1), path);
	if (inner && json_object_set_new(object, name, inner) == 0)
		return object;
	json_decref(object);
	return NULL;
}

/* Parts with something in them, between dots. */
static bool is_name(const char *path)
{
	size_t len = strlen(path);

	return len > 0 && len < SETTINGS_NAME_MAX && path[0] != '.' && path[len - 1] != '.' && !strstr(path, "..") &&
	       certctl_utf8_is_valid(path, len);
}

static void add_value(struct stack *stack, const char *label, const char *path, const char *text, bool is_built_in)
{
	const struct certctl_field *row = settings_find(path);

	if (!is_name(path) || !certctl_utf8_is_valid(text, strlen(text))) {
		settings_problem(stack->problems, CERTCTL_E_INVALID, "%s: name of a setting and text in UTF-8 expected",
			label);
		return;
	}
	struct settings_layer *layer =
		add(stack, nest(path, row ? certctl_field_json_of_text(row, text) : json_string(text)));

	if (!layer)
		return;
	layer->label = talloc_strdup(layer, label);
	layer->is_built_in = is_built_in;
	if (!layer->label)
		settings_problem(stack->problems, CERTCTL_E_NO_MEMORY, "out of memory");
}

static void add_values(struct stack *stack, const struct settings_value *values, size_t count, bool is_built_in)
{
	for (size_t i = 0; i < count; i++)
		add_value(stack, values[i].label, values[i].path, values[i].text, is_built_in);
}

/* --- Environment
 * -----------------------------------------------------------------------------------------------------
 */

const char *settings_environment(const char *const *environment, const char *name)
{
	size_t len = strlen(name);

	for (; environment && *environment; environment++)
		if (strncmp(*environment, name, len) == 0 && (*environment)[len] == '=')
			return (*environment)[len + 1] ? *environment + len + 1 : NULL;
	return NULL;
}

/* A secret's variable may name a file instead: NAME_FILE. */
static void add_secret_file(struct stack *stack, const struct settings_leaf *leaf, const char *name, bool is_set)
{
	char *file_name = talloc_asprintf(stack->mem, "%s_FILE", name);
	const char *file = file_name ? settings_environment(stack->source->environment, file_name) : NULL;
	char *reference = file ? talloc_asprintf(stack->mem, "file:%s", file) : NULL;

	if (reference && is_set)
		settings_problem(stack->problems, CERTCTL_E_INVALID, "%s and %s are both set: one expected", name,
			file_name);
	else if (reference)
		add_value(stack, file_name, leaf->path, reference, false);
}

static void add_variable(void *arg, const struct settings_leaf *leaf)
{
	struct stack *stack = arg;
	char name[SETTINGS_NAME_MAX];
	const char *text =
		settings_environment(stack->source->environment, settings_environment_name(leaf->path, name));

	if (text)
		add_value(stack, name, leaf->path, text, false);
	if (leaf->row->type == CERTCTL_SECRET)
		add_secret_file(stack, leaf, name, text != NULL);
}

/* --- All of them
 * -----------------------------------------------------------------------------------------------------
 */

struct settings_layer *settings_layers(TALLOC_CTX *mem, const struct settings_source *source,
	struct settings_problems *problems)
{
	struct stack stack = { .mem = mem, .source = source, .problems = problems };

	add_values(&stack, source->built_in, source->built_in_count, true);
	if (source->file) {
		add_file(&stack, source->file, source->is_file_required);
		add_drop_ins(&stack, source->file);
	}
	settings_each(add_variable, &stack);
	add_values(&stack, source->flags, source->flag_count, false);
	return stack.first;
}

bool settings_layer_has(const struct settings_layer *layer, const char *path)
{
	const json_t *at = layer->document;

	while (at && path) {
		char name[SETTINGS_NAME_MAX];
		const char *dot = strchr(path, '.');

		snprintf(name, sizeof(name), "%.*s", (int)(dot ? (size_t)(dot - path) : strlen(path)), path);
		at = json_object_get(at, name);
		/* A section that is null puts all its defaults back. */
		if (json_is_null(at))
			return true;
		path = dot ? dot + 1 : NULL;
	}
	return at != NULL;
}

const char *settings_layer_place(TALLOC_CTX *mem, const struct settings_layer *layer, const char *path,
	bool with_column)
{
	int line = 1, column = 1;

	if (!layer->yaml)
		return layer->label;
	certctl_yaml_locate(layer->yaml, path, &line, &column);
	return with_column ? talloc_asprintf(mem, "%s:%d:%d", layer->yaml->file, line, column)
			   : talloc_asprintf(mem, "%s:%d", layer->yaml->file, line);
}
