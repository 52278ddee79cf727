/* Structs as JSON and back, driven by tables of members.  Knows no struct by name: those are in wire_*.c. */
#include "wire.h"

#include <string.h>

/* As large as any frame, and more: an escape takes six bytes. */
#define TREE_MAX ((size_t)48 * 1024 * 1024)

static const void *at(const struct certctl_wire_member *member, const void *value)
{
	return (const char *)value + member->offset;
}

/* The pointer a member holds, whatever it points to. */
static const void *pointer_at(const struct certctl_wire_member *member, const void *value)
{
	const void *pointer;

	memcpy(&pointer, at(member, value), sizeof(pointer));
	return pointer;
}

uint32_t certctl_wire_value_of(const char *const *names, const char *name)
{
	for (uint32_t i = 1; name && names[i]; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return 0;
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int certctl_wire_unhex(TALLOC_CTX *mem, const char *text, struct certctl_bytes *ret, struct certctl_error *err)
{
	size_t len = strlen(text) / 2;
	unsigned char *bytes = talloc_size(mem, len + 1);

	if (!bytes)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "no memory for %zu bytes", len);
	for (size_t i = 0; i < len; i++) {
		int high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return certctl_fail(err, CERTCTL_E_INVALID, "hexadecimal digits expected");
		bytes[i] = (unsigned char)(high << 4 | low);
	}
	if (text[2 * len])
		return certctl_fail(err, CERTCTL_E_INVALID, "an even number of hexadecimal digits expected");
	bytes[len] = 0;
	*ret = (struct certctl_bytes){ .data = bytes, .len = len };
	return 0;
}

/* --- To JSON ------------------------------------------------------------------------------------------------------ */

static uint32_t unsigned_at(const struct certctl_wire_member *member, const void *value)
{
	uint16_t narrow;
	uint32_t wide;

	if (member->length == sizeof(narrow)) {
		memcpy(&narrow, at(member, value), sizeof(narrow));
		return narrow;
	}
	memcpy(&wide, at(member, value), sizeof(wide));
	return wide;
}

static int64_t signed_at(const struct certctl_wire_member *member, const void *value)
{
	int32_t narrow;
	int64_t wide;

	if (member->length == sizeof(narrow)) {
		memcpy(&narrow, at(member, value), sizeof(narrow));
		return narrow;
	}
	memcpy(&wide, at(member, value), sizeof(wide));
	return wide;
}

/* These return false for what has no JSON. */

static bool append_text(struct certctl_buffer *out, const char *text, size_t len)
{
	if (!certctl_utf8_is_valid(text, len))
		return false;
	certctl_buffer_json_string(out, text, len);
	return true;
}

static bool append_texts(struct certctl_buffer *out, const char *const *texts)
{
	char before = '[';

	for (; *texts; texts++, before = ',') {
		certctl_buffer_append(out, &before, 1);
		if (!append_text(out, *texts, strlen(*texts)))
			return false;
	}
	certctl_buffer_puts(out, before == '[' ? "[]" : "]");
	return true;
}

static void put_hex(char *to, const unsigned char *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		to[2 * i] = digits[bytes[i] >> 4];
		to[2 * i + 1] = digits[bytes[i] & 15];
	}
}

static bool append_hex(struct certctl_buffer *out, const struct certctl_bytes *bytes)
{
	char digits[256];
	size_t piece;

	certctl_buffer_append(out, "\"", 1);
	for (size_t done = 0; done < bytes->len; done += piece) {
		piece = bytes->len - done < sizeof(digits) / 2 ? bytes->len - done : sizeof(digits) / 2;
		put_hex(digits, bytes->data + done, piece);
		certctl_buffer_append(out, digits, 2 * piece);
	}
	certctl_buffer_append(out, "\"", 1);
	return true;
}

static bool append_named(struct certctl_buffer *out, const struct certctl_wire_member *member, uint32_t value)
{
	for (uint32_t i = 1; member->names[i]; i++)
		if (i == value)
			return append_text(out, member->names[i], strlen(member->names[i]));
	return false;
}

static bool append_simple(struct certctl_buffer *out, const struct certctl_wire_member *member, const void *value)
{
	const struct certctl_secret *secret;
	const char *text;

	switch (member->type) {
	case CERTCTL_WIRE_TEXT:
		text = pointer_at(member, value);
		return append_text(out, text, strlen(text));
	case CERTCTL_WIRE_BOOL:
		certctl_buffer_puts(out, *(const bool *)at(member, value) ? "true" : "false");
		return true;
	case CERTCTL_WIRE_I32:
	case CERTCTL_WIRE_I64:
		certctl_buffer_integer(out, signed_at(member, value));
		return true;
	case CERTCTL_WIRE_U16:
	case CERTCTL_WIRE_U32:
		certctl_buffer_integer(out, unsigned_at(member, value));
		return true;
	case CERTCTL_WIRE_TEXTS:
		return append_texts(out, pointer_at(member, value));
	case CERTCTL_WIRE_SECRET:
		secret = pointer_at(member, value);
		return append_text(out, (const char *)secret->data, secret->len);
	case CERTCTL_WIRE_BYTES:
		return append_hex(out, at(member, value));
	default:
		return append_named(out, member, unsigned_at(member, value));
	}
}

static bool is_left_out(const struct certctl_wire_member *member, const void *value)
{
	switch (member->type) {
	case CERTCTL_WIRE_TEXT:
	case CERTCTL_WIRE_TEXTS:
	case CERTCTL_WIRE_SECRET:
	case CERTCTL_WIRE_ROWS:
		return !pointer_at(member, value);
	case CERTCTL_WIRE_NAMED:
		return unsigned_at(member, value) == 0;
	default:
		return false;
	}
}

static int append_member(struct certctl_buffer *out, const struct certctl_wire *wire,
	const struct certctl_wire_member *member, const void *value, struct certctl_error *err)
{
	/* Names of members in C need no quoting. */
	certctl_buffer_append(out, "\"", 1);
	certctl_buffer_puts(out, member->name);
	certctl_buffer_append(out, "\":", 2);
	if (member->type == CERTCTL_WIRE_ROWS) {
		int rc = certctl_wire_append_rows(out, member->rows, pointer_at(member, value), err);

		return rc < 0 ? certctl_error_prefix(err, "%s.%s", wire->name, member->name), rc : 0;
	}
	return append_simple(out, member, value)
		       ? 0
		       : certctl_fail(err, CERTCTL_E_INVALID, "%s.%s: not UTF-8, or a value out of range", wire->name,
				 member->name);
}

int certctl_wire_append(struct certctl_buffer *out, const struct certctl_wire *wire, const void *value,
	struct certctl_error *err)
{
	char before = '{';

	if (!value) {
		certctl_buffer_puts(out, "null");
		return 0;
	}
	for (const struct certctl_wire_member *member = wire->members; member->name; member++) {
		if (is_left_out(member, value))
			continue;
		certctl_buffer_append(out, &before, 1);
		before = ',';
		int rc = append_member(out, wire, member, value, err);

		if (rc < 0)
			return rc;
	}
	certctl_buffer_puts(out, before == '{' ? "{}" : "}");
	return 0;
}

int certctl_wire_append_rows(struct certctl_buffer *out, const struct certctl_wire *wire, const void *rows,
	struct certctl_error *err)
{
	char before = '[';

	for (const void *const *row = rows; row && *row; row++, before = ',') {
		certctl_buffer_append(out, &before, 1);
		int rc = certctl_wire_append(out, wire, *row, err);

		if (rc < 0)
			return rc;
	}
	certctl_buffer_puts(out, before == '[' ? "[]" : "]");
	return 0;
}

/* A tree is the text, read: for the few who change or compare it.  Takes the text. */
static int text_to_tree(struct certctl_buffer *text, int rc, const char *name, json_t **ret, struct certctl_error *err)
{
	static const struct certctl_json_limits limits = {
		.max_bytes = TREE_MAX, .max_depth = 40, .max_nodes = 200000
	};

	if (rc == 0 && (rc = certctl_buffer_finish(text, err)) < 0)
		certctl_error_prefix(err, "%s", name);
	if (rc == 0)
		rc = certctl_json_parse(text->data, text->len, &limits, ret, err);
	certctl_wipe(text->data, text->len);
	talloc_free(text->data);
	return rc;
}

int certctl_wire_to_json(const struct certctl_wire *wire, const void *value, json_t **ret, struct certctl_error *err)
{
	struct certctl_buffer text;

	certctl_buffer_init(&text, NULL, TREE_MAX);
	return text_to_tree(&text, certctl_wire_append(&text, wire, value, err), wire->name, ret, err);
}

int certctl_wire_rows_to_json(const struct certctl_wire *wire, const void *rows, json_t **ret,
	struct certctl_error *err)
{
	struct certctl_buffer text;

	certctl_buffer_init(&text, NULL, TREE_MAX);
	return text_to_tree(&text, certctl_wire_append_rows(&text, wire, rows, err), wire->name, ret, err);
}

/* --- From JSON ---------------------------------------------------------------------------------------------------- */

static int expected(const char *what, struct certctl_error *err)
{
	return certctl_fail(err, CERTCTL_E_INVALID, "%s expected", what);
}

static int integer_from_json(const struct certctl_wire_member *member, const json_t *in, void *out,
	struct certctl_error *err)
{
	json_int_t number = json_integer_value(in);

	if (!json_is_integer(in))
		return expected("a number", err);
	if (member->type == CERTCTL_WIRE_I64) {
		memcpy(out, &(int64_t){ number }, sizeof(int64_t));
	} else if (member->type == CERTCTL_WIRE_I32 && number >= INT32_MIN && number <= INT32_MAX) {
		memcpy(out, &(int32_t){ (int32_t)number }, sizeof(int32_t));
	} else if (member->type == CERTCTL_WIRE_U32 && number >= 0 && number <= UINT32_MAX) {
		memcpy(out, &(uint32_t){ (uint32_t)number }, sizeof(uint32_t));
	} else if (member->type == CERTCTL_WIRE_U16 && number >= 0 && number <= UINT16_MAX) {
		memcpy(out, &(uint16_t){ (uint16_t)number }, sizeof(uint16_t));
	} else {
		return expected("a smaller number", err);
	}
	return 0;
}

static int named_from_json(const struct certctl_wire_member *member, const json_t *in, void *out,
	struct certctl_error *err)
{
	uint32_t value = certctl_wire_value_of(member->names, json_string_value(in));

	if (value == 0)
		return certctl_fail(err, CERTCTL_E_INVALID, "\"%s\" or another name of its kind expected",
			member->names[1]);
	if (member->length == sizeof(uint16_t))
		memcpy(out, &(uint16_t){ (uint16_t)value }, sizeof(uint16_t));
	else
		memcpy(out, &value, sizeof(value));
	return 0;
}

static int texts_from_json(TALLOC_CTX *mem, const json_t *in, void *out, struct certctl_error *err)
{
	size_t count = json_array_size(in);
	const char **texts = talloc_zero_size(mem, (count + 1) * sizeof(*texts));

	if (!json_is_array(in))
		return expected("a list of texts", err);
	for (size_t i = 0; texts && i < count; i++) {
		const json_t *item = json_array_get(in, i);

		if (!json_is_string(item))
			return expected("a list of texts", err);
		texts[i] = talloc_strdup(texts, json_string_value(item));
		if (!texts[i])
			return certctl_fail(err, CERTCTL_E_NO_MEMORY, "no memory");
	}
	if (!texts)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "no memory");
	memcpy(out, &texts, sizeof(texts));
	return 0;
}

static int text_from_json(TALLOC_CTX *mem, const json_t *in, void *out, struct certctl_error *err)
{
	const char *text = json_is_string(in) ? talloc_strdup(mem, json_string_value(in)) : NULL;

	if (!json_is_string(in))
		return expected("a text", err);
	if (!text)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "no memory");
	memcpy(out, &text, sizeof(text));
	return 0;
}

static int secret_from_json(TALLOC_CTX *mem, const json_t *in, void *out, struct certctl_error *err)
{
	struct certctl_secret *secret = talloc_zero(mem, struct certctl_secret);

	if (!json_is_string(in))
		return expected("a text", err);
	if (!secret)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "no memory");
	memcpy(out, &secret, sizeof(secret));
	return certctl_secret_set(mem, secret, json_string_value(in), json_string_length(in)) < 0
		       ? certctl_fail(err, CERTCTL_E_NO_MEMORY, "no memory")
		       : 0;
}

static int member_from_json(TALLOC_CTX *mem, const struct certctl_wire_member *member, const json_t *in, void *out,
	struct certctl_error *err)
{
	const void *rows;
	int rc;

	switch (member->type) {
	case CERTCTL_WIRE_TEXT:
		return text_from_json(mem, in, out, err);
	case CERTCTL_WIRE_BOOL:
		if (!json_is_boolean(in))
			return expected("true or false", err);
		*(bool *)out = json_is_true(in);
		return 0;
	case CERTCTL_WIRE_TEXTS:
		return texts_from_json(mem, in, out, err);
	case CERTCTL_WIRE_SECRET:
		return secret_from_json(mem, in, out, err);
	case CERTCTL_WIRE_BYTES:
		if (!json_is_string(in))
			return expected("a text of hexadecimal digits", err);
		return certctl_wire_unhex(mem, json_string_value(in), out, err);
	case CERTCTL_WIRE_ROWS:
		rc = certctl_wire_rows_from_json(mem, member->rows, in, &rows, err);
		if (rc == 0)
			memcpy(out, &rows, sizeof(rows));
		return rc;
	case CERTCTL_WIRE_NAMED:
		return named_from_json(member, in, out, err);
	default:
		return integer_from_json(member, in, out, err);
	}
}

int certctl_wire_from_json(TALLOC_CTX *mem, const struct certctl_wire *wire, const json_t *in, void *ret,
	struct certctl_error *err)
{
	if (!json_is_object(in))
		return certctl_fail(err, CERTCTL_E_INVALID, "%s: an object expected", wire->name);
	for (const struct certctl_wire_member *member = wire->members; member->name; member++) {
		const json_t *part = json_object_get(in, member->name);

		if (!part && member->required)
			return certctl_fail(err, CERTCTL_E_INVALID, "%s.%s: missing", wire->name, member->name);
		if (!part || json_is_null(part))
			continue;
		int rc = member_from_json(mem, member, part, (char *)ret + member->offset, err);

		if (rc < 0)
			return certctl_error_prefix(err, "%s.%s", wire->name, member->name), rc;
	}
	return 0;
}

int certctl_wire_rows_from_json(TALLOC_CTX *mem, const struct certctl_wire *wire, const json_t *in, const void **ret,
	struct certctl_error *err)
{
	size_t count = json_array_size(in);
	void **rows = talloc_zero_size(mem, (count + 1) * sizeof(*rows));

	if (!json_is_array(in))
		return expected("a list", err);
	if (!rows)
		return certctl_fail(err, CERTCTL_E_NO_MEMORY, "no memory");
	for (size_t i = 0; i < count; i++) {
		rows[i] = talloc_zero_size(rows, wire->size);
		if (!rows[i])
			return certctl_fail(err, CERTCTL_E_NO_MEMORY, "no memory");
		int rc = certctl_wire_from_json(rows, wire, json_array_get(in, i), rows[i], err);

		if (rc < 0)
			return rc;
	}
	*ret = rows;
	return 0;
}

void certctl_wire_wipe(json_t *tree)
{
	const char *key;
	json_t *part;
	size_t i;

	if (json_is_string(tree))
		certctl_wipe((char *)(uintptr_t)json_string_value(tree), json_string_length(tree));
	json_array_foreach(tree, i, part) certctl_wire_wipe(part);
	json_object_foreach(tree, key, part) certctl_wire_wipe(part);
}

int certctl_wire_text_from_json(TALLOC_CTX *mem, const char *name, const json_t *in, const char **ret,
	struct certctl_error *err)
{
	const char *text;
	int rc = certctl_json_get_text(in, name, &text, err);

	if (rc < 0)
		return rc == CERTCTL_E_NOT_FOUND ? certctl_fail(err, CERTCTL_E_INVALID, "%s: missing", name) : rc;
	*ret = talloc_strdup(mem, text);
	return *ret ? 0 : certctl_fail(err, CERTCTL_E_NO_MEMORY, "no memory");
}
