/* A JSON tree as block YAML.  What is not plainly a text to every YAML reader, old or new, is quoted. */
#include <certctl/yaml.h>

#include "yaml_out.h"

#include <math.h>
#include <string.h>

/* Words that YAML 1.1 or 1.2 readers take for something else than text. */
static bool is_special_word(const char *text)
{
	static const char *const words[] = { "null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan",
		"inf" };

	for (size_t i = 0; i < CERTCTL_COUNT(words); i++)
		if (strcasecmp(words[i], text) == 0)
			return true;
	return false;
}

/* A letter, then letters, digits and signs that mean nothing in YAML: no number, date or indicator begins like that. */
static bool is_plain(const char *text, size_t len)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/_";
	static const char rest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_.+@-";

	return len > 0 && strlen(text) == len && strchr(first, text[0]) && strspn(text, rest) == len &&
	       !is_special_word(text);
}

void certctl_yaml_put_text(struct certctl_buffer *out, const char *text, size_t len)
{
	if (is_plain(text, len))
		certctl_buffer_append(out, text, len);
	else
		certctl_buffer_json_string(out, text, len);
}

static void put_real(struct certctl_buffer *out, double number)
{
	char text[40];

	/* 17 digits read back as the same number; a point or exponent keeps it from becoming an integer. */
	snprintf(text, sizeof(text), "%.17g", number);
	certctl_buffer_printf(out, "%s%s", text, strpbrk(text, ".en") ? "" : ".0");
}

static void put_flow(struct certctl_buffer *out, const json_t *value)
{
	const char *key, *separator = "";
	json_t *inner;
	size_t i;

	if (json_is_array(value)) {
		certctl_buffer_puts(out, "[");
		json_array_foreach(value, i, inner)
		{
			certctl_buffer_puts(out, i > 0 ? ", " : "");
			certctl_yaml_put_inline(out, inner);
		}
		certctl_buffer_puts(out, "]");
		return;
	}
	certctl_buffer_puts(out, "{");
	json_object_foreach((json_t *)(uintptr_t)value, key, inner)
	{
		certctl_buffer_puts(out, separator);
		certctl_yaml_put_text(out, key, strlen(key));
		certctl_buffer_puts(out, ": ");
		certctl_yaml_put_inline(out, inner);
		separator = ", ";
	}
	certctl_buffer_puts(out, "}");
}

void certctl_yaml_put_inline(struct certctl_buffer *out, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_STRING:
		certctl_yaml_put_text(out, json_string_value(value), json_string_length(value));
		return;
	case JSON_INTEGER:
		certctl_buffer_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		return;
	case JSON_REAL:
		put_real(out, json_real_value(value));
		return;
	case JSON_TRUE:
	case JSON_FALSE:
		certctl_buffer_puts(out, json_is_true(value) ? "true" : "false");
		return;
	case JSON_NULL:
		certctl_buffer_puts(out, "null");
		return;
	default:
		put_flow(out, value);
	}
}

static bool is_block(const json_t *value)
{
	return json_array_size(value) > 0 || json_object_size(value) > 0;
}

static void put_block(struct certctl_buffer *out, const json_t *value, int indent, bool is_behind_dash);

/* What follows "key:" or "-": on the same line when it is a scalar or empty. */
static void put_member(struct certctl_buffer *out, const json_t *value, int indent)
{
	if (is_block(value)) {
		certctl_buffer_puts(out, "\n");
		put_block(out, value, indent, false);
		return;
	}
	certctl_buffer_puts(out, " ");
	certctl_yaml_put_inline(out, value);
	certctl_buffer_puts(out, "\n");
}

static void put_list(struct certctl_buffer *out, const json_t *list, int indent)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		certctl_buffer_printf(out, "%*s-", indent, "");
		if (json_object_size(item) > 0) {
			certctl_buffer_puts(out, " ");
			put_block(out, item, indent + 2, true);
		} else
			put_member(out, item, indent + 2);
	}
}

static void put_block(struct certctl_buffer *out, const json_t *value, int indent, bool is_behind_dash)
{
	const char *key;
	json_t *member;

	if (json_is_array(value)) {
		put_list(out, value, indent);
		return;
	}
	json_object_foreach((json_t *)(uintptr_t)value, key, member)
	{
		certctl_buffer_printf(out, "%*s", is_behind_dash ? 0 : indent, "");
		is_behind_dash = false;
		certctl_yaml_put_text(out, key, strlen(key));
		certctl_buffer_puts(out, ":");
		put_member(out, member, indent + 2);
	}
}

int certctl_yaml_write(TALLOC_CTX *mem, const json_t *value, char **ret_text, struct certctl_error *err)
{
	struct certctl_buffer out;

	certctl_buffer_init(&out, mem, (size_t)1 << 28);
	if (is_block(value))
		put_block(&out, value, 0, false);
	else {
		certctl_yaml_put_inline(&out, value);
		certctl_buffer_puts(&out, "\n");
	}
	int rc = certctl_buffer_finish(&out, err);

	if (rc < 0) {
		talloc_free(out.data);
		return rc;
	}
	*ret_text = out.data;
	return 0;
}
