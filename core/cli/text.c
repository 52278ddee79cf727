/* Escaping, for terminals, JSON and CSV.  Knows nothing of what the texts are. */
#include "text.h"

#include <string.h>

/* One character of UTF-8 (RFC 3629); 0: not valid there. */
static size_t decode(const unsigned char *text, uint32_t *ret)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t least;
	} rows[] = { { 0x80, 0x00, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 } };

	for (size_t len = 1; len <= CERTCTL_COUNT(rows); len++) {
		uint32_t value = text[0] & (unsigned char)~rows[len - 1].mask;

		if ((text[0] & rows[len - 1].mask) != rows[len - 1].lead)
			continue;
		for (size_t i = 1; i < len; i++) {
			if ((text[i] & 0xc0) != 0x80)
				return 0;
			value = value << 6 | (text[i] & 0x3f);
		}
		*ret = value;
		return value < rows[len - 1].least || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff) ? 0
													       : len;
	}
	return 0;
}

static bool is_harmful(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{ 0x00, 0x1f },     /* C0: escape sequences begin here */
		{ 0x7f, 0x9f },     /* DEL, and C1, which some terminals obey as well */
		{ 0x61c, 0x61c },   /* bidirectional controls (UAX 9) */
		{ 0x200b, 0x200f }, /* zero width, marks of direction */
		{ 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xfeff, 0xfeff },
		{ 0xe0000, 0xe007f }, /* tags: invisible text */
	};

	for (size_t i = 0; i < CERTCTL_COUNT(ranges); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

char *text_plain(TALLOC_CTX *mem, const char *text, bool keep_lines)
{
	struct certctl_buffer out;

	certctl_buffer_init(&out, mem, (size_t)1 << 30);
	for (const unsigned char *at = (const unsigned char *)text; *at;) {
		uint32_t c = 0;
		size_t len = decode(at, &c);

		if (len == 0)
			certctl_buffer_printf(&out, "\\x%02x", *at);
		else if (!is_harmful(c) || (keep_lines && (c == '\n' || c == '\t')))
			certctl_buffer_append(&out, at, len);
		else
			certctl_buffer_printf(&out, c < 0x80 ? "\\x%02x" : "\\u%04x", c);
		at += len ? len : 1;
	}
	return certctl_buffer_finish(&out, NULL) == 0 ? out.data : NULL;
}

/* --- JSON ------------------------------------------------------------------------------------------------------------ */

static void put_scalar(struct certctl_buffer *out, const json_t *value)
{
	char number[40];

	switch (json_typeof(value)) {
	case JSON_STRING:
		certctl_buffer_json_string(out, json_string_value(value), json_string_length(value));
		return;
	case JSON_INTEGER:
		certctl_buffer_printf(out, "%lld", (long long)json_integer_value(value));
		return;
	case JSON_REAL:
		snprintf(number, sizeof(number), "%.17g", json_real_value(value));
		certctl_buffer_printf(out, "%s%s", number, strpbrk(number, ".en") ? "" : ".0");
		return;
	default:
		certctl_buffer_puts(out, json_is_true(value) ? "true" : json_is_false(value) ? "false" : "null");
	}
}

/* `indent` below 0: all in one line. */
static void begin_line(struct certctl_buffer *out, bool is_first, int indent)
{
	certctl_buffer_puts(out, is_first ? "" : indent < 0 ? ", " : ",");
	if (indent >= 0)
		certctl_buffer_printf(out, "\n%*s", indent, "");
}

static void put_value(struct certctl_buffer *out, const json_t *value, int indent)
{
	int deeper = indent < 0 ? indent : indent + 2;
	bool is_object = json_is_object(value), is_first = true;
	const char *name;
	json_t *inner;
	size_t i;

	if (!is_object && !json_is_array(value)) {
		put_scalar(out, value);
		return;
	}
	certctl_buffer_puts(out, is_object ? "{" : "[");
	json_array_foreach(value, i, inner)
	{
		begin_line(out, is_first, deeper);
		put_value(out, inner, deeper);
		is_first = false;
	}
	json_object_foreach((json_t *)value, name, inner)
	{
		begin_line(out, is_first, deeper);
		certctl_buffer_json_string(out, name, strlen(name));
		certctl_buffer_puts(out, ": ");
		put_value(out, inner, deeper);
		is_first = false;
	}
	if (!is_first && indent >= 0)
		certctl_buffer_printf(out, "\n%*s", indent, "");
	certctl_buffer_puts(out, is_object ? "}" : "]");
}

void text_json(struct certctl_buffer *out, const json_t *value, int indent)
{
	put_value(out, value, indent);
}

void text_json_line(struct certctl_buffer *out, const json_t *value)
{
	put_value(out, value, -1);
}

/* --- CSV ------------------------------------------------------------------------------------------------------------- */

void text_csv_cell(struct certctl_buffer *out, const char *text, bool is_first)
{
	certctl_buffer_puts(out, is_first ? "\"" : ",\"");
	if (*text && strchr("=+-@\t\r", *text))
		certctl_buffer_puts(out, "'");
	for (; *text; text++) {
		if (*text == '"')
			certctl_buffer_puts(out, "\"");
		certctl_buffer_append(out, text, 1);
	}
	certctl_buffer_puts(out, "\"");
}
