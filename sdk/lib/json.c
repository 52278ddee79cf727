/* Strict reading of JSON: Jansson behind a count of depth and nodes, and a quick way for what is plain.  Knows nothing of what the documents mean. */
#include <certctl/json.h>

#include "json_limits.h"
#include "json_plain.h"
#include "utf8.h"

#include <inttypes.h>
#include <string.h>

static const struct certctl_json_limits defaults = { .max_bytes = 1 << 20, .max_depth = 32, .max_nodes = 10000 };

struct certctl_json_limits certctl_json_limits_full(const struct certctl_json_limits *limits)
{
	struct certctl_json_limits full = limits ? *limits : defaults;

	full.max_bytes = full.max_bytes ? full.max_bytes : defaults.max_bytes;
	full.max_depth = full.max_depth ? full.max_depth : defaults.max_depth;
	full.max_nodes = full.max_nodes ? full.max_nodes : defaults.max_nodes;
	return full;
}

/* Where the string that begins at `at` ends: behind its closing quote, or at the end of the text. */
static size_t skip_string(const char *text, size_t len, size_t at)
{
	for (at++; at < len; at++) {
		at += certctl_utf8_plain_run(text + at, len - at);
		if (at < len && text[at] == '"')
			return at + 1;
		if (at < len && text[at] == '\\')
			at++;
	}
	return len;
}

/* Where the number or literal that begins at `at` ends. */
static size_t skip_word(const char *text, size_t len, size_t at)
{
	do
		at++;
	while (at < len && !strchr("{}[],:\" \t\r\n", text[at]));
	return at;
}

/*
 * Count what the parser would build, before it builds it.  Tokens are enough: every value is one, and so is every key,
 * which its colon takes off again.  What is no JSON at all is left to the parser, which stops there.
 */
static int scan(const char *text, size_t len, const struct certctl_json_limits *limits, struct certctl_error *err)
{
	size_t depth = 0, nodes = 0;
	bool is_string = false; /* the last token was one, and a colon makes it a key */

	for (size_t at = 0; at < len;) {
		char c = text[at];
		bool is_open = c == '{' || c == '[', is_close = c == '}' || c == ']';

		if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
			at++;
			continue;
		}
		depth = is_close ? depth - (depth > 0) : depth + is_open;
		nodes = c == ':' ? nodes - is_string : nodes + !(is_close || c == ',');
		is_string = c == '"';
		if (depth > limits->max_depth)
			return certctl_fail(err, CERTCTL_E_LIMIT, "JSON nested deeper than %zu", limits->max_depth);
		if (nodes > limits->max_nodes + is_string)
			break;
		if (is_string)
			at = skip_string(text, len, at);
		else
			at = is_open || is_close || c == ',' || c == ':' ? at + 1 : skip_word(text, len, at);
	}
	if (nodes > limits->max_nodes)
		return certctl_fail(err, CERTCTL_E_LIMIT, "JSON with more than %zu values", limits->max_nodes);
	return 0;
}

/* Jansson's own words, without the text nearby: it may be part of a secret.  Of a duplicate that text is the key. */
static int fail_syntax(const json_error_t *why, struct certctl_error *err)
{
	static const char marker[] = " near '";
	const char *nearby = strstr(why->text, marker), *text = why->text;
	size_t len = nearby ? (size_t)(nearby - text) : strlen(text);
	char words[96];

	switch (json_error_code(why)) {
	case json_error_out_of_memory:
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "out of memory for a JSON text");
	case json_error_stack_overflow:
		return certctl_fail(err, CERTCTL_E_LIMIT, "JSON nested too deep");
	case json_error_duplicate_key:
		text = nearby ? nearby + sizeof(marker) - 1 : text;
		certctl_utf8_show(text, strcspn(text, "'"), words, sizeof(words));
		return certctl_fail(err, CERTCTL_E_INVALID, "JSON %d:%d: duplicate member %s", why->line, why->column,
			words);
	case json_error_null_character:
	case json_error_null_byte_in_key:
		return certctl_fail(err, CERTCTL_E_INVALID, "JSON %d:%d: \\u0000 is not allowed", why->line,
			why->column);
	default:
		return certctl_fail(err, CERTCTL_E_INVALID, "JSON %d:%d: %s", why->line, why->column,
			certctl_utf8_show(text, len, words, sizeof(words)));
	}
}

int certctl_json_parse(const char *text, size_t len, const struct certctl_json_limits *limits, json_t **ret,
	struct certctl_error *err)
{
	struct certctl_json_limits full = certctl_json_limits_full(limits);
	json_error_t why = { 0 };

	if (len > full.max_bytes)
		return certctl_fail(err, CERTCTL_E_LIMIT, "JSON longer than %zu bytes", full.max_bytes);
	/* No text has more values than bytes. */
	json_t *value = len <= full.max_nodes ? certctl_json_read_plain(text, len, full.max_depth) : NULL;

	if (value) {
		*ret = value;
		return 0;
	}
	int rc = scan(text, len, &full, err);

	if (rc < 0)
		return rc;
	if (len > full.max_nodes)
		value = certctl_json_read_plain(text, len, full.max_depth);
	if (!value)
		value = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
	if (!value)
		return fail_syntax(&why, err);
	/* Jansson takes a NUL behind a number for the end. */
	if (memchr(text, 0, len)) {
		json_decref(value);
		return certctl_fail(err, CERTCTL_E_INVALID, "JSON: a NUL byte in the text");
	}
	*ret = value;
	return 0;
}

static int get(const json_t *object, const char *key, const json_t **ret, struct certctl_error *err)
{
	*ret = json_object_get(object, key);
	return *ret ? 0 : certctl_fail(err, CERTCTL_E_NOT_FOUND, "%s: missing", key);
}

int certctl_json_get_text(const json_t *object, const char *key, const char **ret, struct certctl_error *err)
{
	const json_t *value;
	int rc = get(object, key, &value, err);

	if (rc < 0)
		return rc;
	if (!json_is_string(value))
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: text expected", key);
	*ret = json_string_value(value);
	return 0;
}

int certctl_json_get_integer(const json_t *object, const char *key, int64_t min, int64_t max, int64_t *ret,
	struct certctl_error *err)
{
	const json_t *value;
	int rc = get(object, key, &value, err);

	if (rc < 0)
		return rc;
	if (!json_is_integer(value))
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: integer expected", key);
	int64_t number = json_integer_value(value);

	if (number < min || number > max)
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: %" PRId64 "..%" PRId64 " expected, got %" PRId64, key,
			min, max, number);
	*ret = number;
	return 0;
}

const char *certctl_json_text_or(const json_t *object, const char *key, const char *fallback)
{
	const json_t *value = json_object_get(object, key);

	return json_is_string(value) ? json_string_value(value) : fallback;
}

int64_t certctl_json_integer_or(const json_t *object, const char *key, int64_t fallback)
{
	const json_t *value = json_object_get(object, key);

	return json_is_integer(value) ? json_integer_value(value) : fallback;
}
