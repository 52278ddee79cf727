/* JSON as YAML: block style, plain words where nobody can take them for anything else.  Knows nothing of OpenAPI. */
#include "openapi.h"

#include <string.h>
#include <strings.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

/* Words that a reader of YAML 1.1 or 1.2 takes for something else than text. */
static bool is_taken(const char *text)
{
	static const char *const words[] = { "y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan",
		"inf" };

	for (size_t i = 0; i < CERTCTL_COUNT(words); i++)
		if (strcasecmp(words[i], text) == 0)
			return true;
	return false;
}

static bool is_plain(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && strspn(text, LETTERS DIGITS "_/.,;()+-{} ") == len && strchr(LETTERS "_/", text[0]) &&
	       text[len - 1] != ' ' && !is_taken(text);
}

static void put_text(struct certctl_buffer *out, const char *text)
{
	if (is_plain(text))
		certctl_buffer_puts(out, text);
	else
		certctl_buffer_json_string(out, text, strlen(text));
}

static void put_scalar(struct certctl_buffer *out, const json_t *value)
{
	if (json_is_string(value))
		put_text(out, json_string_value(value));
	else if (json_is_integer(value))
		certctl_buffer_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_real(value))
		certctl_buffer_printf(out, "%.17g", json_real_value(value));
	else if (json_is_object(value))
		certctl_buffer_puts(out, "{}");
	else if (json_is_array(value))
		certctl_buffer_puts(out, "[]");
	else
		certctl_buffer_puts(out, json_is_true(value) ? "true" : json_is_false(value) ? "false" : "null");
}

static bool is_nested(const json_t *value)
{
	return json_object_size(value) + json_array_size(value) > 0;
}

/* Behind "key:" or "-", at this depth; ends its line. */
static void put_value(struct certctl_buffer *out, const json_t *value, int indent);

static void put_object(struct certctl_buffer *out, const json_t *object, int indent, bool is_first_on_line)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		certctl_buffer_printf(out, "%*s", is_first_on_line ? 0 : indent, "");
		put_text(out, key);
		certctl_buffer_puts(out, ":");
		put_value(out, value, indent + 2);
		is_first_on_line = false;
	}
}

static void put_array(struct certctl_buffer *out, const json_t *array, int indent)
{
	size_t i;
	json_t *value;

	json_array_foreach(array, i, value)
	{
		certctl_buffer_printf(out, "%*s-", indent, "");
		if (json_is_object(value) && is_nested(value)) {
			certctl_buffer_puts(out, " ");
			put_object(out, value, indent + 2, true);
		} else {
			put_value(out, value, indent + 2);
		}
	}
}

static void put_value(struct certctl_buffer *out, const json_t *value, int indent)
{
	certctl_buffer_puts(out, is_nested(value) ? "\n" : " ");
	if (json_is_object(value) && is_nested(value)) {
		put_object(out, value, indent, false);
	} else if (is_nested(value)) {
		put_array(out, value, indent);
	} else {
		put_scalar(out, value);
		certctl_buffer_puts(out, "\n");
	}
}

void openapi_write_yaml(struct certctl_buffer *out, const json_t *document)
{
	if (json_is_object(document) && is_nested(document))
		put_object(out, document, 0, true);
	else
		put_value(out, document, 0);
}
